//! What the client makes of an engine that misbehaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/fake.rs"]
mod fake;

use std::time::{Duration, Instant};

use fake::{FakeEngine, Reply, json_answer, version_1_41};
use serde_json::{Value, json};
use stillme_rollback_core::{Disposition, Error, ErrorKind, Secret};
use stillme_rollback_docker::engine::{Changed, ContainerFilter, NewContainer};
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::{
    ContainerId, ContainerName, ContainerRef, Endpoint, Engine, HttpEngine,
};

fn id() -> ContainerId {
    ContainerId::new("ab".repeat(32)).unwrap()
}

/// An engine that answers everything but the version in one way.
fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> FakeEngine {
    FakeEngine::start(
        move |line, _| {
            if line.starts_with("GET /version ") { Reply::AsUsual } else { reply() }
        },
    )
}

/// The errors of a call that changes something and of one that does not.
async fn both(fake: &FakeEngine) -> (Error, Error) {
    let engine = fake.client().await;
    let write = engine.start_container(&id()).await.unwrap_err();
    let read = engine.list_containers(&ContainerFilter::all()).await.unwrap_err();
    (write, read)
}

/// Kind and disposition of a write and of a read, for each way to fail after the connection stands.
#[tokio::test]
async fn a_lost_answer_leaves_a_write_in_doubt_and_a_read_to_be_made_again() {
    use Disposition::{InDoubt, Permanent, Retry};
    type Make = fn() -> Reply;
    let partial: Make = || Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[{".to_vec());
    let chunk: Make =
        || Reply::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{".to_vec());
    let head: Make = || Reply::Raw(b"HTTP/1.1 200 O".to_vec());
    let drip: Make = || {
        let first = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec();
        Reply::Endless(first, b" ".to_vec(), Duration::from_millis(50))
    };
    for (name, reply, kind, write, read) in [
        ("silence", (|| Reply::Silence) as Make, ErrorKind::Timeout, InDoubt, Retry),
        ("drip", drip, ErrorKind::Timeout, InDoubt, Retry),
        ("reset", || Reply::Reset, ErrorKind::Interrupted, InDoubt, Retry),
        ("half a head", head, ErrorKind::Interrupted, InDoubt, Retry),
        ("half a body", partial, ErrorKind::Interrupted, InDoubt, Retry),
        ("half a chunk", chunk, ErrorKind::Interrupted, InDoubt, Retry),
        (
            "no HTTP",
            || Reply::Raw(b"\x16\x03\x01 hello\r\n\r\n".to_vec()),
            ErrorKind::Corrupt,
            InDoubt,
            Retry,
        ),
        (
            "500",
            || Reply::Json(500, json!({"message": "port is already allocated"})),
            ErrorKind::Internal,
            InDoubt,
            Retry,
        ),
        (
            "409",
            || Reply::Json(409, json!({"message": "in use"})),
            ErrorKind::Conflict,
            Disposition::Reread,
            Disposition::Reread,
        ),
        (
            "404",
            || Reply::Json(404, json!({"message": "none"})),
            ErrorKind::NotFound,
            Permanent,
            Permanent,
        ),
        (
            "429",
            || Reply::Json(429, json!({"message": "slow down"})),
            ErrorKind::RateLimited,
            Retry,
            Retry,
        ),
        ("302", || Reply::Json(302, Value::Null), ErrorKind::Unexpected, InDoubt, Retry),
    ] {
        let (w, r) = both(&always(reply)).await;
        assert_eq!((w.kind(), w.disposition()), (kind, write), "write, {name}: {w}");
        assert_eq!((r.kind(), r.disposition()), (kind, read), "read, {name}: {r}");
    }
}

#[tokio::test]
async fn a_request_is_never_sent_twice() {
    for reply in [
        (|| Reply::Reset) as fn() -> Reply,
        || Reply::Json(500, Value::Null),
        || Reply::Json(429, Value::Null),
    ] {
        let fake = always(reply);
        let engine = fake.client().await;
        engine.start_container(&id()).await.unwrap_err();
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn the_time_to_wait_of_a_429_is_kept() {
    let fake = always(|| {
        Reply::Raw(b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".to_vec())
    });
    let (write, _) = both(&fake).await;
    assert_eq!(write.disposition(), Disposition::RetryAfter(Duration::from_secs(7)));
}

/// An answer without end: it is given up at the cap, long before the time is over.
#[tokio::test]
async fn a_body_is_read_up_to_its_cap_only() {
    let fake = always(|| {
        let first = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        Reply::Endless(first, vec![b' '; 1 << 16], Duration::ZERO)
    });
    let (write, read) = both(&fake).await;
    assert_eq!((write.kind(), write.disposition()), (ErrorKind::Corrupt, Disposition::InDoubt));
    assert!(write.to_string().contains("larger than 4194304 bytes"), "{write}");
    assert_eq!((read.kind(), read.disposition()), (ErrorKind::Corrupt, Disposition::Permanent));
    assert!(read.to_string().contains("larger than 33554432 bytes"), "{read}");
}

/// The message of a failure is cut as well.
#[tokio::test]
async fn a_failure_without_end_is_still_that_failure() {
    let fake = always(|| {
        let first = b"HTTP/1.1 409 X\r\n\r\n".to_vec();
        Reply::Endless(first, vec![b'x'; 1 << 16], Duration::ZERO)
    });
    let (write, _) = both(&fake).await;
    assert_eq!(write.kind(), ErrorKind::Conflict);
    assert!(write.to_string().len() < 1000);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_no_success() {
    let fake = always(|| Reply::Json(200, json!({"Id": "canary-7"})));
    let engine = fake.client().await;
    let name = ContainerName::new("web").unwrap();
    let error = engine
        .create_container(&NewContainer::new(name, Secret::new(json!({}))))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Corrupt, Disposition::InDoubt));
    assert!(!format!("{error:?}").contains("canary-7"));
}

#[tokio::test]
async fn what_is_so_already_is_told_apart_from_what_was_done() {
    for (status, changed) in [(204, Changed::Yes), (304, Changed::Already)] {
        let fake = always(move || Reply::Json(status, Value::Null));
        let engine = fake.client().await;
        assert_eq!(engine.start_container(&id()).await.unwrap(), changed);
        assert_eq!(engine.stop_container(&id(), Duration::from_secs(1)).await.unwrap(), changed);
    }
    let gone = always(|| Reply::Json(404, json!({"message": "No such container"})));
    assert_eq!(gone.client().await.remove_container(&id(), false).await.unwrap(), Changed::Already);
}

/// The version is in the path; removing never takes volumes along; a stop waits for its grace.
#[tokio::test]
async fn requests_look_as_they_should() {
    let fake = always(|| Reply::Json(204, Value::Null));
    let engine = fake.client().await;
    engine.remove_container(&id(), true).await.unwrap();
    engine.stop_container(&id(), Duration::from_millis(1500)).await.unwrap();
    engine.set_restart_policy(&id(), &json!({"Name": "no"})).await.unwrap();
    let hex = "ab".repeat(32);
    assert_eq!(
        fake.seen(),
        [
            format!("DELETE /v1.41/containers/{hex}?v=false&force=true HTTP/1.1"),
            format!("POST /v1.41/containers/{hex}/stop?t=2 HTTP/1.1"),
            format!("POST /v1.41/containers/{hex}/update HTTP/1.1"),
        ]
    );
}

#[tokio::test]
async fn an_id_that_only_begins_with_the_name_is_another_container() {
    let fake = always(|| Reply::Json(200, json!({"Id": "ab".repeat(32), "Name": "/web"})));
    let engine = fake.client().await;
    let abab = ContainerRef::Name(ContainerName::new("abab").unwrap());
    assert!(engine.inspect_container(&abab).await.unwrap().is_none());
    let web = ContainerRef::Name(ContainerName::new("web").unwrap());
    assert!(engine.inspect_container(&web).await.unwrap().is_some());
}

#[tokio::test]
async fn inspect_and_create_lose_nothing() {
    let odd = json!({
        "Id": "ab".repeat(32), "Name": "/web", "FromTheFuture": {"a": [1, -2, 2.5, null, "é\u{1f600}"]},
        "Big": u64::MAX, "Small": i64::MIN, "Empty": {}, "List": [],
    });
    let sent = odd.clone();
    let fake = FakeEngine::start(move |line, body| {
        if line.starts_with("GET /version ") {
            Reply::AsUsual
        } else if line.starts_with("POST") {
            assert_eq!(serde_json::from_str::<Value>(body).unwrap(), sent);
            Reply::Json(201, json!({"Id": "cd".repeat(32), "Warnings": ["careful"]}))
        } else {
            Reply::Json(200, sent.clone())
        }
    });
    let engine = fake.client().await;
    let found = engine.inspect_container(&(&id()).into()).await.unwrap().unwrap();
    assert_eq!(found.expose(), &odd);
    let name = ContainerName::new("web").unwrap();
    let created = engine
        .create_container(&NewContainer::new(name, found).for_platform("linux/amd64"))
        .await
        .unwrap();
    assert_eq!(created.warnings, ["careful"]);
}

#[tokio::test]
async fn a_secret_that_the_engine_cites_is_hidden() {
    let fake =
        always(|| Reply::Json(400, json!({"message": "invalid environment variable: =canary-7"})));
    let engine = fake.client().await;
    let body = Secret::new(json!({"Env": ["=canary-7"]}));
    let error = engine
        .create_container(&NewContainer::new(ContainerName::new("web").unwrap(), body))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("[hidden]"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary-7"));
}

async fn connect(fake: &FakeEngine) -> Result<Client, Error> {
    Client::connect_to(Endpoint::Unix(fake.socket()), Limits::default()).await
}

#[tokio::test]
async fn engines_out_of_range_are_refused_before_anything_else() {
    for (newest, oldest, spoken) in [
        ("1.41", "1.12", Some("1.41")),
        ("1.56", "1.40", Some("1.51")),
        ("1.40", "1.12", None),
        ("1.99", "1.52", None),
    ] {
        let fake = FakeEngine::start(move |_, _| {
            let mut version = version_1_41();
            version["ApiVersion"] = newest.into();
            version["MinAPIVersion"] = oldest.into();
            Reply::Json(200, version)
        });
        match (connect(&fake).await, spoken) {
            (Ok(client), Some(spoken)) => assert_eq!(client.api_version().to_string(), spoken),
            (Err(error), None) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.hint().unwrap().contains("nothing was touched"), "{error}");
            }
            (other, _) => panic!("{newest}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn no_engine_is_told_apart_from_no_permission() {
    let folder = tempfile::TempDir::new().unwrap();
    let socket = folder.path().join("engine.sock");
    let refused = || Client::connect_to(Endpoint::Unix(socket.clone()), Limits::default());
    let error = refused().await.unwrap_err();
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Unavailable, Disposition::Retry));
    assert!(error.hint().unwrap().contains("is the engine running"), "{error}");
    // A socket that nobody listens to any more.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let error = refused().await.unwrap_err();
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Unavailable, Disposition::Retry));
}

/// A server that takes the connection and says nothing is not waited for longer than the limit, even
/// when the version is asked for.
#[tokio::test]
async fn an_engine_that_hangs_costs_no_more_than_the_limit() {
    let fake = FakeEngine::start(|_, _| Reply::Silence);
    let mut limits = Limits::default();
    limits.call = Duration::from_millis(200);
    let begin = Instant::now();
    let error = Client::connect_to(Endpoint::Unix(fake.socket()), limits).await.unwrap_err();
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Timeout, Disposition::Retry));
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_limited_engine_gives_up_earlier_and_never_later() {
    let fake = always(|| Reply::Silence);
    let engine: HttpEngine = fake.client().await;
    let begin = Instant::now();
    let error =
        engine.limited(Duration::from_millis(100)).start_container(&id()).await.unwrap_err();
    assert!(error.to_string().contains("within 0.1 s"), "{error}");
    let error = engine.limited(Duration::from_secs(60)).start_container(&id()).await.unwrap_err();
    assert!(error.to_string().contains("within 2 s"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

/// The command's output is cut into frames; the connection carries no more requests after it.
#[tokio::test]
async fn a_command_is_made_started_and_asked_for_its_end() {
    let fake = FakeEngine::start(|line, body| {
        if line.starts_with("GET /version ") {
            Reply::AsUsual
        } else if line.ends_with("/exec HTTP/1.1") {
            assert!(body.contains(r#"["/check","-v"]"#), "{body}");
            Reply::Json(201, json!({"Id": "e1"}))
        } else if line.contains("/exec/e1/start") {
            let mut bytes =
                b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
                    .to_vec();
            bytes.extend([1, 0, 0, 0, 0, 0, 0, 4]);
            bytes.extend(b"out\n");
            bytes.extend([2, 0, 0, 0, 0, 0, 0, 4]);
            bytes.extend(b"err\n");
            Reply::Raw(bytes)
        } else {
            Reply::Raw(json_answer(200, &json!({"Running": false, "ExitCode": 3})))
        }
    });
    let engine = fake.client().await;
    let command = ["/check".to_owned(), "-v".to_owned()];
    let ended = engine.exec(&id(), &command, Duration::from_secs(2), 6).await.unwrap();
    assert_eq!((ended.code, ended.output.expose().as_slice()), (3, &b"out\ner"[..]));
    assert_eq!(fake.seen().len(), 3);
}
