//! The Role of the documentation is enough, and less is refused by name.

use serde_json::{Value, json};
use stillme_rollback_core::EndState;
use stillme_rollback_k8s::names::Kind;
use stillme_rollback_k8s::{BlueGreen, TemplateBack};

use crate::Stage;
use crate::cluster::Cluster;

/// The rules of the n-th Role in the documentation.
fn documented_as(number: usize) -> Value {
    let page = include_str!("../../../docs/kubernetes.md");
    let role = page.split("```yaml\n").nth(number + 1).expect("a role");
    let (role, _) = role.split_once("```").expect("its end");
    let role: Value = serde_saphyr::from_str(role).expect("a document");
    role["rules"].clone()
}

/// Those for a Deployment.
fn documented() -> Value {
    documented_as(0)
}

/// The rules of one Role in place of the first three for a Deployment, and those of another.
fn in_place(number: usize, more: Option<usize>) -> Value {
    let rules = |number| documented_as(number).as_array().expect("rules").clone();
    let mut all = rules(number);
    all.extend(rules(0).into_iter().skip(3));
    all.extend(more.map(rules).into_iter().flatten());
    Value::Array(all)
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

#[tokio::test]
async fn the_roles_for_sets_are_enough() {
    let Some(cluster) = Cluster::new().await else { return };
    let rolling = json!({"type": "RollingUpdate"});
    cluster.stateful_set("db", "registry.test/db:v1", 2, rolling.clone()).await;
    cluster.deploy_to("statefulsets", "db", "registry.test/db:v2-crash").await;
    cluster
        .until("its last pod is stuck", async || {
            let pods = cluster.pods("db").await;
            pods.last().is_some_and(|(_, _, image, _)| image.ends_with("v2-crash"))
        })
        .await;
    cluster.daemon_set("agent", "registry.test/agent:v1", rolling).await;
    cluster.deploy_to("daemonsets", "agent", "registry.test/agent:v2").await;
    let api = cluster.as_user("sets", &in_place(1, None)).await;
    let stage = Stage::with(cluster, api);

    let plan = stage.plan_of(Kind::DaemonSet, "agent", "previous", TemplateBack::new()).await;
    let report = stage.engine.run(plan.expect("a plan")).await.expect("a report");
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");

    // A pod is stuck, and the Role for that is an extra one.
    let refused = stage.plan_of(Kind::StatefulSet, "db", "previous", TemplateBack::new()).await;
    let told = format!("{:?}", refused.unwrap_err());
    assert!(told.contains("pods are stuck") && told.contains("db-1"), "{told}");

    let api = stage.cluster.as_user("repair", &in_place(1, Some(2))).await;
    let stage = Stage::with(stage.cluster, api);
    let plan = stage.plan_of(Kind::StatefulSet, "db", "previous", TemplateBack::new()).await;
    let report = stage.engine.run(plan.expect("a plan")).await.expect("a report");
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
}

#[tokio::test]
async fn the_role_for_sides_is_enough() {
    let Some(cluster) = Cluster::new().await else { return };
    cluster.deployment_of("web", ("version", "green"), "registry.test/web:v2", 1).await;
    cluster.deployment_of("web", ("version", "blue"), "registry.test/web:v1", 0).await;
    cluster.service("web", &json!({"app": "web", "version": "green"})).await;
    cluster.rolled_out("web-green").await;
    let api = cluster.as_user("sides", &documented_as(4)).await;
    let stage = Stage::with(cluster, api);
    let report = crate::blue_green::go_back(&stage, BlueGreen::new()).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert!(!report.to_string().contains("not checked"), "{report}");
}
