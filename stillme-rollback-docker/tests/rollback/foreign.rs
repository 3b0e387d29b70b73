//! Somebody else deploys right before each write of a run, on a real engine: theirs stays as it is,
//! byte for byte, and the run says that it was superseded.

use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{EndState, Strategy};
use stillme_rollback_docker::engine::ContainerFilter;
use stillme_rollback_docker::names::LABEL_RUN;
use stillme_rollback_docker::{ContainerName, CreateFirst, Engine as _, WarmSwap};

use crate::overtaking::Overtaking;
use crate::real::testbed;
use crate::stage::{Stage, key};

/// Longer than a whole run.
const LIMIT: Duration = Duration::from_secs(90);

/// So that the verdict takes a second and not ten.
fn checked() -> Value {
    json!({"Healthcheck": {"Test": ["CMD", "/service", "healthcheck"], "Interval": 60_000_000_000_u64}})
}

/// They remove what has the name and run their own; gives it as it then is. Its port may be taken by
/// what the run has started meanwhile.
async fn deploy(stage: &Stage) -> Value {
    let engine = &stage.bed.engine;
    if let Some(theirs) = engine.inspect_container(&(&stage.name).into()).await.unwrap() {
        let id = theirs.expose()["Id"].as_str().unwrap().parse().unwrap();
        engine.remove_container(&id, true).await.unwrap();
    }
    let image = format!("{}:v3", stage.bed.repository()).parse().unwrap();
    let mut body = stage.bed.body(&image);
    body["ExposedPorts"] = json!({"8080/tcp": {}});
    body["HostConfig"] = json!({
        "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": stage.port.to_string()}]},
        "RestartPolicy": {"Name": "always"},
    });
    let id = stage.bed.create(&stage.name, body).await;
    if engine.start_container(&id).await.is_ok() {
        stage.bed.until_listening(&id).await;
    }
    stage.bed.inspect(&id).await
}

/// One run, overtaken before write number `at`. `false` if there was no such write.
async fn is_overtaken(strategy: fn() -> Box<dyn Strategy>, at: usize) -> bool {
    let Some(bed) = testbed().await else { return false };
    let mut stage = Stage::new(bed, checked()).await;
    stage.strategy = strategy();
    for tag in ["v1", "v3"] {
        stage.bed.image(tag, &[]).await;
    }
    let plan = stage.plan("v1").await;
    let Some((proxy, mut held)) = Overtaking::before(stage.bed.engine.endpoint(), at) else {
        // Only an engine on a socket of this machine can have a socket of ours before it.
        return false;
    };
    stage.go_through(&proxy.path()).await;
    let run = stage.rollback(&plan).start(plan, None).await.unwrap();
    let mut running = tokio::spawn(tokio::time::timeout(LIMIT, run.wait()));
    let go_on = tokio::select! {
        Some(go_on) = held.recv() => go_on,
        report = &mut running => {
            let report = report.unwrap().unwrap().unwrap();
            assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
            assert!(proxy.writes() <= at);
            return false;
        }
    };
    let theirs = deploy(&stage).await;
    go_on.send(()).unwrap();
    let report = running.await.unwrap().unwrap().unwrap();
    assert_eq!(report.state, Some(EndState::Superseded), "before write {at}: {report}");
    let id = theirs["Id"].as_str().unwrap().parse().unwrap();
    assert_eq!(stage.bed.inspect(&id).await, theirs, "before write {at}: byte for byte");
    // A container of ours that is left needs its network; a network alone is left over.
    let network = ContainerName::warm_network(&report.run);
    let ours = ContainerFilter::all().label(LABEL_RUN, &report.run.to_string());
    let has_ours = !stage.bed.engine.list_containers(&ours).await.unwrap().is_empty();
    let left = stage.bed.engine.inspect_network(&network).await.unwrap().is_some();
    assert!(has_ours || !left, "before write {at}: the private network is left: {report}");
    true
}

async fn is_never_touched(strategy: fn() -> Box<dyn Strategy>, at_least: usize) {
    if testbed().await.is_none() {
        return;
    }
    let mut times = 0;
    // Some at once: a run mostly waits.
    'all: for first in (0..).step_by(5) {
        let cases: Vec<_> =
            (first..first + 5).map(|at| tokio::spawn(is_overtaken(strategy, at))).collect();
        for case in cases {
            if !case.await.unwrap() {
                break 'all;
            }
            times += 1;
        }
    }
    // Straight to the terminal: what a test prints is not shown when it passes.
    let line = format!("superseded {times} of {times} times\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    assert!(times >= at_least, "{times} writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn theirs_is_never_touched_by_create_first() {
    is_never_touched(|| Box::new(CreateFirst::new(key())), 7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn theirs_is_never_touched_by_a_warm_swap() {
    is_never_touched(|| Box::new(WarmSwap::new(key())), 10).await;
}
