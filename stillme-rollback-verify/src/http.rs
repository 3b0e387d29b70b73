//! The HTTP health check.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{Error, ErrorKind, Result, Run, Verdict, Verifier};

use crate::address::AddressPolicy;
use crate::approach::Approach;
use crate::cadence::Cadence;
use crate::probe::{Probe, Sight};
use crate::resolve::Resolver;
use crate::url::{HealthUrl, Scheme};

mod expectation;
mod redirect;
mod reqwest_transport;
mod transport;

pub use self::expectation::{Expectation, JsonField, Statuses};
pub use self::reqwest_transport::ReqwestTransport;
pub use self::transport::{HttpAnswer, HttpRequest, HttpTransport, NoAnswer};

/// Asks a URL until it can decide, as [`Cadence`] says.
///
/// # What is a good answer
/// As for Kubernetes' probes, with two exceptions that it calls successes: a redirect to another
/// host and a certificate that can't be verified are none here.
/// - The status is 200 to 399, or as [`Expectation::status`] says. A redirect is followed to the same
///   host only, by name, and goes to the addresses that [`AddressPolicy`] judged for the try. Another
///   port of it may answer, and plain text behind TLS: the evidence says so, since on an engine with
///   published ports another port of `localhost` is another service. Ten redirects in a row are bad,
///   and so is one that leads nowhere or to what is no plain `http` or `https` URL. A redirect whose
///   status was asked for by number is the answer itself.
/// - The body holds what was asked for. 64 KiB of it are looked at; where nothing is asked of it,
///   10 KiB are read and an answer that breaks off before is bad. It is not decompressed.
/// - All within [`Cadence::timeout`]. Every try has its own connection, so that a load balancer
///   spreads the tries and an old connection hides no closed port. No proxy is used.
///
/// Nothing of an answer's body and no header but a redirect's scheme, host and port is ever shown.
#[derive(Clone)]
pub struct HttpCheck {
    url: HealthUrl,
    expectation: Expectation,
    approach: Approach,
    transport: Arc<dyn HttpTransport>,
}

/// What an [`HttpCheck`] is made of.
#[derive(Clone)]
#[must_use]
pub struct HttpCheckBuilder {
    url: HealthUrl,
    expectation: Expectation,
    approach: Approach,
    transport: Option<Arc<dyn HttpTransport>>,
}

impl HttpCheckBuilder {
    /// What a good answer is.
    pub fn expecting(mut self, expectation: Expectation) -> Self {
        self.expectation = expectation;
        self
    }

    /// How often to try, and how many tries decide.
    pub fn cadence(mut self, cadence: Cadence) -> Self {
        self.approach.cadence = cadence;
        self
    }

    /// Which servers may be asked.
    pub fn policy(mut self, policy: AddressPolicy) -> Self {
        self.approach.policy = policy;
        self
    }

    /// Who finds the addresses of names, instead of the operating system.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.approach.resolver = resolver;
        self
    }

    /// Who sends the requests, instead of a [`ReqwestTransport`].
    pub fn transport(mut self, transport: Arc<dyn HttpTransport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The check.
    ///
    /// # Errors
    /// `InvalidInput` for a cadence or an expectation that means nothing, `PermissionDenied` for a
    /// host that the policy denies, `Unsupported` for an `https` URL in a build without TLS.
    pub fn build(self) -> Result<HttpCheck> {
        self.expectation.check()?;
        self.approach.check(self.url.host())?;
        let transport = match self.transport {
            Some(transport) => transport,
            None if self.url.scheme() == Scheme::Https && !cfg!(feature = "rustls") => {
                return Err(no_tls());
            }
            None => Arc::new(ReqwestTransport::new()),
        };
        Ok(HttpCheck {
            url: self.url,
            expectation: self.expectation,
            approach: self.approach,
            transport,
        })
    }
}

fn no_tls() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "set up health check",
        "the URL is https, and this build has no TLS",
    )
    .with_hint("nothing was touched; build with the feature `rustls`")
}

impl HttpCheck {
    /// A check of a URL with the defaults: any success status, three in a row.
    pub fn builder(url: HealthUrl) -> HttpCheckBuilder {
        HttpCheckBuilder {
            url,
            expectation: Expectation::default(),
            approach: Approach::default(),
            transport: None,
        }
    }

    /// The URL that is asked.
    pub fn url(&self) -> &HealthUrl {
        &self.url
    }

    /// What a good answer is.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// How often it tries, and how many tries decide.
    pub fn cadence(&self) -> Cadence {
        self.approach.cadence
    }

    /// Which servers it may ask.
    pub fn policy(&self) -> &AddressPolicy {
        &self.approach.policy
    }

    /// Follows redirects to the answer and judges it.
    async fn follow(&self, trail: &mut redirect::Trail<'_>, addresses: &[IpAddr]) -> Sight {
        for _ in 0..redirect::REQUESTS {
            let answer = match self.get(trail.url(), addresses).await {
                Ok(answer) => answer,
                Err(NoAnswer::FromService(why)) => return Sight::Bad(why),
                Err(NoAnswer::OnThisSide(why)) => return Sight::Blind(why),
            };
            let final_answer = self.expectation.names_status(answer.status)
                || !redirect::is_redirect(answer.status);
            if final_answer {
                return self.expectation.judge(&answer).map_or_else(Sight::Bad, Sight::Good);
            }
            if let Err(stray) = trail.follow(&answer) {
                return Sight::Bad(format!("{}: {stray}", answer.status));
            }
        }
        Sight::Bad(format!("{} redirects in a row", redirect::REQUESTS))
    }

    async fn get(&self, url: &HealthUrl, addresses: &[IpAddr]) -> Result<HttpAnswer, NoAnswer> {
        let cap = self.expectation.body_cap();
        self.transport.get(HttpRequest::new(url.clone(), addresses.to_vec(), cap)).await
    }
}

#[async_trait]
impl Probe for HttpCheck {
    fn title(&self) -> String {
        format!("GET {}", self.url)
    }

    async fn look(&self) -> Sight {
        // Asked once a try, and every redirect goes to these addresses: another look-up could lead it
        // elsewhere.
        let addresses = match self.approach.addresses(self.url.host()).await {
            Ok(addresses) => addresses,
            Err(sight) => return sight,
        };
        let mut trail = redirect::Trail::from(&self.url);
        let sight = self.follow(&mut trail, &addresses).await;
        sight.map_text(|what| trail.tell(what))
    }
}

#[async_trait]
impl Verifier for HttpCheck {
    async fn verify(&self, _: &Run, time_left: Duration) -> Result<Verdict> {
        Ok(self.approach.verdict(self, time_left).await)
    }
}

impl fmt::Debug for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCheck")
            .field("url", &self.url)
            .field("expectation", &self.expectation)
            .field("approach", &self.approach)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpCheckBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCheckBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(feature = "rustls")))]
mod tests {
    use super::*;

    #[test]
    fn without_tls_an_https_url_makes_no_check() {
        let url = HealthUrl::parse("https://localhost/").unwrap();
        let error = HttpCheck::builder(url).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
