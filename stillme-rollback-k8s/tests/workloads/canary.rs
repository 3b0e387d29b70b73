//! A canary beside a stable Deployment gets no more requests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::{EndState, Plan, PlanRefusal, Request, Result, Strategy as _};
use stillme_rollback_k8s::Canary;
use stillme_rollback_k8s::names::ObjectName;

use crate::Stage;

async fn plan(stage: &Stage) -> Result<Plan, PlanRefusal> {
    let stable = ObjectName::new("web-stable")?;
    let traffic = stage.executor.traffic();
    let (observation, goal) = traffic.find_canary(&stage.cluster.namespace, &stable, None).await?;
    let mut request = Request::new(goal);
    request.deadline = Duration::from_secs(30);
    Canary::new().plan(&observation, &request)
}

#[tokio::test]
async fn the_stable_one_takes_over_all_pods_and_the_canary_has_none() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment_of("web", ("track", "stable"), "registry.test/web:v1", 3).await;
    cluster.deployment_of("web", ("track", "canary"), "registry.test/web:v2-unready", 1).await;
    cluster.service("web", &json!({"app": "web"})).await;
    cluster.rolled_out("web-stable").await;
    let plan_made = plan(&stage).await.expect("a plan");
    let traffic = stage.executor.traffic();
    let verifier = Arc::new(traffic.traffic_verifier());
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    let engine = Engine::builder(Arc::new(traffic), verifier, journal, lease).build();

    let report = engine.run(plan_made).await.expect("a report");

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(cluster.get("deployments", "web-stable").await["spec"]["replicas"], 4);
    assert_eq!(cluster.get("deployments", "web-canary").await["spec"]["replicas"], 0);
    let again = plan(&stage).await;
    assert!(matches!(again, Err(PlanRefusal::AlreadyThere(_))), "{again:?}");
}
