//! There, and back where it does not work there.

use std::time::Instant;

use serde_json::json;
use stillme_rollback_core::{EndState, PlanRefusal};

use stillme_rollback_k8s::names::Kind;

use crate::Stage;

#[tokio::test]
async fn a_bad_release_is_taken_back_to_the_one_before_and_noted() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 3).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    let before = cluster.get("deployments", "web").await;

    let report = stage.go_back("web", "previous").await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report:?}");
    assert_eq!(cluster.image("web").await, "registry.test/web:v1");
    let after = cluster.get("deployments", "web").await;
    assert_eq!(after["status"]["availableReplicas"], 3);
    // What nobody asked to change is as it was.
    assert_eq!(after["metadata"]["annotations"]["example.com/kept"], "as it is");
    for field in
        ["replicas", "selector", "strategy", "progressDeadlineSeconds", "revisionHistoryLimit"]
    {
        assert_eq!(after["spec"][field], before["spec"][field], "{field}");
    }
    let history = stage.executor.history(&cluster.workload(Kind::Deployment, "web")).await.unwrap();
    let current = history.current().unwrap();
    assert!(current.verified && !current.left);
    let other = history.others().next().unwrap();
    assert!(other.left && !other.verified, "{other:?}");
}

#[tokio::test]
async fn the_template_is_the_one_of_before_to_the_letter() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    let before = cluster.get("deployments", "web").await;
    // What a merge of the old template would leave: an annotation, a node selector, a variable.
    let richer = json!({"spec": {"template": {
        "metadata": {"annotations": {"bad": "yes"}},
        "spec": {"nodeSelector": {"kubernetes.io/os": "nowhere"}, "containers": [{
            "name": "app", "image": "registry.test/web:v2", "env": [{"name": "MORE", "value": "1"}],
        }]},
    }}});
    cluster.merge("deployments", "web", &richer).await;

    let report = stage.go_back("web", "previous").await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report:?}");
    let after = cluster.get("deployments", "web").await;
    assert_eq!(after["spec"]["template"], before["spec"]["template"]);
}

#[tokio::test]
async fn a_target_whose_image_is_gone_is_told_at_once_and_undone() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 2).await;
    cluster.deploy("web", "registry.test/web:v2-not-found").await;
    cluster.deploy("web", "registry.test/web:v3").await;
    cluster.rolled_out("web").await;
    let before = cluster.get("deployments", "web").await;
    let begin = Instant::now();

    let report = stage.go_back("web", "tag:v2-not-found").await;

    assert_eq!(report.state, Some(EndState::Restored), "{report:?}");
    // Bounded generously: how fast it is, the figures say.
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    let told = format!("{report}");
    assert!(told.contains("not found"), "{told}");
    assert!(!told.contains("canary"), "{told}");
    let after = cluster.get("deployments", "web").await;
    assert_eq!(after["spec"]["template"], before["spec"]["template"]);
    let marks = |object: &serde_json::Value| {
        object["metadata"]["annotations"]["dev.stillme.rollback.run"].clone()
    };
    assert_eq!(marks(&after), marks(&before));
    cluster.rolled_out("web").await;
}

#[tokio::test]
async fn a_target_that_crashes_or_has_no_config_is_told_and_undone() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    for (name, tag, why) in [
        ("crash", "v2-crash", "exit code 1"),
        ("oom", "v2-oom", "killed for want of memory"),
        ("config", "v2-no-config", "not found"),
        ("denied", "v2-denied", "denied"),
    ] {
        cluster.deployment(name, "registry.test/web:v1", 1).await;
        cluster.deploy(name, &format!("registry.test/web:{tag}")).await;
        cluster.deploy(name, "registry.test/web:v3").await;
        cluster.rolled_out(name).await;

        let report = stage.go_back(name, tag).await;

        assert_eq!(report.state, Some(EndState::Restored), "{name}: {report:?}");
        let told = format!("{report}");
        assert!(told.contains(why), "{name}: {told}");
        assert_eq!(cluster.image(name).await, "registry.test/web:v3");
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_waited_for() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1-slow-lingers", 1).await;
    cluster.deploy("web", "registry.test/web:v2-unready-lingers").await;

    let report = stage.go_back("web", "previous").await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report:?}");
    // Also for the pod of the other version, which takes its time to end.
    let pods = cluster.get("pods", "").await;
    let pods = pods["items"].as_array().expect("a list");
    assert_eq!(pods.len(), 1, "{pods:?}");
}

