//! A secret that stands in everything a check touches, and in nothing that it shows.

use serde_json::json;
use stillme_rollback_core::testing::CapturedLog;
use stillme_rollback_core::{Verifier as _, chain};
use stillme_rollback_verify::{Expectation, HealthUrl, HttpCheck, verifier_from};

use crate::run::{quick, run, verdict};
use crate::server::{Reply, Server};

const CANARY: &str = "c4nary";

/// Everything that checks show of servers that put the canary wherever they can.
async fn shown() -> String {
    let query = format!("/healthz?token={CANARY}&{CANARY}");
    let json = format!(r#"{{"status":"{CANARY}","{CANARY}":1}}"#);
    let length = json.len().to_string();
    let headers = |extra| [("Content-Length", &*length), ("X-Secret", CANARY), extra];
    let mut shown = String::new();
    for reply in [
        Reply::status(200, &json),
        Reply::status(500, &json),
        Reply::head(200, &headers(("Set-Cookie", CANARY))).send(CANARY),
        Reply::head(200, &headers(("Location", CANARY))).send(&json),
        Reply::nothing().send(format!("{CANARY}\r\n\r\n")),
        Reply::nothing().send(format!("HTTP/1.1 200 {CANARY}\r\n{CANARY}\r\n\r\n")),
        Reply::redirect(&format!("/{CANARY}?{CANARY}")),
        Reply::redirect(&format!("http://127.0.0.1:1/{CANARY}")),
        Reply::redirect(&format!("http://{CANARY}@127.0.0.1/{CANARY}")),
        Reply::redirect(&format!("{CANARY}://{CANARY}\\")),
    ] {
        let server = Server::always(reply).await;
        for expectation in [
            Expectation::default(),
            Expectation::default().containing("ready"),
            Expectation::default().json("/status", json!("up")),
        ] {
            let check = HttpCheck::builder(HealthUrl::parse(&server.url(&query)).unwrap())
                .expecting(expectation)
                .cadence(quick())
                .build()
                .unwrap();
            let verdict = verdict(&check, 150).await;
            shown += &format!("{verdict} {verdict:?} {check:?} ");
            shown += &serde_json::to_string(&verdict).unwrap();
            shown += &serde_json::to_string(&check.spec()).unwrap();
            let error = verifier_from(&[check.spec()]).unwrap_err();
            shown += &format!("{:?} {error:?}", chain(&error));
        }
    }
    shown
}

#[test]
fn no_secret_is_shown_anywhere_at_any_level() {
    let log = CapturedLog::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing_subscriber::util::SubscriberInitExt::init(subscriber);
    let shown = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(shown());
    assert!(!shown.contains(CANARY), "{shown}");
    // Other tests of this process write into the same log; they have no query of this kind.
    let log = log.text();
    assert!(log.contains("tried"), "the log has our own lines");
    let leaks: Vec<_> = log.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// An `Err` would be shown as well.
#[tokio::test]
async fn a_check_that_can_look_gives_no_error() {
    let server = Server::always(Reply::nothing()).await;
    let check = HttpCheck::builder(HealthUrl::parse(&server.url("/")).unwrap())
        .cadence(quick())
        .build()
        .unwrap();
    let time_left = std::time::Duration::from_millis(100);
    assert!(check.verify(&run(), time_left).await.is_ok());
}
