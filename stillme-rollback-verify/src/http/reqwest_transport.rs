//! The transport over reqwest.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_ENCODING, HeaderMap, LOCATION};
use stillme_rollback_core::{Printable, Secret};

use super::transport::{HttpAnswer, HttpRequest, HttpTransport, NoAnswer};
use crate::probe::says_nothing_of_the_service;
use crate::url::{Host, Scheme};

const USER_AGENT: &str = concat!("stillme-rollback-verify/", env!("CARGO_PKG_VERSION"));

/// The bound of a connect where no try's limit is shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests with reqwest: a new connection each, no proxy, no redirects, to the given addresses
/// only. TLS is rustls with aws-lc-rs, and the system's root certificates.
#[derive(Debug, Default)]
pub struct ReqwestTransport {
    #[cfg(feature = "rustls")]
    roots: Vec<reqwest::Certificate>,
    /// The client of the last request: its addresses are built in, and they seldom change.
    last: Mutex<Option<Pinned>>,
}

#[derive(Debug)]
struct Pinned {
    scheme: Scheme,
    host: Host,
    addresses: Vec<IpAddr>,
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// A transport that trusts the system's root certificates.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same transport, trusting the certificates of a PEM file as well.
    ///
    /// # Errors
    /// `InvalidInput` if there is none in it.
    #[cfg(feature = "rustls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
    pub fn trusting(mut self, pem: &[u8]) -> stillme_rollback_core::Result<Self> {
        use stillme_rollback_core::{Error, ErrorKind};
        let roots = reqwest::Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|roots| !roots.is_empty())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "read root certificates",
                    "there is no PEM certificate",
                )
                .with_hint("nothing was touched; give a file with BEGIN CERTIFICATE lines")
            })?;
        self.roots.extend(roots);
        Ok(self)
    }

    /// The client for a request's server: the last one, if nothing changed.
    fn client(&self, request: &HttpRequest) -> Result<reqwest::Client, NoAnswer> {
        let (scheme, host) = (request.url.scheme(), request.url.host());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pinned) = &*last
            && pinned.scheme == scheme
            && pinned.host == *host
            && pinned.addresses == request.addresses
        {
            return Ok(pinned.client.clone());
        }
        let client = self
            .settings(scheme)
            .dns_resolver(Pins { host: host.clone(), addresses: request.addresses.clone() })
            .build()
            .map_err(|error| NoAnswer::OnThisSide(describe(&error)))?;
        *last = Some(Pinned {
            scheme,
            host: host.clone(),
            addresses: request.addresses.clone(),
            client: client.clone(),
        });
        Ok(client)
    }

    fn settings(&self, scheme: Scheme) -> reqwest::ClientBuilder {
        let settings = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .pool_max_idle_per_host(0)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT);
        self.with_roots(settings, scheme)
    }

    #[cfg(feature = "rustls")]
    fn with_roots(
        &self,
        settings: reqwest::ClientBuilder,
        scheme: Scheme,
    ) -> reqwest::ClientBuilder {
        match scheme {
            // Plain text needs no roots, and a machine without any can still check it.
            Scheme::Http => settings.tls_certs_only([]),
            Scheme::Https => settings.https_only(true).tls_certs_merge(self.roots.iter().cloned()),
        }
    }

    #[cfg(not(feature = "rustls"))]
    #[expect(clippy::unused_self, reason = "the same call with and without TLS")]
    fn with_roots(&self, settings: reqwest::ClientBuilder, _: Scheme) -> reqwest::ClientBuilder {
        settings
    }
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn get(&self, request: HttpRequest) -> Result<HttpAnswer, NoAnswer> {
        // reqwest connects to an address in the URL itself without asking the resolver: the check
        // has judged it, but another caller of this trait may not have.
        if let Host::Ip(ip) = request.url.host()
            && !request.addresses.contains(ip)
        {
            return Err(NoAnswer::OnThisSide(format!(
                "not asked: {ip} is not among the addresses to connect to"
            )));
        }
        let response =
            self.client(&request)?.get(request.url.expose()).send().await.map_err(no_answer)?;
        read(response, request.body_cap).await
    }
}

async fn read(mut response: reqwest::Response, cap: usize) -> Result<HttpAnswer, NoAnswer> {
    let mut answer = HttpAnswer::new(response.status().as_u16(), Vec::new());
    answer.location = location(response.headers());
    answer.is_encoded = is_encoded(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        let room = cap - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            answer.is_cut = true;
            break;
        }
    }
    answer.body = Secret::new(body);
    Ok(answer)
}

fn location(headers: &HeaderMap) -> Option<Secret<String>> {
    let value = headers.get(LOCATION)?;
    Some(Secret::new(String::from_utf8_lossy(value.as_bytes()).into_owned()))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    let why = describe(&error);
    if says_nothing_of_the_service(&error) {
        NoAnswer::OnThisSide(why)
    } else {
        NoAnswer::FromService(why)
    }
}

/// The innermost cause, which says most: `Connection refused`, `invalid peer certificate`. reqwest's
/// own text is left out, because it holds the URL.
fn describe(error: &reqwest::Error) -> String {
    let mut innermost: Option<&dyn StdError> = None;
    let mut next = error.source();
    while let Some(cause) = next {
        innermost = Some(cause);
        next = cause.source();
    }
    let what = if error.is_connect() {
        "can't connect"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else if error.is_builder() {
        "can't set up the client"
    } else {
        "no answer"
    };
    match innermost {
        Some(cause) => format!("{what}: {}", Printable(&cause.to_string())),
        None => what.to_owned(),
    }
}

/// Answers with the addresses that were judged, and for their host only.
#[derive(Debug)]
struct Pins {
    host: Host,
    addresses: Vec<IpAddr>,
}

impl Resolve for Pins {
    fn resolve(&self, name: Name) -> Resolving {
        let answer = match &self.host {
            Host::Name(host) if host.eq_ignore_ascii_case(name.as_str()) => {
                // Port 0 stands for the URL's own.
                let addresses = self.addresses.clone().into_iter();
                Ok(Box::new(addresses.map(|ip| SocketAddr::new(ip, 0))) as Addrs)
            }
            _ => Err(io::Error::other("a name that was not to be asked").into()),
        };
        Box::pin(std::future::ready(answer))
    }
}

#[cfg(test)]
mod tests;