#[tokio::test]
async fn previous_does_not_go_back_to_what_was_left() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2").await;
    cluster.rolled_out("web").await;
    cluster.deploy("web", "registry.test/web:v3-crash").await;

    assert_eq!(stage.go_back("web", "previous").await.state, Some(EndState::RolledBack));
    assert_eq!(cluster.image("web").await, "registry.test/web:v2");
    // Where `kubectl rollout undo` would go to the crashing v3 now.
    assert_eq!(stage.go_back("web", "previous").await.state, Some(EndState::RolledBack));
    assert_eq!(cluster.image("web").await, "registry.test/web:v1");
    // Both were verified; v2 was left, so that nothing is good but what runs.
    let refused = stage.plan("web", "last-good").await;
    assert!(matches!(refused, Err(PlanRefusal::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn what_runs_already_is_no_rollback() {
    let Some(stage) = Stage::new().await else { return };
    stage.cluster.deployment("web", "registry.test/web:v1", 1).await;
    let refused = stage.plan("web", "tag:v1").await;
    assert!(matches!(refused, Err(PlanRefusal::AlreadyThere(_))), "{refused:?}");
    let refused = stage.plan("web", "previous").await.unwrap_err();
    assert!(format!("{refused:?}").contains("no other revision"), "{refused:?}");
}

#[tokio::test]
async fn a_paused_one_and_one_without_history_are_refused() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    for (name, patch, why) in [
        ("paused", json!({"spec": {"paused": true}}), "paused"),
        ("frozen", json!({"spec": {"revisionHistoryLimit": 0}}), "revisionHistoryLimit"),
        (
            "owned",
            json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:x/y"}}}),
            "Argo CD (shop)",
        ),
    ] {
        cluster.deployment(name, "registry.test/web:v1", 1).await;
        cluster.deploy(name, "registry.test/web:v2-unready").await;
        cluster.merge("deployments", name, &patch).await;
        let refused = stage.plan(name, "previous").await;
        assert!(refused.is_err(), "{name}");
        let told = format!("{refused:?}");
        assert!(told.contains(why), "{name}: {told}");
        assert_eq!(cluster.image(name).await, "registry.test/web:v2-unready");
    }
}

#[tokio::test]
async fn a_target_whose_config_is_gone_is_refused() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster
        .create("configmaps", &json!({"metadata": {"name": "settings"}, "data": {"a": "b"}}))
        .await;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    let uses = |image: &str, with: bool| {
        let from = if with { json!([{"configMapRef": {"name": "settings"}}]) } else { json!([]) };
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image, "envFrom": from}]}}}})
    };
    cluster.merge("deployments", "web", &uses("registry.test/web:v2", true)).await;
    cluster.rolled_out("web").await;
    cluster.merge("deployments", "web", &uses("registry.test/web:v3-unready", false)).await;
    assert!(stage.plan("web", "previous").await.is_ok());
    cluster.delete("configmaps", "settings").await;
    let told = format!("{:?}", stage.plan("web", "previous").await.unwrap_err());
    assert!(told.contains("ConfigMap settings"), "{told}");
}

#[tokio::test]
async fn a_deadline_from_before_is_not_believed() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1-slow", 1).await;
    let deadline = json!({"spec": {"progressDeadlineSeconds": 1, "minReadySeconds": 0}});
    cluster.merge("deployments", "web", &deadline).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    cluster
        .until("its controller has given up", async || {
            let now = cluster.get("deployments", "web").await;
            let conditions = now["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|one| one["reason"] == "ProgressDeadlineExceeded")
        })
        .await;
    // Where `kubectl rollout undo && kubectl rollout status` says at once that it failed.
    let report = stage.go_back("web", "previous").await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
}

#[tokio::test]
async fn replicas_that_an_autoscaler_chose_stay_and_it_is_named() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2").await;
    let scaler = json!({
        "metadata": {"name": "scaler"},
        "spec": {"minReplicas": 3, "maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    });
    cluster.create("horizontalpodautoscalers", &scaler).await;
    // What it does as soon as it has looked, which takes its controller a while.
    cluster.merge("deployments", "web", &json!({"spec": {"replicas": 3}})).await;
    cluster.rolled_out("web").await;
    let plan = stage.plan("web", "previous").await.expect("a plan");
    assert!(plan.to_string().contains("autoscaler scaler goes on scaling it"), "{plan}");
    let report = stage.engine.run(plan).await.expect("a report");
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(cluster.get("deployments", "web").await["spec"]["replicas"], 3);
}
