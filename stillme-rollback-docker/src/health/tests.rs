//! The verdicts over a mocked engine, with time that stands still until somebody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;
use stillme_rollback_core::{
    Error, ErrorKind, ExecOutput, Plan, Release, Target, Verifier, Version,
};

use super::*;
use crate::connect::Endpoint;
use crate::engine::{ContainerSummary, MockEngine};

fn run() -> Run {
    let target = Target::new("docker", "e", "web").unwrap();
    let release = |id| Release::new(Version::new(id).unwrap());
    Run {
        id: RunId::from_parts(SystemTime::UNIX_EPOCH, 7),
        plan: Arc::new(Plan::new("create-first", target, release("b"), release("a"))),
    }
}

fn id() -> ContainerId {
    ContainerId::new("ab".repeat(32)).unwrap()
}

/// A running container with a health check of two retries.
fn healthy() -> Value {
    json!({
        "Id": id().as_str(), "RestartCount": 0,
        "State": {"Status": "running", "Running": true, "StartedAt": "t0", "ExitCode": 0},
        "Config": {"Healthcheck": {"Test": ["CMD", "/check"], "Retries": 2}},
        "NetworkSettings": {"Ports": {}},
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut container = healthy();
    *container.pointer_mut(path).unwrap() = value;
    container
}

/// An engine that shows these containers one after the other, the last for ever, and ends commands
/// with these codes (`None`: it is not told), the last for ever.
fn engine(shown: Vec<Value>, codes: Vec<Option<i64>>) -> MockEngine {
    let mut engine = MockEngine::new();
    engine.expect_list_containers().returning(|filter| {
        assert_eq!(filter.labels, [(LABEL_RUN.to_owned(), Some(run().id.to_string()))]);
        assert!(filter.stopped_too);
        Ok(vec![ContainerSummary::new(id())])
    });
    let looks = AtomicUsize::new(0);
    engine.expect_inspect_container().returning(move |_| {
        let index = looks.fetch_add(1, Ordering::Relaxed).min(shown.len() - 1);
        Ok(Some(Secret::new(shown[index].clone())))
    });
    let runs = AtomicUsize::new(0);
    engine.expect_exec().returning(move |_, command, _, _| {
        assert_eq!(command, ["/check"]);
        let index = runs.fetch_add(1, Ordering::Relaxed).min(codes.len() - 1);
        codes[index]
            .map(|code| ExecOutput::new(code, b"canary-7".to_vec()))
            .ok_or_else(|| Error::new(ErrorKind::Interrupted, "exec", "lost"))
    });
    engine
}

async fn verdict(verifier: &dyn Verifier, seconds: u64) -> Verdict {
    let limit = Duration::from_secs(seconds);
    let begin = tokio::time::Instant::now();
    let verdict = verifier.verify(&run(), limit).await.unwrap();
    assert!(begin.elapsed() <= limit, "it took longer than it may");
    assert!(!format!("{verdict:?}").contains("canary-7"));
    verdict
}

#[tokio::test(start_paused = true)]
async fn the_containers_own_check_decides() {
    let good = || vec![Some(0)];
    let unhealthy =
        json!({"Status": "running", "Running": true, "Health": {"Status": "unhealthy"}});
    let exited = json!({"Status": "exited", "Running": false, "ExitCode": 3});
    let killed = json!({"Status": "exited", "Running": false, "ExitCode": 137, "OOMKilled": true});
    for (name, shown, codes, outcome, evidence) in [
        ("good", vec![healthy()], good(), Outcome::Pass, "3 good in a row"),
        (
            "good in the end",
            vec![healthy()],
            vec![Some(1), Some(0)],
            Outcome::Pass,
            "3 good in a row",
        ),
        (
            "bad",
            vec![healthy()],
            vec![Some(1)],
            Outcome::Fail,
            "2 bad in a row, the last: exit code 1",
        ),
        (
            "bad, then not told, then bad",
            vec![healthy()],
            vec![Some(1), None, Some(2)],
            Outcome::Fail,
            "exit code 2",
        ),
        ("never told", vec![healthy()], vec![None], Outcome::Inconclusive, "0 of 3 good in a row"),
        (
            "by turns",
            vec![healthy()],
            [0, 1].repeat(99).into_iter().map(Some).collect(),
            Outcome::Inconclusive,
            "of 3 good",
        ),
        (
            "no check",
            vec![with("/Config/Healthcheck", json!(null))],
            good(),
            Outcome::Inconclusive,
            "has none",
        ),
        (
            "exited",
            vec![healthy(), with("/State", exited)],
            good(),
            Outcome::Fail,
            "it is exited, last exit code 3",
        ),
        ("killed", vec![with("/State", killed)], good(), Outcome::Fail, "want of memory"),
        (
            "crash loop",
            vec![healthy(), with("/RestartCount", json!(2))],
            good(),
            Outcome::Fail,
            "restarted 2 times",
        ),
        (
            "the engine's word",
            vec![with("/State", unhealthy)],
            good(),
            Outcome::Fail,
            "calls it unhealthy",
        ),
    ] {
        let verifier = HealthcheckVerifier::new(Arc::new(engine(shown, codes)));
        let verdict = verdict(&verifier, 30).await;
        assert_eq!(verdict.outcome, outcome, "{name}: {verdict}");
        assert!(verdict.to_string().contains(evidence), "{name}: {verdict}");
    }
}

/// The limit of one run is the check's own, but never more than what is left.
#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_is_bad_only_if_the_check_had_its_time() {
    for (seconds, outcome) in [(60, Outcome::Fail), (5, Outcome::Inconclusive)] {
        let mut engine = MockEngine::new();
        engine.expect_list_containers().returning(|_| Ok(vec![ContainerSummary::new(id())]));
        let mut container = healthy();
        container["Config"]["Healthcheck"]["Timeout"] = json!(10_000_000_000_u64);
        engine
            .expect_inspect_container()
            .returning(move |_| Ok(Some(Secret::new(container.clone()))));
        engine.expect_exec().returning(move |_, _, limit, _| {
            assert!(limit <= Duration::from_secs(10).min(Duration::from_secs(seconds)));
            Err(Error::new(ErrorKind::Timeout, "exec", "hangs"))
        });
        let verifier = HealthcheckVerifier::new(Arc::new(engine));
        assert_eq!(verdict(&verifier, seconds).await.outcome, outcome, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_running_passes_weakly_and_says_so() {
    let started = json!({"Status": "running", "Running": true, "StartedAt": "t1"});
    let exited = json!({"Status": "exited", "Running": false, "ExitCode": 1});
    let restarting =
        json!({"Status": "restarting", "Running": true, "Restarting": true, "ExitCode": 1});
    for (name, shown, seconds, outcome, evidence) in [
        ("runs", vec![healthy()], 30, Outcome::Pass, "weak: ran 10 s without a restart"),
        ("too short", vec![healthy()], 5, Outcome::Inconclusive, "10 s are needed"),
        (
            "exits",
            vec![healthy(), healthy(), with("/State", exited)],
            30,
            Outcome::Fail,
            "it is exited",
        ),
        ("restarting", vec![with("/State", restarting)], 30, Outcome::Fail, "it is restarting"),
        (
            "crashed before",
            vec![with("/RestartCount", json!(1))],
            30,
            Outcome::Fail,
            "restarted 1 times",
        ),
        (
            "crashes late",
            vec![healthy(), healthy(), with("/RestartCount", json!(1))],
            30,
            Outcome::Fail,
            "restarted 1 times",
        ),
        (
            "started again",
            vec![healthy(), with("/State", started)],
            30,
            Outcome::Fail,
            "started again",
        ),
    ] {
        let engine = Arc::new(engine(shown, vec![None]));
        let verifier = StateVerifier::new(engine, Endpoint::Unix("/x.sock".into()));
        let verdict = verdict(&verifier, seconds).await;
        assert_eq!(verdict.outcome, outcome, "{name}: {verdict}");
        assert!(verdict.to_string().contains(evidence), "{name}: {verdict}");
    }
}

/// A container that was there before the run may have been restarted before; from now on it may not.
#[tokio::test(start_paused = true)]
async fn a_container_that_is_named_is_watched_from_now_on() {
    let restarted = |n: u64| with("/RestartCount", json!(n));
    for (name, shown, outcome) in [
        ("restarted long ago", vec![restarted(4)], Outcome::Pass),
        ("restarted again", vec![restarted(4), restarted(4), restarted(5)], Outcome::Fail),
        ("exited", vec![with("/State", json!({"Status": "exited"}))], Outcome::Fail),
    ] {
        let engine = Arc::new(engine(shown, vec![None]));
        let verifier = StateVerifier::new(engine, Endpoint::Unix("/x.sock".into()));
        assert_eq!(verdict(&verifier.of_container(id()), 30).await.outcome, outcome, "{name}");
    }
    let mut gone = MockEngine::new();
    gone.expect_inspect_container().returning(|_| Ok(None));
    let verifier = StateVerifier::new(Arc::new(gone), Endpoint::Unix("/x.sock".into()));
    assert_eq!(verdict(&verifier.of_container(id()), 30).await.outcome, Outcome::Fail);
}

/// In real time: sockets do not stand still.
#[tokio::test]
async fn a_published_port_must_accept() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ports = json!({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": port.to_string()}]});
    let verifier = || {
        let engine = engine(vec![with("/NetworkSettings/Ports", ports.clone())], vec![None]);
        StateVerifier::new(Arc::new(engine), Endpoint::Unix("/x.sock".into()))
            .with_window(Duration::from_millis(200))
    };
    let passed = verdict(&verifier(), 5).await;
    assert!(passed.to_string().contains("its published port accepts"), "{passed}");
    drop(listener);
    let failed = verdict(&verifier(), 2).await;
    assert_eq!(failed.outcome, Outcome::Fail, "{failed}");
    assert!(failed.to_string().contains(&format!("port {port} refused")), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_gone_fails_and_two_are_one_too_many() {
    for (n, outcome) in [(0, Outcome::Fail), (2, Outcome::Inconclusive)] {
        let mut engine = MockEngine::new();
        engine
            .expect_list_containers()
            .returning(move |_| Ok(vec![ContainerSummary::new(id()); n]));
        let engine: Arc<dyn Engine> = Arc::new(engine);
        let state = StateVerifier::new(engine.clone(), Endpoint::Unix("/x.sock".into()));
        assert_eq!(verdict(&state, 30).await.outcome, outcome);
        assert_eq!(verdict(&HealthcheckVerifier::new(engine), 30).await.outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_answer_is_no_verdict() {
    let mut engine = MockEngine::new();
    engine
        .expect_list_containers()
        .returning(|_| Err(Error::new(ErrorKind::Unavailable, "list", "gone")));
    let verifier = HealthcheckVerifier::new(Arc::new(engine));
    verifier.verify(&run(), Duration::from_secs(5)).await.unwrap_err();
}
