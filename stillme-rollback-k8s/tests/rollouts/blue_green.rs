//! By colours.

use serde_json::json;
use stillme_rollback_core::EndState;

use crate::{ROLLOUTS, Stage, phase};

async fn stage() -> Option<Stage> {
    let stage = Stage::new().await?;
    let cluster = &stage.cluster;
    for service in ["active", "preview"] {
        cluster.service(service, &json!({"app": "web"})).await;
    }
    let strategy = json!({"blueGreen": {
        "activeService": "active", "previewService": "preview", "autoPromotionEnabled": false,
    }});
    let spec = json!({"replicas": 2, "strategy": strategy});
    cluster.create_workload(ROLLOUTS, "web", "registry.test/web:v1", spec).await;
    Some(stage)
}

/// The image of the pods that the active Service selects.
async fn serving(stage: &Stage) -> String {
    let service = stage.cluster.get("services", "active").await;
    let hash = &service["spec"]["selector"]["rollouts-pod-template-hash"];
    let pods = stage.cluster.get("pods", "").await;
    let pods = pods["items"].as_array().expect("a list").clone();
    let its = pods.iter().find(|pod| {
        pod["metadata"]["labels"]["rollouts-pod-template-hash"] == *hash
            && pod["metadata"]["deletionTimestamp"].is_null()
    });
    let image = its.expect("a pod")["spec"]["containers"][0]["image"].clone();
    image.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_update_that_waits_for_its_promotion_goes_back_at_once() {
    let Some(stage) = stage().await else { return };
    stage.cluster.deploy_to(ROLLOUTS, "web", "registry.test/web:v2").await;
    stage
        .cluster
        .until("it waits for its promotion", async || {
            phase(&stage.cluster.get(ROLLOUTS, "web").await) == "Paused"
        })
        .await;
    let report = stage.go_back("previous").await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(serving(&stage).await, "registry.test/web:v1");
    assert!(report.to_string().contains("active"), "{report}");
}

#[tokio::test]
async fn a_version_that_is_promoted_is_taken_back_without_waiting_for_a_promotion() {
    let Some(stage) = stage().await else { return };
    stage.promote("registry.test/web:v2").await;
    assert_eq!(serving(&stage).await, "registry.test/web:v2");
    let report = stage.go_back("previous").await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(serving(&stage).await, "registry.test/web:v1");
}
