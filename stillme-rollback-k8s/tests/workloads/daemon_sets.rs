//! DaemonSets: a pod on each node.

use serde_json::json;
use stillme_rollback_core::{EndState, PlanRefusal};
use stillme_rollback_k8s::TemplateBack;
use stillme_rollback_k8s::names::Kind;

use crate::Stage;

const SETS: &str = "daemonsets";

#[tokio::test]
async fn a_bad_release_is_taken_back_on_every_node() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.daemon_set("agent", "registry.test/agent:v1", json!({"type": "RollingUpdate"})).await;
    cluster.deploy_to(SETS, "agent", "registry.test/agent:v2-crash").await;
    let nodes = cluster.pods("agent").await.len();

    let report =
        stage.go_back_with(Kind::DaemonSet, "agent", "previous", TemplateBack::new()).await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let after = cluster.pods("agent").await;
    assert!(after.len() >= nodes.max(1), "{after:?}");
    for (_, _, image, ready) in &after {
        assert!(image.ends_with(":v1") && *ready, "{after:?}");
    }
    let set = cluster.get(SETS, "agent").await;
    assert_eq!(set["metadata"]["annotations"]["example.com/kept"], "as it is");
    let history =
        stage.executor.history(&cluster.workload(Kind::DaemonSet, "agent")).await.unwrap();
    let current = history.current().expect("a current one");
    assert!(current.verified && current.number == 3, "{history:?}");
}

#[tokio::test]
async fn a_target_that_can_not_start_is_undone() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.daemon_set("agent", "registry.test/agent:v1", json!({"type": "RollingUpdate"})).await;
    cluster.deploy_to(SETS, "agent", "registry.test/agent:v2-denied").await;
    cluster.deploy_to(SETS, "agent", "registry.test/agent:v3").await;
    cluster.rolled_out_of(SETS, "agent").await;

    let report =
        stage.go_back_with(Kind::DaemonSet, "agent", "tag:v2-denied", TemplateBack::new()).await;

    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("denied"), "{report}");
    cluster.rolled_out_of(SETS, "agent").await;
    for (_, _, image, ready) in cluster.pods("agent").await {
        assert!(image.ends_with(":v3") && ready, "{image}");
    }
}

#[tokio::test]
async fn pods_of_on_delete_are_replaced_node_by_node() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.daemon_set("agent", "registry.test/agent:v1", json!({"type": "OnDelete"})).await;
    cluster.deploy_to(SETS, "agent", "registry.test/agent:v2").await;
    for (name, _, _, _) in cluster.pods("agent").await {
        cluster.delete("pods", &name).await;
    }
    cluster.rolled_out_of(SETS, "agent").await;
    let before = cluster.pods("agent").await;

    let refused = stage.plan_of(Kind::DaemonSet, "agent", "previous", TemplateBack::new()).await;
    assert!(
        matches!(&refused, Err(PlanRefusal::Refused(error)) if error.to_string().contains("--replace-pods")),
        "{refused:?}"
    );
    let strategy = TemplateBack::new().replacing_pods();
    let report = stage.go_back_with(Kind::DaemonSet, "agent", "previous", strategy).await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let after = cluster.pods("agent").await;
    assert_eq!(after.len(), before.len());
    for (name, _, image, ready) in &after {
        assert!(image.ends_with(":v1") && *ready, "{after:?}");
        assert!(before.iter().all(|(old, _, _, _)| old != name), "{name} was not replaced");
    }
}
