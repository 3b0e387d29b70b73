//! One request over the wire, as a seam: hosts bring their own client, tests their own answers.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use stillme_rollback_core::Secret;

use crate::url::HealthUrl;

/// Sends one GET request.
///
/// # Contract
/// - Connects only to [`HttpRequest::addresses`], on the URL's port; looks no name up.
/// - Follows no redirect, uses no proxy, no cookie and no cache, tries once.
/// - For `https`, verifies certificate and host name.
/// - Reads at most [`HttpRequest::body_cap`] bytes of the body and does not decode it.
/// - Is dropped at any time when the try takes too long.
/// - Its errors hold neither the URL nor anything of the answer.
#[async_trait]
pub trait HttpTransport: fmt::Debug + Send + Sync + 'static {
    /// Sends the request and reads the answer.
    ///
    /// # Errors
    /// Why there is no whole answer, and whose fault that is.
    async fn get(&self, request: HttpRequest) -> Result<HttpAnswer, NoAnswer>;
}

/// A GET request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpRequest {
    /// What to ask.
    pub url: HealthUrl,
    /// Where to connect: addresses that were judged, in the order in which to try them.
    pub addresses: Vec<IpAddr>,
    /// How many bytes of the body to read at most.
    pub body_cap: usize,
}

impl HttpRequest {
    /// A request for `url`, to be sent to one of `addresses`.
    pub fn new(url: HealthUrl, addresses: Vec<IpAddr>, body_cap: usize) -> Self {
        Self { url, addresses, body_cap }
    }
}

/// An answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its `Location` header. It may hold a token.
    pub location: Option<Secret<String>>,
    /// Whether its `Content-Encoding` says that the body is compressed.
    pub is_encoded: bool,
    /// Its body, cut at the cap.
    pub body: Secret<Vec<u8>>,
    /// Whether there was more of the body than the cap.
    pub is_cut: bool,
}

impl HttpAnswer {
    /// An answer with a status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            location: None,
            is_encoded: false,
            body: Secret::new(body.into()),
            is_cut: false,
        }
    }

    /// The same answer with a `Location` header.
    #[must_use]
    pub fn with_location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(Secret::new(location.into()));
        self
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("is_encoded", &self.is_encoded)
            .field("is_cut", &self.is_cut)
            .finish_non_exhaustive()
    }
}

/// Why there is no whole answer: one line without the URL and without anything of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The service refused, broke off, or spoke something else: a bad try.
    #[error("{0}")]
    FromService(String),
    /// The request could not be sent from here: the try says nothing.
    #[error("{0}")]
    OnThisSide(String),
}
