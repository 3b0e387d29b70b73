//! The Role of the documentation is enough, and less is refused by name.

use serde_json::{Value, json};
use stillme_rollback_core::EndState;

use crate::Stage;
use crate::cluster::Cluster;

/// The rules of the Role in the documentation.
fn documented() -> Value {
    let page = include_str!("../../../docs/kubernetes.md");
    let (_, role) = page.split_once("```yaml\n").expect("a role");
    let (role, _) = role.split_once("```").expect("its end");
    let role: Value = serde_saphyr::from_str(role).expect("a document");
    role["rules"].clone()
}

async fn bad_release() -> Option<Cluster> {
    let cluster = Cluster::new().await?;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    Some(cluster)
}

#[tokio::test]
async fn the_role_of_the_documentation_is_enough() {
    let Some(cluster) = bad_release().await else { return };
    let api = cluster.as_user("rollback", &documented()).await;
    let stage = Stage::with(cluster, api);
    let plan = stage.plan("web", "previous").await.expect("a plan");
    assert!(!plan.to_string().contains("not checked"), "{plan}");
    let report = stage.engine.run(plan).await.expect("a report");
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
}

#[tokio::test]
async fn what_is_not_allowed_is_named_before_anything_is_touched() {
    let Some(cluster) = bad_release().await else { return };
    let mut rules = documented();
    rules[0]["verbs"] = json!(["get", "watch"]);
    let api = cluster.as_user("reader", &rules).await;
    let stage = Stage::with(cluster, api);
    let told = format!("{:?}", stage.plan("web", "previous").await.unwrap_err());
    assert!(told.contains("patch deployments.apps web"), "{told}");
}

#[tokio::test]
async fn what_only_adds_to_the_verdict_is_said_not_to_be_checked() {
    let Some(cluster) = bad_release().await else { return };
    let rules = documented();
    let needed: Vec<_> = rules.as_array().expect("rules").iter().take(3).cloned().collect();
    let api = cluster.as_user("least", &Value::Array(needed)).await;
    let stage = Stage::with(cluster, api);
    let plan = stage.plan("web", "previous").await.expect("a plan");
    assert!(plan.to_string().contains("not checked: where Services send"), "{plan}");
    let report = stage.engine.run(plan).await.expect("a report");
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert!(report.to_string().contains("Services not checked"), "{report}");
}
