//! The URL of an HTTP health check.

use std::fmt;
use std::str::FromStr;

use ::url::Url;
use stillme_rollback_core::Secret;

use super::{Host, InvalidUrl, check_characters, endpoint};

/// The URL of a health check, read strictly. It holds no user name and no password; its query may
/// hold a token, so `Display` and `Debug` show the names of its parameters only.
///
/// ```
/// use stillme_rollback_verify::{HealthUrl, InvalidUrl};
///
/// let url = HealthUrl::parse("http://localhost:8080/healthz?token=t0p")?;
/// assert_eq!(url.to_string(), "http://localhost:8080/healthz?token=***");
///
/// let refused = HealthUrl::parse("http://ops:pa55@localhost/healthz");
/// assert_eq!(refused, Err(InvalidUrl::UserInfo));
/// # Ok::<(), InvalidUrl>(())
/// ```
#[derive(Clone)]
pub struct HealthUrl {
    url: Secret<Url>,
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// How a URL's server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS, with the certificate verified.
    Https,
}

impl Scheme {
    /// The port that a URL means when it names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl HealthUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// The reason, for everything that is not clearly an `http` or `https` URL without user name,
    /// password and fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Scheme)?;
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("http") => Scheme::Http,
            s if s.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(InvalidUrl::Scheme),
        };
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (host, port) = endpoint::split(authority)?;
        if rest.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let port = port.unwrap_or(scheme.default_port());
        let url = Url::parse(text).map_err(|_| InvalidUrl::Disputed)?;
        if !agrees(&url, scheme, &host, port) {
            return Err(InvalidUrl::Disputed);
        }
        Ok(Self { url: Secret::new(url), scheme, host, port })
    }

    /// The URL that a `Location` header leads to from here. A fragment is dropped, as browsers do.
    pub(crate) fn join(&self, location: &str) -> Result<Self, InvalidUrl> {
        check_characters(location)?;
        let mut url = self.url.expose().join(location).map_err(|_| InvalidUrl::Disputed)?;
        url.set_fragment(None);
        Self::parse(url.as_str())
    }

    /// Plain text or TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, also when it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether there is a query, which is never stored.
    pub fn has_query(&self) -> bool {
        self.url.expose().query().is_some()
    }

    /// The same URL without its query.
    #[must_use]
    pub fn without_query(&self) -> Self {
        let mut url = self.url.expose().clone();
        url.set_query(None);
        Self {
            url: Secret::new(url),
            scheme: self.scheme,
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// The whole URL with its query, for the request alone: never for a log, an error or a file.
    pub fn expose(&self) -> &str {
        self.url.expose().as_str()
    }

    /// Scheme, host and port: nothing that could be a secret.
    pub(crate) fn origin(&self) -> String {
        let scheme = self.scheme.as_str();
        if self.port == self.scheme.default_port() {
            format!("{scheme}://{}", self.host)
        } else {
            format!("{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// Whether the URL standard's algorithm reads the same server. No input is known for which it does not;
/// the request is built by that algorithm, so nothing else may be judged here.
fn agrees(url: &Url, scheme: Scheme, host: &Host, port: u16) -> bool {
    let read = url.host().map(|host| match host {
        ::url::Host::Domain(name) => Host::Name(name.to_owned()),
        ::url::Host::Ipv4(ip) => Host::Ip(ip.into()),
        ::url::Host::Ipv6(ip) => Host::Ip(ip.into()),
    });
    url.scheme() == scheme.as_str()
        && read.as_ref() == Some(host)
        && url.port_or_known_default() == Some(port)
        && url.username().is_empty()
        && url.password().is_none()
}

impl PartialEq for HealthUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url.expose() == other.url.expose()
    }
}

impl Eq for HealthUrl {}

impl FromStr for HealthUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        Self::parse(text)
    }
}

impl fmt::Display for HealthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.url.expose().path())?;
        let Some(query) = self.url.expose().query() else {
            return Ok(());
        };
        for (index, pair) in query.split('&').enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            // Without a `=` the whole may be the secret.
            match pair.split_once('=') {
                Some((name, _)) => write!(f, "{name}=***")?,
                None => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for HealthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HealthUrl({self})")
    }
}
