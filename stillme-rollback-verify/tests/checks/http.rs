//! The HTTP check against servers that behave and servers that do not.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use stillme_rollback_core::{Outcome, Verdict};
use stillme_rollback_verify::{Cadence, Expectation, HealthUrl, HttpCheck};
use tokio::net::TcpListener;

use crate::run::{quick, verdict};
use crate::server::{Reply, Server};

fn check(url: &str, expectation: Expectation, cadence: Cadence) -> HttpCheck {
    HttpCheck::builder(HealthUrl::parse(url).unwrap())
        .expecting(expectation)
        .cadence(cadence)
        .build()
        .unwrap()
}

fn plain() -> Expectation {
    Expectation::default()
}

/// The verdict of the first try at a server that always answers like this.
async fn judged(reply: Reply, expectation: Expectation) -> Verdict {
    let server = Server::always(reply).await;
    let strict = quick().successes(1).fail_after(1).boot_grace(Duration::ZERO);
    verdict(&check(&server.url("/healthz"), expectation, strict), 20_000).await
}

fn assert_fails(verdict: &Verdict, because: &str) {
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
    let evidence = &verdict.checks[0].evidence;
    assert!(evidence.contains(because), "{evidence:?} without {because:?}");
}

#[tokio::test]
async fn three_good_answers_in_a_row_pass_with_their_bound() {
    let server = Server::always(Reply::status(200, "ok")).await;
    let verdict = verdict(&check(&server.url("/healthz"), plain(), quick()), 20_000).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    let check = &verdict.checks[0];
    assert_eq!(check.name, format!("GET {}", server.url("/healthz")));
    assert_eq!(check.proof.unwrap().n, 3);
    assert!(check.evidence.starts_with("200 in "), "{}", check.evidence);
    assert_eq!(server.requests(), 3, "no more than needed");
}

