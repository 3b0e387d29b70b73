use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use stillme_rollback_core::{
    Outcome, Plan, Release, Run, RunId, Target, Verdict, Verifier, Version,
};
use stillme_rollback_docker::Engine as _;
use stillme_rollback_docker::health::{HealthcheckVerifier, StateVerifier};
use stillme_rollback_docker::names::LABEL_RUN;

use crate::real::{Testbed, free_port, testbed};

/// A run of a test's own, so that tests at the same time do not find each other's containers.
fn run(n: u128) -> Run {
    let target = Target::new("docker", "e", "web").unwrap();
    let release = |id| Release::new(Version::new(id).unwrap());
    let random = n << 32 | u128::from(std::process::id());
    Run {
        id: RunId::from_parts(SystemTime::UNIX_EPOCH, random),
        plan: Arc::new(Plan::new("create-first", target, release("b"), release("a"))),
    }
}

const CHECK: &str = r#"HEALTHCHECK --interval=1h --timeout=5s --retries=2 CMD ["/service", "healthcheck", "/healthz"]"#;

async fn start(bed: &Testbed, run: &Run, lines: &[&str], change: impl FnOnce(&mut Value)) {
    let (image, _) = bed.image("v1", lines).await;
    let mut body = bed.body(&image);
    body["Labels"][LABEL_RUN] = json!(run.id.to_string());
    change(&mut body);
    bed.run(&bed.name("web"), body).await;
}

async fn healthcheck(bed: &Testbed, run: &Run, seconds: u64) -> Verdict {
    let verifier = HealthcheckVerifier::new(Arc::new(bed.engine.clone()));
    verifier.verify(run, Duration::from_secs(seconds)).await.unwrap()
}

/// The check's own interval is an hour: the engine itself would say nothing before that.
#[tokio::test]
async fn the_containers_check_is_run_at_once() {
    let Some(bed) = testbed().await else { return };
    let run = run(1);
    start(&bed, &run, &[CHECK], |_| ()).await;
    let verdict = healthcheck(&bed, &run, 30).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    assert_eq!(verdict.checks[0].proof.unwrap().n, 3);
}

#[tokio::test]
async fn a_service_that_says_it_is_unhealthy_fails() {
    let Some(bed) = testbed().await else { return };
    let run = run(2);
    start(&bed, &run, &[CHECK, "ENV TESTBED_UNHEALTHY_AFTER=0s"], |_| ()).await;
    let verdict = healthcheck(&bed, &run, 30).await;
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
    assert!(verdict.to_string().contains("exit code 1"), "{verdict}");
}

#[tokio::test]
async fn a_crash_loop_is_seen_by_both() {
    let Some(bed) = testbed().await else { return };
    let run = run(3);
    start(&bed, &run, &[CHECK, "ENV TESTBED_EXIT_CODE=7"], |body| {
        body["HostConfig"]["RestartPolicy"] = json!({"Name": "always"});
    })
    .await;
    let verdict = healthcheck(&bed, &run, 30).await;
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
    let state = StateVerifier::new(Arc::new(bed.engine.clone()), bed.engine.endpoint().clone());
    let verdict = state.verify(&run, Duration::from_secs(30)).await.unwrap();
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
    assert!(verdict.to_string().contains("restart"), "{verdict}");
}

#[tokio::test]
async fn without_a_check_nothing_is_known_and_the_state_passes_weakly() {
    let Some(bed) = testbed().await else { return };
    let run = run(4);
    let port = free_port();
    start(&bed, &run, &[], |body| {
        body["ExposedPorts"] = json!({"8080/tcp": {}});
        body["HostConfig"]["PortBindings"] =
            json!({"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]});
    })
    .await;
    let verdict = healthcheck(&bed, &run, 30).await;
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict}");
    let state = StateVerifier::new(Arc::new(bed.engine.clone()), bed.engine.endpoint().clone())
        .with_window(Duration::from_secs(2));
    let verdict = state.verify(&run, Duration::from_secs(20)).await.unwrap();
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    assert!(verdict.to_string().contains("its published port accepts"), "{verdict}");
}

/// The engine's proxy takes connections although nobody listens inside.
#[tokio::test]
async fn a_published_port_with_nobody_behind_it_fails() {
    let Some(bed) = testbed().await else { return };
    let run = run(5);
    let port = free_port();
    start(&bed, &run, &[], |body| {
        body["ExposedPorts"] = json!({"9/tcp": {}});
        body["HostConfig"]["PortBindings"] =
            json!({"9/tcp": [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]});
    })
    .await;
    let state = StateVerifier::new(Arc::new(bed.engine.clone()), bed.engine.endpoint().clone())
        .with_window(Duration::from_secs(1));
    let verdict = state.verify(&run, Duration::from_secs(6)).await.unwrap();
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
    assert!(verdict.to_string().contains("refused"), "{verdict}");
}

#[tokio::test]
async fn a_container_that_was_removed_fails() {
    let Some(bed) = testbed().await else { return };
    let run = run(6);
    start(&bed, &run, &[CHECK], |_| ()).await;
    for container in bed.containers().await {
        bed.engine.remove_container(&container.id, true).await.unwrap();
    }
    let verdict = healthcheck(&bed, &run, 10).await;
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
}
