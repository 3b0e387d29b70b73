//! By steps.

use serde_json::json;
use stillme_rollback_core::EndState;

use crate::{ROLLOUTS, Stage, images, phase};

async fn stage() -> Option<Stage> {
    let stage = Stage::new().await?;
    let steps = json!([{"setWeight": 25}, {"pause": {}}]);
    let spec = json!({"replicas": 4, "strategy": {"canary": {"steps": steps}}});
    stage.cluster.create_workload(ROLLOUTS, "web", "registry.test/web:v1", spec).await;
    Some(stage)
}

/// In the middle of an update to an image, at its first pause.
async fn at_its_pause(stage: &Stage, image: &str) {
    stage.cluster.deploy_to(ROLLOUTS, "web", image).await;
    stage
        .cluster
        .until("it is at its pause", async || {
            phase(&stage.cluster.get(ROLLOUTS, "web").await) == "Paused"
        })
        .await;
}

#[tokio::test]
async fn an_update_under_way_goes_back_to_the_stable_version_at_once() {
    let Some(stage) = stage().await else { return };
    at_its_pause(&stage, "registry.test/web:v2").await;
    let plan = stage.plan("previous").await.expect("a plan");
    let steps: Vec<_> = plan.steps.iter().map(|step| step.id.as_str().to_owned()).collect();
    assert_eq!(steps, ["set-template", "verdict", "mark-verified"], "{plan}");
    assert!(plan.to_string().contains("step 1 of 2"), "{plan}");

    let report = stage.engine.run(plan).await.expect("a report");

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(images(&stage.cluster).await, ["v1"; 4]);
    let after = stage.cluster.get(ROLLOUTS, "web").await;
    assert_eq!(after["status"]["stableRS"], after["status"]["currentPodHash"]);
    assert_eq!(phase(&after), "Healthy");
}

#[tokio::test]
async fn one_that_somebody_paused_goes_back_all_the_same() {
    let Some(stage) = stage().await else { return };
    at_its_pause(&stage, "registry.test/web:v2").await;
    stage.cluster.merge(ROLLOUTS, "web", &json!({"spec": {"paused": true}})).await;
    let report = stage.go_back("previous").await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(images(&stage.cluster).await, ["v1"; 4]);
    let after = stage.cluster.get(ROLLOUTS, "web").await;
    assert_ne!(after["spec"]["paused"], true);
}

#[tokio::test]
async fn a_version_that_is_promoted_is_taken_back_without_its_steps() {
    let Some(stage) = stage().await else { return };
    stage.promote("registry.test/web:v2").await;
    assert_eq!(images(&stage.cluster).await, ["v2"; 4]);

    let report = stage.go_back("previous").await;

    // By its steps it would stand at the pause.
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(images(&stage.cluster).await, ["v1"; 4]);
    // Asked again, it does not go back to what was left.
    assert!(stage.plan("previous").await.is_err());
}

#[tokio::test]
async fn a_target_that_can_not_start_is_undone_without_steps() {
    let Some(stage) = stage().await else { return };
    stage.cluster.deploy_to(ROLLOUTS, "web", "registry.test/web:v2-not-found").await;
    stage.promote("registry.test/web:v3").await;

    let report = stage.go_back("tag:v2-not-found").await;

    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("not found"), "{report}");
    stage.cluster.rolled_out_of(ROLLOUTS, "web").await;
    assert_eq!(images(&stage.cluster).await, ["v3"; 4]);
}

#[tokio::test]
async fn somebody_elses_update_is_not_touched() {
    let Some(stage) = stage().await else { return };
    at_its_pause(&stage, "registry.test/web:v2").await;
    let plan = stage.plan("previous").await.expect("a plan");
    stage.cluster.deploy_to(ROLLOUTS, "web", "registry.test/web:v3").await;
    let theirs = stage.cluster.get(ROLLOUTS, "web").await;
    let report = stage.engine.run(plan).await.expect("a report");
    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert_eq!(stage.cluster.get(ROLLOUTS, "web").await["spec"], theirs["spec"]);
}

/// What is written in many a guide: no such field exists, and the server drops it without a word.
#[tokio::test]
async fn a_patch_of_roll_back_to_does_nothing() {
    let Some(stage) = stage().await else { return };
    at_its_pause(&stage, "registry.test/web:v2").await;
    let before = stage.cluster.get(ROLLOUTS, "web").await;
    let patch = json!({"spec": {"rollbackTo": {"revision": 1}}});
    let after = stage.cluster.merge(ROLLOUTS, "web", &patch).await;
    assert_eq!(after["spec"], before["spec"]);
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

#[tokio::test]
async fn the_role_of_the_documentation_is_enough() {
    let Some(stage) = stage().await else { return };
    stage.promote("registry.test/web:v2").await;
    let page = include_str!("../../../docs/kubernetes.md");
    let role = page.split("```yaml\n").nth(4).and_then(|role| role.split("```").next());
    let role: serde_json::Value =
        serde_saphyr::from_str(role.expect("a role")).expect("a document");
    let api = stage.cluster.as_user("rollouts", &role["rules"]).await;
    let stage = Stage::with(stage.cluster, api);
    let report = stage.go_back("previous").await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
}
