//! What an answer means, or that there is none.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use stillme_rollback_core::{Disposition, Error, ErrorKind, Printable};

use super::doubt;

/// The most of the server's words that is shown.
const MOST_WORDS: usize = 600;

/// The request may not have left. A connection that was never made is the one case that is known.
pub(super) fn not_sent(operation: &str, error: kube_client::Error, writes: bool) -> Error {
    use std::error::Error as _;

    let mut cause = error.source();
    let mut refused = matches!(error, kube_client::Error::Auth(_));
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        refused |= io == Some(std::io::ErrorKind::ConnectionRefused);
        cause = inner.source();
    }
    let (kind, message) = match &error {
        kube_client::Error::Auth(_) => {
            (ErrorKind::PermissionDenied, "the credentials can't be had")
        }
        _ if refused => (ErrorKind::Unavailable, "the API server can't be reached"),
        _ => (ErrorKind::Interrupted, "the API server did not answer"),
    };
    let disposition = if refused { Disposition::Retry } else { doubt(writes) };
    Error::new(kind, operation, message).with_disposition(disposition).with_source(error)
}

/// The answer broke off.
pub(super) fn failed(
    operation: &str,
    error: Box<dyn std::error::Error + Send + Sync>,
    writes: bool,
) -> Error {
    Error::new(ErrorKind::Interrupted, operation, "the answer broke off")
        .with_disposition(doubt(writes))
        .with_source(std::io::Error::other(error))
}

/// The server answered that it did not do it.
pub(super) fn refused(operation: &str, parts: &http::response::Parts, body: &[u8]) -> Error {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    if parts.status == StatusCode::NOT_FOUND && status.get("kind").is_none() {
        return no_such_page(operation);
    }
    let said = status.get("message").and_then(Value::as_str).unwrap_or_default();
    let shown: String = said.chars().take(MOST_WORDS).collect();
    let message = if shown.is_empty() {
        format!("the API server answered {}", parts.status)
    } else {
        format!("the API server answered {}: {}", parts.status.as_u16(), Printable(&shown))
    };
    let kind = kind_of(parts.status);
    let error = Error::new(kind, operation, message);
    match (kind, retry_after(parts)) {
        (ErrorKind::RateLimited | ErrorKind::Unavailable, Some(wait)) => {
            error.with_disposition(Disposition::RetryAfter(wait))
        }
        _ => error,
    }
}

/// That an object is not there, a server says in its own words. This it says of kinds that it does not know, and what stands
/// before it may say it of anything.
fn no_such_page(operation: &str) -> Error {
    let why = "the API server has no such page: it knows no objects of this kind, or something before it answered";
    Error::new(ErrorKind::Unavailable, operation, why)
        .with_hint("nothing was touched; is what brings this kind installed?")
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::PermissionDenied,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
        StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Unavailable,
        // The server or a webhook gave up waiting for what may still be stored.
        StatusCode::GATEWAY_TIMEOUT => ErrorKind::Timeout,
        status if status.is_client_error() => ErrorKind::Rejected,
        _ => ErrorKind::Internal,
    }
}

fn retry_after(parts: &http::response::Parts) -> Option<Duration> {
    let seconds = parts.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: &str) -> Error {
        let mut response = http::Response::builder().status(status);
        if let Some(wait) = retry_after {
            response = response.header("Retry-After", wait);
        }
        let (parts, ()) = response.body(()).unwrap().into_parts();
        refused("patch deployments web", &parts, body.as_bytes())
    }

    #[test]
    fn answers_have_kinds() {
        for (status, kind, disposition) in [
            (404, ErrorKind::Unavailable, Disposition::Retry),
            (409, ErrorKind::Conflict, Disposition::Reread),
            (403, ErrorKind::PermissionDenied, Disposition::Permanent),
            (422, ErrorKind::Rejected, Disposition::Permanent),
            (429, ErrorKind::RateLimited, Disposition::Retry),
            (500, ErrorKind::Internal, Disposition::InDoubt),
            (503, ErrorKind::Unavailable, Disposition::Retry),
            (504, ErrorKind::Timeout, Disposition::InDoubt),
        ] {
            let error = answer(status, None, "not json");
            assert_eq!((error.kind(), error.disposition()), (kind, disposition), "{status}");
        }
        let missing = answer(404, None, r#"{"kind":"Status","message":"not found"}"#);
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let wait = Disposition::RetryAfter(Duration::from_secs(7));
        assert_eq!(answer(429, Some("7"), "").disposition(), wait);
        assert_eq!(answer(503, Some("7"), "").disposition(), wait);
    }

    #[test]
    fn the_servers_words_are_shown_and_bounded() {
        let body = r#"{"message":"deployments.apps \"web\" is\u001b forbidden"}"#;
        let shown = answer(403, None, body).to_string();
        assert!(shown.contains("403: deployments.apps \"web\" is\\u{1b} forbidden"), "{shown}");
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(64 * 1024));
        assert!(answer(403, None, &long).to_string().len() < 1000);
    }
}
