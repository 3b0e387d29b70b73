//! What went wrong, in the words of the core: kind, disposition, and what can be done.
//!
//! The disposition depends on two things: whether the call changes anything, and whether it can have
//! reached the engine. A call that only reads can always be made again.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use stillme_rollback_core::{Disposition, Error, ErrorKind, Printable};

use super::call::Call;

/// An error of a call that may have reached the engine.
fn sent(call: &Call, kind: ErrorKind, message: impl Into<String>) -> Error {
    let error = about(call, kind, message);
    if call.mutates {
        error
            .with_disposition(Disposition::InDoubt)
            .with_hint("it may have been done all the same: look before trying again")
    } else {
        error.with_disposition(Disposition::Retry).with_hint("nothing was changed")
    }
}

fn about(call: &Call, kind: ErrorKind, message: impl Into<String>) -> Error {
    let error = Error::new(kind, call.operation.as_str(), message);
    match &call.subject {
        Some((what, which)) => error.with_context(what, Printable(which).to_string()),
        None => error,
    }
}

pub(super) fn timed_out(call: &Call, limit: Duration) -> Error {
    sent(call, ErrorKind::Timeout, format!("no whole answer within {} s", limit.as_secs_f32()))
}

/// The connection broke; `was_sent` says whether anything can have arrived.
pub(super) fn broken(call: &Call, was_sent: bool, source: hyper::Error) -> Error {
    if !was_sent {
        return about(
            call,
            ErrorKind::Unavailable,
            "the connection ended before the request was sent",
        )
        .with_disposition(Disposition::Retry)
        .with_hint("nothing was changed")
        .with_source(source);
    }
    let (kind, message) = if source.is_parse() {
        (ErrorKind::Corrupt, "the answer is not HTTP")
    } else {
        (ErrorKind::Interrupted, "the connection broke before the whole answer was read")
    };
    sent(call, kind, message).with_source(source)
}

pub(super) fn too_large(call: &Call) -> Error {
    let error =
        sent(call, ErrorKind::Corrupt, format!("the answer is larger than {} bytes", call.cap));
    permanent_unless_mutating(call, error)
}

pub(super) fn no_json(call: &Call, source: &serde_json::Error) -> Error {
    // serde_json cites values in its messages; the position is enough.
    let message = format!(
        "the answer is not the JSON that was expected (line {}, column {})",
        source.line(),
        source.column()
    );
    permanent_unless_mutating(call, sent(call, ErrorKind::Corrupt, message))
}

/// What was read wrong once is read wrong again, unless the effect is in doubt.
fn permanent_unless_mutating(call: &Call, error: Error) -> Error {
    if call.mutates { error } else { error.with_disposition(Disposition::Permanent) }
}

pub(super) fn unbuildable(call: &Call, source: hyper::http::Error) -> Error {
    about(call, ErrorKind::InvalidInput, "the request can't be written as HTTP")
        .with_hint("nothing was sent")
        .with_source(source)
}

/// The engine answered, and the answer is no success.
pub(super) fn answered(
    call: &Call,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Error {
    let said = message(call, status, body);
    match status {
        StatusCode::TOO_MANY_REQUESTS => about(call, ErrorKind::RateLimited, said)
            .with_disposition(retry_after.map_or(Disposition::Retry, Disposition::RetryAfter)),
        StatusCode::NOT_FOUND if is_of_the_engine(body) => about(call, ErrorKind::NotFound, said),
        StatusCode::NOT_FOUND => sent(call, ErrorKind::Unexpected, said),
        StatusCode::CONFLICT => about(call, ErrorKind::Conflict, said),
        StatusCode::UNAUTHORIZED => about(call, ErrorKind::PermissionDenied, said),
        StatusCode::REQUEST_TIMEOUT => sent(call, ErrorKind::Timeout, said),
        StatusCode::NOT_IMPLEMENTED => about(call, ErrorKind::Unsupported, said),
        // 403 as well: engines use it for a static address that is taken.
        _ if status.is_client_error() => about(call, ErrorKind::Rejected, said),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            sent(call, ErrorKind::Unavailable, said)
        }
        _ if status.is_server_error() => sent(call, ErrorKind::Internal, said),
        _ => sent(call, ErrorKind::Unexpected, said),
    }
}

#[derive(Deserialize)]
struct EngineMessage {
    message: String,
}

/// Whether it is the engine that does not know a thing. What stands before it may not know the path,
/// and a container must not count as gone for that.
fn is_of_the_engine(body: &[u8]) -> bool {
    serde_json::from_slice::<EngineMessage>(body).is_ok_and(|body| body.message != UNKNOWN_PATH)
}

/// What the engine itself says of a path that it has not.
const UNKNOWN_PATH: &str = "page not found";

/// What the engine said, in one line that is safe to print and shows nothing that is hidden.
fn message(call: &Call, status: StatusCode, body: &[u8]) -> String {
    let code = status.as_u16();
    let said = serde_json::from_slice::<EngineMessage>(body)
        .map(|body| body.message)
        .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    let mut said = said.trim().to_owned();
    for value in call.hidden.expose() {
        said = said.replace(value.as_str(), "[hidden]");
    }
    if said.is_empty() {
        format!("the engine answered {code}")
    } else {
        format!("the engine answered {code}: {}", Printable(&said))
    }
}

#[cfg(test)]
mod tests;
