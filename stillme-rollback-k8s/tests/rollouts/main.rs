//! Rollouts of Argo are taken back, on a real API server with their controller.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it leaves out"
)]

mod blue_green;
mod canary;
#[expect(dead_code, reason = "it has more than these tests use")]
#[path = "../support/cluster.rs"]
mod cluster;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{HashKey, Plan, PlanRefusal, Request, Result, Strategy as _};
use stillme_rollback_k8s::names::Kind;
use stillme_rollback_k8s::{HttpCluster, KubernetesExecutor, TemplateBack, Wanted};

use self::cluster::Cluster;

/// What its control plane has beside Kubernetes.
const CONTROL_PLANE: &[&str] = &["--rollouts"];
const ROLLOUTS: &str = "rollouts";

struct Stage {
    cluster: Cluster,
    executor: KubernetesExecutor,
    engine: Engine,
}

impl Stage {
    /// `None` where there is no cluster: the test is left out.
    async fn new() -> Option<Self> {
        let cluster = Cluster::new().await?;
        let api = cluster.api();
        Some(Self::with(cluster, api))
    }

    /// A stage on which one acts as somebody else.
    fn with(cluster: Cluster, api: HttpCluster) -> Self {
        let executor = KubernetesExecutor::new(Arc::new(api), HashKey::from_bytes([5; 32]));
        let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
        let verifier = Arc::new(executor.rollout_verifier());
        let engine = Engine::builder(Arc::new(executor.clone()), verifier, journal, lease).build();
        Self { cluster, executor, engine }
    }

    async fn plan(&self, to: &str) -> Result<Plan, PlanRefusal> {
        let wanted: Wanted = to.parse()?;
        let workload = self.cluster.workload(Kind::Rollout, "web");
        let (observation, goal) = self.executor.observe_for(&workload, &wanted, None).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(40);
        TemplateBack::new().plan(&observation, &request)
    }

    async fn go_back(&self, to: &str) -> Report {
        let plan = self.plan(to).await.expect("a plan");
        self.engine.run(plan).await.expect("a report")
    }

    /// Deploys, and goes on without steps until it is promoted.
    async fn promote(&self, image: &str) {
        let cluster = &self.cluster;
        let before = cluster.get(ROLLOUTS, "web").await["status"]["currentPodHash"].clone();
        cluster.deploy_to(ROLLOUTS, "web", image).await;
        cluster
            .until("its controller is on its way", async || {
                cluster.get(ROLLOUTS, "web").await["status"]["currentPodHash"] != before
            })
            .await;
        let full = json!({"status": {"promoteFull": true}});
        cluster.merge("rollouts", "web/status", &full).await;
        cluster.rolled_out_of(ROLLOUTS, "web").await;
    }
}

/// The images of all pods that are not ending, without their repository.
async fn images(cluster: &Cluster) -> Vec<String> {
    let pods = cluster.pods("web").await;
    pods.iter()
        .map(|(_, _, image, _)| image.rsplit(':').next().unwrap_or_default().to_owned())
        .collect()
}

fn phase(rollout: &Value) -> &str {
    rollout["status"]["phase"].as_str().unwrap_or_default()
}
