//! Where a redirect may lead, and what is told of it: to the same host only.

use stillme_rollback_core::Printable;

use super::transport::HttpAnswer;
use crate::url::{HealthUrl, InvalidUrl, Scheme};

/// How many requests one try sends, as Kubernetes' probes do: the first, and nine redirects.
pub(super) const REQUESTS: usize = 10;

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stray {
    #[error("a redirect without a Location")]
    NoLocation,
    #[error("redirects to no plain URL: {0}")]
    Unreadable(#[from] InvalidUrl),
    /// The origin holds a host from outside, made of plain ASCII.
    #[error("redirects to another host, {0}; check that one's URL if it is the service")]
    OtherHost(String),
}

/// The way of one try, from the URL that was asked for.
#[derive(Debug)]
pub(super) struct Trail<'a> {
    asked: &'a HealthUrl,
    at: HealthUrl,
    left_tls: bool,
}

impl<'a> Trail<'a> {
    pub(super) fn from(asked: &'a HealthUrl) -> Self {
        Self { asked, at: asked.clone(), left_tls: false }
    }

    /// The URL to ask next.
    pub(super) fn url(&self) -> &HealthUrl {
        &self.at
    }

    /// Goes where a redirect leads.
    pub(super) fn follow(&mut self, redirect: &HttpAnswer) -> Result<(), Stray> {
        let to = next(&self.at, redirect)?;
        self.left_tls |= self.at.scheme() == Scheme::Https && to.scheme() == Scheme::Http;
        self.at = to;
        Ok(())
    }

    /// What was seen at its end, and where that is unless it is the server that was asked for:
    /// another port may be another service, and behind plain text nothing is verified.
    pub(super) fn tell(&self, what: String) -> String {
        let origin = self.at.origin();
        if origin == self.asked.origin() && !self.left_tls {
            return what;
        }
        let way = if self.left_tls { ", leaving TLS on the way" } else { "" };
        format!("redirected to {}{way}: {what}", Printable(&origin))
    }
}

/// Whether a status sends the client elsewhere. 300 and 304 do not.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The URL that a redirect leads to. Its port and its scheme may be others: Kubernetes compares the
/// host alone, also on the way out of TLS.
fn next(from: &HealthUrl, redirect: &HttpAnswer) -> Result<HealthUrl, Stray> {
    let location = redirect.location.as_ref().ok_or(Stray::NoLocation)?;
    let to = from.join(location.expose())?;
    if to.host() != from.host() {
        return Err(Stray::OtherHost(Printable(&to.origin()).to_string()));
    }
    Ok(to)
}

#[cfg(test)]
mod tests;
