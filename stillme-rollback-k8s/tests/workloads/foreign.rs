//! Somebody else's deploy is theirs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::{EndState, Result, Run, Verdict, Verifier};
use tokio::sync::Notify;

use stillme_rollback_k8s::names::Kind;

use crate::Stage;

/// Says that it was asked, and waits for leave before it asks another one.
#[derive(Debug)]
struct Gate<V> {
    asked: Arc<Notify>,
    leave: Arc<Notify>,
    then: V,
}

#[async_trait]
impl<V: Verifier> Verifier for Gate<V> {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        self.asked.notify_one();
        self.leave.notified().await;
        self.then.verify(run, time_left).await
    }
}

#[tokio::test]
async fn a_deploy_before_the_patch_is_not_touched() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    let plan = stage.plan("web", "previous").await.unwrap();
    cluster.deploy("web", "registry.test/web:v3").await;
    let theirs = cluster.get("deployments", "web").await;

    let report = stage.engine.run(plan).await.unwrap();

    assert_eq!(report.state, Some(EndState::Superseded), "{report:?}");
    let after = cluster.get("deployments", "web").await;
    assert_eq!(after["spec"], theirs["spec"]);
    assert_eq!(after["metadata"]["generation"], theirs["metadata"]["generation"]);
    assert!(format!("{report}").contains("web:v3"), "{report}");
}

#[tokio::test]
async fn a_deploy_while_it_is_verified_is_not_touched() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    let (asked, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = Gate {
        asked: asked.clone(),
        leave: leave.clone(),
        then: stage.executor.rollout_verifier(),
    };
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    let executor = Arc::new(stage.executor.clone());
    let engine = Engine::builder(executor, Arc::new(gate), journal, lease).build();
    let plan = stage.plan("web", "previous").await.unwrap();
    let handle = engine.start(plan, None).await.unwrap();
    asked.notified().await;
    cluster.deploy("web", "registry.test/web:v3").await;
    let theirs = cluster.get("deployments", "web").await;
    leave.notify_one();

    let report = handle.wait().await.unwrap();

    assert_eq!(report.state, Some(EndState::Superseded), "{report:?}");
    assert_eq!(cluster.get("deployments", "web").await["spec"], theirs["spec"]);
}

#[tokio::test]
async fn one_that_was_made_anew_is_another_one() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    let plan = stage.plan("web", "previous").await.unwrap();
    cluster.delete("deployments", "web").await;
    cluster
        .until("it is gone", async || {
            stage.executor.target(&cluster.workload(Kind::Deployment, "web")).await.is_err()
        })
        .await;
    cluster.deployment("web", "registry.test/web:v9", 1).await;

    let report = stage.engine.run(plan).await.unwrap();

    assert_eq!(report.state, Some(EndState::Superseded), "{report:?}");
    assert_eq!(cluster.image("web").await, "registry.test/web:v9");
}

/// What came while nobody looked has to be seen at the first look: it may be somebody's deploy.
#[tokio::test]
async fn a_deploy_while_nobody_looks_is_seen_at_the_next_look() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 1).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    assert_eq!(stage.go_back("web", "previous").await.state, Some(EndState::RolledBack));
    // The executor's watch stays open.
    cluster.deploy("web", "registry.test/web:v3-unready").await;

    let report = stage.go_back("web", "previous").await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(cluster.image("web").await, "registry.test/web:v1");
}