#[tokio::test]
async fn every_try_has_its_own_connection_and_says_who_asks() {
    let seen: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let server = Server::start(|_, request| {
        seen.lock().unwrap().push(request.to_lowercase());
        // Keep-alive: a client with a pool would use the connection again, and hang.
        Reply::status(200, "ok").hang()
    })
    .await;
    let verdict = verdict(&check(&server.url("/h?a=b"), plain(), quick()), 20_000).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    for request in seen.iter() {
        assert!(request.starts_with("get /h?a=b http/1.1\r\n"), "{request}");
        assert!(request.contains("user-agent: stillme-rollback-verify/"));
        assert!(!request.contains("accept-encoding"), "{request}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_fails() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/");
    let verdict = verdict(&check(&url, plain(), quick()), 300).await;
    assert_fails(&verdict, "none good; last bad: can't connect: ");
    assert!(verdict.checks[0].evidence.contains("refused"), "{verdict}");
}

#[tokio::test]
async fn a_wrong_status_fails_when_the_time_is_over() {
    let server = Server::always(Reply::status(503, "starting")).await;
    let begun = Instant::now();
    let verdict = verdict(&check(&server.url("/"), plain(), quick()), 700).await;
    assert_fails(&verdict, "last bad: 503");
    assert!(begun.elapsed() >= Duration::from_millis(600), "too early");
    assert_eq!(verdict.checks[0].proof, None);
}

#[tokio::test]
async fn a_service_that_boots_passes_in_the_end() {
    let server = Server::start(|n, _| match n {
        0..5 => Reply::nothing(),
        5..8 => Reply::status(503, ""),
        _ => Reply::status(200, ""),
    })
    .await;
    let verdict = verdict(&check(&server.url("/"), plain(), quick()), 20_000).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    let check = &verdict.checks[0];
    assert!(check.evidence.contains("after 8 bad while it came up"));
    assert_eq!(check.proof.unwrap().n, 2);
}

#[tokio::test]
async fn a_service_that_flaps_fails_or_passes_without_proof() {
    let flapping =
        Server::start(|n, _| Reply::status(if n % 3 == 2 { 500 } else { 200 }, "")).await;
    let failed = verdict(&check(&flapping.url("/"), plain(), quick()), 700).await;
    assert_fails(&failed, "good, never 3 in a row; last bad: 500");

    let recovering = Server::start(|n, _| Reply::status(if n == 1 { 500 } else { 200 }, "")).await;
    let passed = verdict(&check(&recovering.url("/"), plain(), quick()), 20_000).await;
    assert_eq!(passed.outcome, Outcome::Pass, "{passed}");
    assert_eq!(passed.checks[0].proof, None);
    assert!(passed.checks[0].evidence.contains("proves little"));
}

#[tokio::test]
async fn fail_after_ends_it_early() {
    let server = Server::start(|n, _| Reply::status(if n == 0 { 200 } else { 500 }, "")).await;
    let hasty = quick().fail_after(3);
    let begun = Instant::now();
    let verdict = verdict(&check(&server.url("/"), plain(), hasty), 60_000).await;
    assert_fails(&verdict, "4 tries");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn slow_servers_are_not_waited_for() {
    let head = || Reply::head(200, &[("Content-Length", "1000")]);
    for reply in [
        Reply::nothing().hang(),
        Reply::nothing().pause(600).send("HTTP/1.1 200 OK\r\n\r\n"),
        Reply::nothing().send("HTTP/1.1 200 OK\r\nX-Slow: ").endlessly("a", 10),
        Reply::nothing().send("HTTP/1.1 200 OK\r\n").endlessly("X-A: b\r\n", 50),
        head().hang(),
        head().endlessly("a", 50),
    ] {
        let shown = format!("{reply:?}");
        let server = Server::always(reply).await;
        let hasty = quick().timeout(Duration::from_millis(300)).fail_after(1);
        let hasty = hasty.boot_grace(Duration::ZERO);
        let verdict = verdict(&check(&server.url("/"), plain(), hasty), 20_000).await;
        assert_eq!(verdict.outcome, Outcome::Fail, "{shown}: {verdict}");
        assert!(
            verdict.checks[0].evidence.contains("no whole answer within 300 ms"),
            "{shown}: {verdict}"
        );
    }
}

#[tokio::test]
async fn broken_answers_fail() {
    for (reply, because) in [
        (Reply::nothing(), "no answer"),
        (Reply::nothing().send("SSH-2.0-OpenSSH_9.2\r\n"), "no answer"),
        (Reply::nothing().send("HTTP/1.1 999999 OK\r\n\r\n"), "no answer"),
        (Reply::nothing().send([0xff; 100]), "no answer"),
        (Reply::head(200, &[("Content-Length", "1000")]).send("part"), "the answer broke off"),
        (
            Reply::head(200, &[("Transfer-Encoding", "chunked")]).send("5\r\nab"),
            "the answer broke off",
        ),
        (
            Reply::head(200, &[("Transfer-Encoding", "chunked")]).send("zz\r\nab"),
            "the answer broke off",
        ),
        (
            Reply::nothing()
                .send("HTTP/1.1 200 OK\r\n")
                .send("X-Many: yes\r\n".repeat(1000))
                .send("\r\n"),
            "no answer",
        ),
    ] {
        assert_fails(&judged(reply, plain()).await, because);
    }
}

#[tokio::test]
async fn of_an_endless_body_only_the_beginning_is_read() {
    let endless = |status| {
        Reply::head(status, &[("Content-Length", "2000000000")]).endlessly("x".repeat(4096), 0)
    };
    let chunked = Reply::head(200, &[("Transfer-Encoding", "chunked")])
        .endlessly(format!("1000\r\n{}\r\n", "x".repeat(4096)), 0);
    for reply in [endless(200), chunked.clone()] {
        let verdict = judged(reply, plain()).await;
        assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    }
    assert_fails(&judged(endless(500), plain()).await, "500");
    let text = plain().containing("y");
    assert_fails(&judged(chunked.clone(), text).await, "the first 64 KiB");
    let field = plain().json("/status", json!("up"));
    assert_fails(&judged(chunked, field).await, "too long to be read as JSON");
}

#[tokio::test]
async fn text_counts_up_to_64_kib() {
    let ready = plain().containing("ready");
    let at =
        |place: usize| Reply::status(200, format!("{}ready{}", "x".repeat(place), "x".repeat(9)));
    for (place, outcome) in [
        (0, Outcome::Pass),
        (65_531, Outcome::Pass),
        (65_532, Outcome::Fail),
        (100_000, Outcome::Fail),
    ] {
        let verdict = judged(at(place), ready.clone()).await;
        assert_eq!(verdict.outcome, outcome, "{place}: {verdict}");
    }
}

#[tokio::test]
async fn json_fields_decide() {
    let up = plain().json("/status", json!("up"));
    let whole = "[".repeat(65_530);
    for (body, because) in [
        (r#"{"status":"down"}"#, "field `/status` is not as expected"),
        (r#"{"state":"up"}"#, "no field `/status`"),
        ("up", "no JSON"),
        ("", "no JSON"),
        (whole.as_str(), "no JSON"),
    ] {
        assert_fails(&judged(Reply::status(200, body), up.clone()).await, because);
    }
    let good = judged(Reply::status(200, r#"{"status":"up"}"#), up.clone()).await;
    assert_eq!(good.outcome, Outcome::Pass, "{good}");
    let right_but_500 = judged(Reply::status(500, r#"{"status":"up"}"#), up).await;
    assert_fails(&right_but_500, "500");
}

/// 5,000 bytes in 49: how long a body is, a server must not choose by packing it.
#[tokio::test]
async fn compressed_bodies_are_not_decoded() {
    const PACKED: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc4, 0x31, 0x0d, 0x00,
        0x00, 0x08, 0x03, 0x30, 0xad, 0x24, 0x60, 0x60, 0x1f, 0xee, 0x51, 0xc1, 0xd7, 0x1e, 0xcd,
        0x54, 0x6f, 0x24, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x7d, 0x76, 0x47, 0x2c, 0x7c, 0x96,
        0x88, 0x13, 0x00, 0x00,
    ];
    let packed = |encoding| {
        let length = PACKED.len().to_string();
        let headers = [("Content-Encoding", encoding), ("Content-Length", &*length)];
        Reply::head(200, &headers).send(PACKED)
    };
    for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip"] {
        let verdict = judged(packed(encoding), plain().containing("ready")).await;
        assert_fails(&verdict, "compressed although that was not asked for");
        let unread = judged(packed(encoding), plain()).await;
        assert_eq!(unread.outcome, Outcome::Pass, "{unread}");
    }
    let unnamed = judged(packed("identity"), plain().containing("ready")).await;
    assert_fails(&unnamed, "does not hold the expected text");
}

#[tokio::test]
async fn redirects_on_the_same_port_are_followed() {
    let server = Server::start(|_, request| match request.split(' ').nth(1) {
        Some("/") => Reply::redirect("/a"),
        Some("/a") => Reply::redirect("b?token=1"),
        Some("/b?token=1") => Reply::status(200, "ready"),
        _ => Reply::status(404, ""),
    })
    .await;
    let ready = plain().containing("ready");
    let verdict = verdict(&check(&server.url("/"), ready, quick()), 20_000).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    assert_eq!(server.requests(), 9);
}

/// As for Kubernetes, which compares the host's name alone.
#[tokio::test]
async fn redirects_to_another_port_of_the_host_are_followed_and_told() {
    let there = Server::start(|_, request| match request.split(' ').nth(1) {
        Some("/ready?token=c4nary") => Reply::status(200, "ready"),
        _ => Reply::status(503, ""),
    })
    .await;
    let told = format!("redirected to http://{}: ", there.address);

    let ready = Reply::redirect(&there.url("/ready?token=c4nary"));
    let passed = judged(ready, plain().containing("ready")).await;
    assert_eq!(passed.outcome, Outcome::Pass, "{passed}");
    let evidence = &passed.checks[0].evidence;
    assert!(evidence.starts_with(&format!("{told}200 in ")), "{evidence}");
    assert!(!evidence.contains("c4nary"), "{evidence}");
    assert_eq!(there.requests(), 1);

    let unready = judged(Reply::redirect(&there.url("/other")), plain()).await;
    assert_fails(&unready, &format!("{told}503"));

    let closed = there.url("/");
    drop(there);
    assert_fails(&judged(Reply::redirect(&closed), plain()).await, &format!("{told}can't connect"));
}

#[tokio::test]
async fn redirects_to_another_host_fail_and_are_not_followed() {
    let elsewhere = Server::always(Reply::status(200, "ok")).await;
    let by_name = format!("http://localhost:{}/", elsewhere.address.port());
    for (location, because) in [
        (by_name, "redirects to another host, http://localhost:"),
        ("http://evil.example/c4nary".into(), "another host, http://evil.example"),
        (
            "http://169.254.169.254/latest/meta-data/c4nary".into(),
            "another host, http://169.254.169.254",
        ),
        ("http://2852039166/".into(), "another host, http://169.254.169.254"),
        ("http://[::ffff:a9fe:a9fe]/".into(), "another host"),
        ("file:///etc/c4nary".into(), "no plain URL"),
        ("http://c4nary:c4nary@127.0.0.1/".into(), "no plain URL"),
        ("http://c4nary.example/\u{1b}[2J".into(), "no answer"),
        ("http://c4nary\u{e9}.example/".into(), "no plain URL"),
    ] {
        let verdict = judged(Reply::redirect(&location), plain()).await;
        assert_fails(&verdict, because);
        assert!(!verdict.to_string().contains("c4nary"), "{verdict}");
    }
    assert_eq!(elsewhere.requests(), 0);
    let lost = Reply::head(302, &[("Content-Length", "0")]);
    assert_fails(&judged(lost, plain()).await, "without a Location");
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = Server::always(Reply::redirect("/healthz")).await;
    let patient = quick().timeout(Duration::from_secs(5)).fail_after(1);
    let patient = patient.boot_grace(Duration::ZERO);
    let verdict = verdict(&check(&server.url("/healthz"), plain(), patient), 9000).await;
    assert_fails(&verdict, "10 redirects in a row");
    assert_eq!(server.requests(), 10, "as many as Kubernetes' probes send");
}

#[tokio::test]
async fn a_redirect_that_was_asked_for_is_the_answer() {
    let found = plain().status("302".parse().unwrap());
    let verdict = judged(Reply::redirect("http://login.example/"), found).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
}

#[tokio::test]
async fn without_time_it_is_inconclusive() {
    let server = Server::always(Reply::status(200, "").pause(10)).await;
    let verdict = verdict(&check(&server.url("/"), plain(), quick()), 0).await;
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict}");
    assert_eq!(server.requests(), 0);
}
