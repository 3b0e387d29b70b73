//! Where a redirect may lead: to the same server only.

use stillme_rollback_core::Printable;

use super::transport::HttpAnswer;
use crate::url::{HealthUrl, InvalidUrl, Scheme};

/// How many redirects one try follows, as Kubernetes' probes do.
pub(super) const MAX: usize = 10;

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stray {
    #[error("a redirect without a Location")]
    NoLocation,
    #[error("redirects to no plain URL: {0}")]
    Unreadable(#[from] InvalidUrl),
    /// The origin holds a host from outside, made of plain ASCII.
    #[error("redirects to another server, {0}; check that one's URL if it is the service")]
    OtherServer(String),
    #[error("redirects from TLS to plain text")]
    Downgrade,
}

/// Whether a status sends the client elsewhere. 300 and 304 do not.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The URL that a redirect leads to.
pub(super) fn next(from: &HealthUrl, answer: &HttpAnswer) -> Result<HealthUrl, Stray> {
    let location = answer.location.as_ref().ok_or(Stray::NoLocation)?;
    let to = from.join(location.expose())?;
    if to.host() != from.host() {
        return Err(other(&to));
    }
    match (from.scheme(), to.scheme()) {
        (Scheme::Https, Scheme::Http) => Err(Stray::Downgrade),
        (Scheme::Http, Scheme::Https) if from.port() == 80 && to.port() == 443 => Ok(to),
        _ if from.port() == to.port() => Ok(to),
        _ => Err(other(&to)),
    }
}

fn other(to: &HealthUrl) -> Stray {
    Stray::OtherServer(Printable(&to.origin()).to_string())
}

#[cfg(test)]
mod tests;
