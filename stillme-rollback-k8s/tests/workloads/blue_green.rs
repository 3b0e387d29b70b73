//! A Service is pointed to the other colour.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{
    Check, EndState, Outcome, Plan, PlanRefusal, Request, Result, Run, Strategy as _, Verdict,
    Verifier,
};
use stillme_rollback_k8s::BlueGreen;
use stillme_rollback_k8s::names::ObjectName;

use crate::Stage;
use crate::cluster::Cluster;

/// Green serves with v2, blue waits with an image and so many pods.
async fn stage(blue: &str, pods: u32) -> Option<Stage> {
    let stage = Stage::new().await?;
    let cluster = &stage.cluster;
    cluster.deployment_of("web", ("version", "green"), "registry.test/web:v2", 2).await;
    cluster.deployment_of("web", ("version", "blue"), blue, pods).await;
    cluster.service("web", &json!({"app": "web", "version": "green"})).await;
    cluster.rolled_out("web-green").await;
    Some(stage)
}

async fn plan(stage: &Stage, strategy: BlueGreen) -> Result<Plan, PlanRefusal> {
    let service = ObjectName::new("web")?;
    let traffic = stage.executor.traffic();
    let (observation, goal) =
        traffic.find_blue_green(&stage.cluster.namespace, &service, None).await?;
    let mut request = Request::new(goal);
    request.deadline = Duration::from_secs(30);
    strategy.plan(&observation, &request)
}

async fn run(stage: &Stage, plan: Plan, verifier: Arc<dyn Verifier>) -> Report {
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    let executor = Arc::new(stage.executor.traffic());
    let engine = Engine::builder(executor, verifier, journal, lease).build();
    engine.run(plan).await.expect("a report")
}

pub(crate) async fn go_back(stage: &Stage, strategy: BlueGreen) -> Report {
    let plan = plan(stage, strategy).await.expect("a plan");
    run(stage, plan, Arc::new(stage.executor.traffic().traffic_verifier())).await
}

async fn state(cluster: &Cluster) -> (String, u64, u64) {
    let service = cluster.get("services", "web").await;
    let selector = &service["spec"]["selector"];
    assert_eq!(selector["app"], "web");
    let replicas = async |name| {
        cluster.get("deployments", name).await["spec"]["replicas"].as_u64().unwrap_or(1)
    };
    let colour = selector["version"].as_str().unwrap_or_default().to_owned();
    (colour, replicas("web-green").await, replicas("web-blue").await)
}

#[tokio::test]
async fn the_other_colour_is_scaled_up_before_requests_go_to_it() {
    let Some(stage) = stage("registry.test/web:v1-slow", 0).await else { return };
    let report = go_back(&stage, BlueGreen::new()).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(state(&stage.cluster).await, ("blue".to_owned(), 2, 2));
    let told = report.to_string();
    assert!(told.contains("web sends to 2 ready pods of deployment/web-blue alone"), "{told}");

    // The same command is the way back.
    let report = go_back(&stage, BlueGreen::new().scaling_down()).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(state(&stage.cluster).await, ("green".to_owned(), 2, 0));
}

#[tokio::test]
async fn a_colour_that_can_not_start_never_gets_a_request() {
    let Some(stage) = stage("registry.test/web:v1-not-found", 0).await else { return };
    let before = stage.cluster.get("services", "web").await;
    let report = go_back(&stage, BlueGreen::new()).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("not found"), "{report}");
    assert_eq!(state(&stage.cluster).await, ("green".to_owned(), 2, 0));
    let after = stage.cluster.get("services", "web").await;
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
}

/// Says that it does not work.
#[derive(Debug)]
struct Never;

#[async_trait]
impl Verifier for Never {
    async fn verify(&self, _run: &Run, _time_left: Duration) -> Result<Verdict> {
        Ok(Verdict::of(vec![Check::new("never", Outcome::Fail, "it does not work")]))
    }
}

#[tokio::test]
async fn a_bad_verdict_points_the_service_back() {
    let Some(stage) = stage("registry.test/web:v1", 1).await else { return };
    let plan = plan(&stage, BlueGreen::new()).await.expect("a plan");
    let report = run(&stage, plan, Arc::new(Never)).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(state(&stage.cluster).await, ("green".to_owned(), 2, 1));
}

#[tokio::test]
async fn what_somebody_else_did_meanwhile_is_not_touched() {
    let Some(stage) = stage("registry.test/web:v1", 2).await else { return };
    let cluster = &stage.cluster;
    let before = plan(&stage, BlueGreen::new()).await.expect("a plan");
    let red = json!({"spec": {"selector": {"version": "red"}}});
    cluster.merge("services", "web", &red).await;
    let theirs = cluster.get("services", "web").await;
    let verifier = Arc::new(stage.executor.traffic().traffic_verifier());

    let report = run(&stage, before, verifier.clone()).await;

    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert_eq!(cluster.get("services", "web").await, theirs);

    let green = json!({"spec": {"selector": {"version": "green"}}});
    cluster.merge("services", "web", &green).await;
    let before = plan(&stage, BlueGreen::new()).await.expect("a plan");
    cluster.deploy("web-blue", "registry.test/web:v3").await;
    let report = run(&stage, before, verifier).await;
    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert!(
        report.to_string().contains("deployment/web-blue now has another template"),
        "{report}"
    );
}

#[tokio::test]
async fn no_room_for_its_pods_is_told_before_anything_is_touched() {
    let Some(stage) = stage("registry.test/web:v1", 0).await else { return };
    let cluster = &stage.cluster;
    let quota = json!({"metadata": {"name": "small"}, "spec": {"hard": {"pods": "3"}}});
    cluster.create("resourcequotas", &quota).await;
    cluster
        .until("the quota is counted", async || {
            cluster.get("resourcequotas", "small").await["status"]["used"]["pods"] == "2"
        })
        .await;
    let refused = plan(&stage, BlueGreen::new()).await;
    let Err(PlanRefusal::Refused(error)) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("quota small: pods 2 of 3 used, 2 more wanted"), "{error}");
}
