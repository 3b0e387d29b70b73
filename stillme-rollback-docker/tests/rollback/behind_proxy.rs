//! `behind-proxy` on a real engine, under a user who asks every 5 ms: no request is ever lost.

use std::sync::Arc;

use serde_json::json;
use stillme_rollback_core::engine::RunHandle;
use stillme_rollback_core::{EndState, Outcome, chain};
use stillme_rollback_docker::engine::ContainerFilter;
use stillme_rollback_docker::traffic::Upstream;
use stillme_rollback_docker::{BehindProxy, DockerExecutor};

use crate::real::{Testbed, free_port, testbed};
use crate::router::{Prober, Router, Tally, UnderWay};
use crate::stage::{Judge, Stage, key};

/// What answers after a while and hears no signal: when it is stopped, whatever it has is cut.
const SLOW_AND_DEAF: [&str; 2] = ["ENV TESTBED_LATENCY=1s", "ENV TESTBED_DEAF=true"];

/// `web` without a port of its own, behind a router.
async fn stage(bed: Testbed, drains: bool) -> (Stage, Router) {
    let settings = json!({"HostConfig": {"PortBindings": null}});
    let mut stage = Stage::built_with(bed, &SLOW_AND_DEAF, settings).await;
    let router = Router::before(free_port(), &upstream(&stage).await).await;
    stage.port = router.port;
    let executor = DockerExecutor::new(Arc::clone(&stage.engine), key());
    stage.executor = Arc::new(executor.with_traffic_switch(Arc::new(router.switch(drains))));
    stage.strategy = Box::new(BehindProxy::new(key()));
    (stage, router)
}

async fn upstream(stage: &Stage) -> Upstream {
    let old = stage.bed.inspect(&stage.old).await;
    let address = old["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().unwrap();
    Upstream::new(stage.old.clone(), stage.name.clone()).at("bridge", address.parse().unwrap())
}

/// A prober that has seen v2 serve.
async fn probed(router: &Router) -> Prober {
    let prober = Prober::start(router.port);
    prober.served("v2", 50).await;
    prober
}

fn assert_none_failed(tally: &Tally) {
    assert!(tally.failed.is_empty(), "{} failed: {:?}", tally.failed.len(), tally.failed.first());
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_again_costs_no_request() {
    let Some(bed) = testbed().await else { return };
    let (mut stage, router) = stage(bed, true).await;
    let slow_to_boot: Vec<_> =
        SLOW_AND_DEAF.into_iter().chain(["ENV TESTBED_BOOT_DELAY=1s"]).collect();
    stage.bed.image("v1", &slow_to_boot).await;
    let prober = probed(&router).await;
    for version in ["v1", "v2"] {
        let plan = stage.plan(version).await;
        assert!(plan.to_string().contains("outage      none"), "{plan}");
        let report = stage.run(plan).await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
        prober.served(version, 100).await;
        assert_eq!(stage.version(), version);
        let new = stage.by_name().await;
        assert_eq!(new["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
        stage.old = new["Id"].as_str().unwrap().parse().unwrap();
    }
    assert_none_failed(&prober.tally().await);
    assert_eq!(stage.scene().await, ["-web o exited", "-web o exited", "-web running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_its_verdict_gives_the_traffic_back_and_costs_no_request() {
    let Some(bed) = testbed().await else { return };
    let (mut stage, router) = stage(bed, true).await;
    let before = stage.bed.inspect(&stage.old).await;
    // At once: so it has requests under way when it is stopped.
    stage.judge = Judge::AtOnce(Outcome::Fail);
    stage.bed.image("v1", &SLOW_AND_DEAF).await;
    let prober = probed(&router).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let tally = prober.tally().await;
    assert_none_failed(&tally);
    assert!(tally.served.contains_key("v1"), "it had the traffic: {tally:?}");
    let after = stage.bed.inspect(&stage.old).await;
    assert_eq!(after["State"]["StartedAt"], before["State"]["StartedAt"], "it never stopped");
    stage.assert_restored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_can_not_boot_never_gets_a_request() {
    let Some(bed) = testbed().await else { return };
    let (stage, router) = stage(bed, true).await;
    let before = stage.bed.inspect(&stage.old).await;
    stage.bed.image("v1", &["ENV TESTBED_EXIT_CODE=7"]).await;
    let prober = probed(&router).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let tally = prober.tally().await;
    assert_none_failed(&tally);
    assert_eq!(tally.served.keys().collect::<Vec<_>>(), ["v2"]);
    assert_eq!(stage.bed.inspect(&stage.old).await, before, "byte for byte");
    stage.assert_restored().await;
}

/// A rollback, and a request that the old container has when traffic moves.
async fn with_a_request_under_way(stage: &mut Stage, router: &Router) -> (RunHandle, UnderWay) {
    stage.judge = Judge::AtOnce(Outcome::Pass);
    // So that the request is there before the new one is ready.
    stage.bed.image("v1", &["ENV TESTBED_BOOT_DELAY=1s"]).await;
    let plan = stage.plan("v1").await;
    let run = stage.rollback(&plan).start(plan, None).await.unwrap();
    stage.until_event(&run.events(), "warm-up").await;
    (run, UnderWay::begin(router.port).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_waited_for() {
    let Some(bed) = testbed().await else { return };
    let (mut stage, router) = stage(bed, true).await;
    let (run, mut under_way) = with_a_request_under_way(&mut stage, &router).await;
    stage.until_event(&run.events(), "drain-old").await;
    assert!(under_way.is_answered().await);
    let report = run.wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
}

/// What the other tests are worth: with a switch that waits for nothing, the same run cuts it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_drain_a_request_under_way_is_cut() {
    let Some(bed) = testbed().await else { return };
    let (mut stage, router) = stage(bed, false).await;
    let (run, mut under_way) = with_a_request_under_way(&mut stage, &router).await;
    let report = run.wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert!(!under_way.is_answered().await);
}

#[tokio::test]
async fn what_the_proxy_does_not_send_its_traffic_to_is_refused() {
    let Some(bed) = testbed().await else { return };
    let (mut stage, router) = stage(bed, true).await;
    stage.bed.image("v1", &[]).await;
    let (v2, _) = stage.bed.image("v2", &SLOW_AND_DEAF).await;
    stage.name = stage.bed.name("other");
    stage.bed.run(&stage.name, stage.bed.body(&v2)).await;
    let text = chain(&stage.try_plan("v1").await.unwrap_err()).join("; ");
    assert!(text.contains("does not go to this container"), "{text}");
    drop(router);
    let left = stage.engine.list_containers(&ContainerFilter::running()).await.unwrap();
    assert!(left.iter().any(|container| container.id == stage.old));
}
