use serde_json::json;
use stillme_rollback_core::Secret;

use super::*;

fn writing() -> Call {
    Call::posting("start container", "/containers/x/start").about("container", "x")
}

fn reading() -> Call {
    Call::reading("inspect container", "/containers/x/json").about("container", "x")
}

/// The whole table: status, kind, disposition of a write, disposition of a read.
#[test]
fn statuses_become_kinds_and_dispositions() {
    use Disposition::{InDoubt, Permanent, Reread, Retry};
    for (status, kind, write, read) in [
        (400, ErrorKind::Rejected, Permanent, Permanent),
        (401, ErrorKind::PermissionDenied, Permanent, Permanent),
        (403, ErrorKind::Rejected, Permanent, Permanent),
        (408, ErrorKind::Timeout, InDoubt, Retry),
        (409, ErrorKind::Conflict, Reread, Reread),
        (418, ErrorKind::Rejected, Permanent, Permanent),
        (429, ErrorKind::RateLimited, Retry, Retry),
        (500, ErrorKind::Internal, InDoubt, Retry),
        (501, ErrorKind::Unsupported, Permanent, Permanent),
        (502, ErrorKind::Unavailable, InDoubt, Retry),
        (503, ErrorKind::Unavailable, InDoubt, Retry),
        (504, ErrorKind::Unavailable, InDoubt, Retry),
        (507, ErrorKind::Internal, InDoubt, Retry),
        (302, ErrorKind::Unexpected, InDoubt, Retry),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        for (call, disposition) in [(writing(), write), (reading(), read)] {
            let error = answered(&call, status, None, b"");
            assert_eq!(
                (error.kind(), error.disposition()),
                (kind, disposition),
                "{status} {call:?}"
            );
        }
    }
}

/// "Not there" is believed of the engine alone: a proxy says the same of every path.
#[test]
fn only_the_engines_own_404_says_that_a_thing_is_not_there() {
    use Disposition::{InDoubt, Permanent, Retry};
    for (body, kind, write, read) in [
        (r#"{"message": "No such container: x"}"#, ErrorKind::NotFound, Permanent, Permanent),
        (r#"{"message": "page not found"}"#, ErrorKind::Unexpected, InDoubt, Retry),
        ("404 page not found", ErrorKind::Unexpected, InDoubt, Retry),
        ("<html>nginx</html>", ErrorKind::Unexpected, InDoubt, Retry),
        ("", ErrorKind::Unexpected, InDoubt, Retry),
    ] {
        for (call, disposition) in [(writing(), write), (reading(), read)] {
            let error = answered(&call, StatusCode::NOT_FOUND, None, body.as_bytes());
            assert_eq!((error.kind(), error.disposition()), (kind, disposition), "{body}");
        }
    }
}

#[test]
fn retry_after_is_kept() {
    let after = Duration::from_secs(7);
    let error = answered(&writing(), StatusCode::TOO_MANY_REQUESTS, Some(after), b"");
    assert_eq!(error.disposition(), Disposition::RetryAfter(after));
}

#[test]
fn the_engines_words_are_shown_and_made_safe() {
    let body = json!({"message": "No such container: x\u{1b}[2J\n"}).to_string();
    let error = answered(&writing(), StatusCode::NOT_FOUND, None, body.as_bytes());
    assert_eq!(
        error.to_string(),
        r"start container: the engine answered 404: No such container: x\u{1b}[2J (container: x)"
    );
    let error = answered(&writing(), StatusCode::BAD_GATEWAY, None, b"<html>proxy</html>");
    assert!(error.to_string().contains("502: <html>proxy</html>"), "{error}");
}

#[test]
fn what_is_hidden_is_shown_in_no_error() {
    let call = writing().hiding(Secret::new(vec!["canary-7".to_owned()]));
    let body = json!({"message": "invalid environment variable: =canary-7"}).to_string();
    let error = answered(&call, StatusCode::BAD_REQUEST, None, body.as_bytes());
    assert!(error.to_string().contains("=[hidden]"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary-7"));
}

#[test]
fn json_of_another_shape_is_cited_by_position_only() {
    let cause = serde_json::from_str::<u8>(r#""canary-7""#).unwrap_err();
    let error = no_json(&reading(), &cause);
    assert_eq!(error.disposition(), Disposition::Permanent);
    assert!(!format!("{error:?}").contains("canary-7"), "{error:?}");
    assert!(no_json(&writing(), &cause).is_in_doubt());
}
