//! `behind-proxy` through a real kamal-proxy, under a user who asks every 5 ms.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/kamal.rs"]
mod kamal;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/real.rs"]
mod real;
#[path = "support/router.rs"]
mod router;
#[path = "rollback/stage.rs"]
mod stage;

use std::sync::Arc;

use serde_json::{Value, json};
use stillme_rollback_core::{EndState, Outcome, chain};
use stillme_rollback_docker::traffic::{Traffic, Upstream};
use stillme_rollback_docker::{BehindProxy, DockerExecutor, KamalProxy, TrafficSwitch as _};

use crate::kamal::Kamal;
use crate::real::testbed;
use crate::router::Prober;
use crate::stage::{Judge, Stage, key};

/// What answers after a while and hears no signal: when it is stopped, whatever it has is cut.
const SLOW_AND_DEAF: [&str; 2] = ["ENV TESTBED_LATENCY=1s", "ENV TESTBED_DEAF=true"];

/// A service behind a kamal-proxy.
struct Behind {
    stage: Stage,
    proxy: Kamal,
    switch: Arc<KamalProxy>,
}

async fn behind() -> Option<Behind> {
    let bed = testbed().await?;
    let proxy = Kamal::start(&bed).await?;
    let settings = json!({"HostConfig": {"PortBindings": null, "NetworkMode": proxy.network}});
    let mut stage = Stage::built_with(bed, &SLOW_AND_DEAF, settings).await;
    proxy.deploy(&stage.bed, &stage.old).await;
    let engine = Arc::clone(&stage.engine);
    let switch = Arc::new(KamalProxy::new(engine, &proxy.name, "web", 8080).unwrap());
    let executor = DockerExecutor::new(Arc::clone(&stage.engine), key());
    stage.executor = Arc::new(executor.with_traffic_switch(switch.clone()));
    stage.strategy = Box::new(BehindProxy::new(key()));
    stage.port = proxy.port;
    Some(Behind { stage, proxy, switch })
}

impl Behind {
    async fn settings(&self) -> Value {
        self.proxy.settings(&self.stage.bed).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_again_costs_no_request_and_no_setting() {
    let Some(mut behind) = behind().await else { return };
    let before = behind.settings().await;
    assert_eq!(before[0]["options"]["hosts"], json!(["localhost"]));
    behind.stage.bed.image("v1", &SLOW_AND_DEAF).await;
    let prober = Prober::start(behind.proxy.port);
    prober.served("v2", 50).await;
    for version in ["v1", "v2"] {
        let report = behind.stage.run(behind.stage.plan(version).await).await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
        prober.served(version, 100).await;
        assert_eq!(behind.settings().await, before);
        let new = behind.stage.by_name().await;
        behind.stage.old = new["Id"].as_str().unwrap().parse().unwrap();
    }
    let tally = prober.tally().await;
    assert!(tally.failed.is_empty(), "{} failed: {:?}", tally.failed.len(), tally.failed.first());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_its_verdict_gives_the_traffic_back() {
    let Some(mut behind) = behind().await else { return };
    let before = behind.settings().await;
    behind.stage.judge = Judge::AtOnce(Outcome::Fail);
    behind.stage.bed.image("v1", &SLOW_AND_DEAF).await;
    let prober = Prober::start(behind.proxy.port);
    prober.served("v2", 50).await;
    let report = behind.stage.run(behind.stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let tally = prober.tally().await;
    assert!(tally.failed.is_empty(), "{} failed: {:?}", tally.failed.len(), tally.failed.first());
    assert!(tally.served.contains_key("v1"), "it had the traffic: {tally:?}");
    assert_eq!(behind.settings().await, before);
    let old = Upstream::new(behind.stage.old.clone(), behind.stage.name.clone());
    let to_old = Traffic::To(behind.stage.old.clone());
    assert_eq!(behind.switch.confirm(&[old]).await.unwrap(), to_old);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_deploy_could_not_give_again_is_refused_before_it_is_lost() {
    let Some(behind) = behind().await else { return };
    let (stage, proxy) = (&behind.stage, &behind.proxy);
    stage.bed.image("v1", &SLOW_AND_DEAF).await;
    let target = format!("--target={}:8080", stage.old.short());
    proxy.command(&stage.bed, &["rollout", "deploy", "web", &target]).await;
    let before = behind.settings().await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("rollout_targets"), "{report}");
    assert_eq!(behind.settings().await, before);
    // Nor is a service taken for one that is paused, or of another name.
    proxy.command(&stage.bed, &["stop", "web"]).await;
    let text = chain(&stage.try_plan("v1").await.unwrap_err()).join("; ");
    assert!(text.contains("the service is stopped"), "{text}");
    let engine = Arc::clone(&stage.engine);
    let other = KamalProxy::new(engine, &proxy.name, "shop", 8080).unwrap();
    let nowhere = Traffic::Elsewhere("nowhere: it has no service shop".to_owned());
    assert_eq!(other.confirm(&[]).await.unwrap(), nowhere);
}
