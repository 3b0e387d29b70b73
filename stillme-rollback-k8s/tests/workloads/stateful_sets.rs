//! StatefulSets: their controller waits for a pod that is not ready, also when the template would heal it.

use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{EndState, OnInconclusive, PlanRefusal};
use stillme_rollback_k8s::TemplateBack;
use stillme_rollback_k8s::names::Kind;

use crate::Stage;
use crate::cluster::Cluster;

const SETS: &str = "statefulsets";

fn rolling() -> Value {
    json!({"type": "RollingUpdate"})
}

/// Of v1, with its last pod stuck at v2.
async fn stuck(stage: &Stage) -> &Cluster {
    let cluster = &stage.cluster;
    cluster.stateful_set("db", "registry.test/db:v1", 3, rolling()).await;
    cluster.deploy_to(SETS, "db", "registry.test/db:v2-crash").await;
    cluster
        .until("its last pod is stuck", async || {
            let pods = cluster.pods("db").await;
            pods.last().is_some_and(|(_, _, image, ready)| image.ends_with("v2-crash") && !ready)
        })
        .await;
    cluster
}

fn images(pods: &[(String, String, String, bool)]) -> Vec<&str> {
    pods.iter().map(|(_, _, image, _)| image.rsplit_once(':').unwrap_or_default().1).collect()
}

#[tokio::test]
async fn a_pod_that_is_stuck_is_freed_and_the_others_are_left_alone() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = stuck(&stage).await;
    let before = cluster.pods("db").await;

    let plan = stage.plan_of(Kind::StatefulSet, "db", "previous", TemplateBack::new()).await;
    let plan = plan.expect("a plan");
    assert!(plan.to_string().contains("are deleted: db-2"), "{plan}");
    let report = stage.engine.run(plan).await.expect("a report");

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let after = cluster.pods("db").await;
    assert_eq!(images(&after), ["v1", "v1", "v1"]);
    assert!(after.iter().all(|(_, _, _, ready)| *ready), "{after:?}");
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2].1, after[2].1);
}

/// What `kubectl rollout undo` leaves: the template is right, and nothing happens.
#[tokio::test]
async fn without_repair_its_controller_waits_for_ever() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = stuck(&stage).await;
    let before = cluster.pods("db").await;
    let strategy = TemplateBack::new().without_repair();
    let mut plan =
        stage.plan_of(Kind::StatefulSet, "db", "previous", strategy).await.expect("a plan");
    assert!(plan.to_string().contains("will not be replaced (--no-repair): db-2"), "{plan}");
    // So long that its controller has had its turn many times.
    for step in &mut plan.steps {
        step.deadline = Duration::from_secs(3);
    }
    plan.on_inconclusive = OnInconclusive::Pause;

    let report = stage.engine.run(plan).await.expect("a report");

    assert_eq!(report.state, Some(EndState::Paused), "{report}");
    assert!(report.to_string().contains("1 pods of other versions are there"), "{report}");
    assert_eq!(cluster.pods("db").await, before);
}

#[tokio::test]
async fn a_target_whose_pods_get_stuck_is_undone_and_they_are_freed() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = stuck(&stage).await;
    // A user's way out: forward, and the stuck pod by hand.
    cluster.deploy_to(SETS, "db", "registry.test/db:v3").await;
    cluster.delete("pods", "db-2").await;
    cluster.rolled_out_of(SETS, "db").await;
    let before = cluster.pods("db").await;
    assert_eq!(images(&before), ["v3", "v3", "v3"]);

    let report =
        stage.go_back_with(Kind::StatefulSet, "db", "tag:v2-crash", TemplateBack::new()).await;

    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("exit code 1"), "{report}");
    cluster.rolled_out_of(SETS, "db").await;
    let after = cluster.pods("db").await;
    assert_eq!(images(&after), ["v3", "v3", "v3"]);
    assert_eq!(before[..2], after[..2]);
}

#[tokio::test]
async fn a_partition_is_honoured() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.stateful_set("db", "registry.test/db:v1", 3, rolling()).await;
    cluster.deploy_to(SETS, "db", "registry.test/db:v2").await;
    cluster.rolled_out_of(SETS, "db").await;
    let partition = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}});
    cluster.merge(SETS, "db", &partition).await;
    let before = cluster.pods("db").await;

    let plan = stage.plan_of(Kind::StatefulSet, "db", "previous", TemplateBack::new()).await;
    let plan = plan.expect("a plan");
    assert!(plan.to_string().contains("its partition is 2"), "{plan}");
    let report = stage.engine.run(plan).await.expect("a report");

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let after = cluster.pods("db").await;
    assert_eq!(images(&after), ["v2", "v2", "v1"]);
    assert_eq!(before[..2], after[..2]);
}

#[tokio::test]
async fn pods_of_on_delete_are_replaced_only_on_request() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    let on_delete = json!({"type": "OnDelete"});
    cluster.stateful_set("db", "registry.test/db:v1", 2, on_delete).await;
    cluster.deploy_to(SETS, "db", "registry.test/db:v2-unready").await;
    cluster.delete("pods", "db-1").await;
    cluster
        .until("one pod is of the new version", async || {
            images(&cluster.pods("db").await) == ["v1", "v2-unready"]
        })
        .await;
    let before = cluster.pods("db").await;

    let refused = stage.plan_of(Kind::StatefulSet, "db", "previous", TemplateBack::new()).await;
    let Err(PlanRefusal::Refused(error)) = refused else { panic!("{refused:?}") };
    assert!(
        error.to_string().contains("OnDelete") && error.to_string().contains("db-1"),
        "{error}"
    );

    let strategy = TemplateBack::new().replacing_pods();
    let report = stage.go_back_with(Kind::StatefulSet, "db", "previous", strategy).await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let after = cluster.pods("db").await;
    assert_eq!(images(&after), ["v1", "v1"]);
    // It was of that version all the time.
    assert_eq!(before[0], after[0]);
}

#[tokio::test]
async fn pods_of_on_delete_that_do_not_get_ready_are_put_back() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.stateful_set("db", "registry.test/db:v1", 2, rolling()).await;
    cluster.deploy_to(SETS, "db", "registry.test/db:v2-not-found").await;
    cluster
        .merge(
            SETS,
            "db",
            &json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}),
        )
        .await;
    cluster.deploy_to(SETS, "db", "registry.test/db:v3").await;
    for pod in ["db-0", "db-1"] {
        cluster.delete("pods", pod).await;
    }
    cluster
        .until("both are of v3", async || {
            let pods = cluster.pods("db").await;
            images(&pods) == ["v3", "v3"] && pods.iter().all(|(_, _, _, ready)| *ready)
        })
        .await;
    let before = cluster.pods("db").await;
    let strategy = TemplateBack::new().replacing_pods();
    let plan = stage.plan_of(Kind::StatefulSet, "db", "tag:v2-not-found", strategy).await;
    let mut plan = plan.expect("a plan");
    for step in &mut plan.steps {
        step.deadline = Duration::from_secs(5);
    }

    let report = stage.engine.run(plan).await.expect("a report");

    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let after = cluster.pods("db").await;
    assert_eq!(images(&after), ["v3", "v3"]);
    assert!(after.iter().all(|(_, _, _, ready)| *ready), "{after:?}");
    // Only the first was ever replaced.
    assert_eq!(before[0], after[0]);
}
