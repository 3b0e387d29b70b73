//! A Deployment is taken back on a real API server with its controllers.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it leaves out"
)]

#[path = "../support/cluster.rs"]
mod cluster;
mod foreign;
mod requests;
mod roles;
mod rollback;

use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{HashKey, Plan, PlanRefusal, Request, Result, Strategy as _};
use stillme_rollback_k8s::{HttpCluster, KubernetesExecutor, TemplateBack, Wanted};

use self::cluster::Cluster;

/// What a user has: an executor, a strategy, an engine.
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
        let key = HashKey::from_bytes([5; 32]);
        let executor = KubernetesExecutor::new(Arc::new(api), key);
        let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
        let verifier = Arc::new(executor.rollout_verifier());
        let engine = Engine::builder(Arc::new(executor.clone()), verifier, journal, lease).build();
        Self { cluster, executor, engine }
    }

    async fn plan(&self, name: &str, to: &str) -> Result<Plan, PlanRefusal> {
        let wanted: Wanted = to.parse()?;
        let (observation, goal) =
            self.executor.observe_for(&self.cluster.workload(name), &wanted, None).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(30);
        TemplateBack::new().plan(&observation, &request)
    }

    async fn go_back(&self, name: &str, to: &str) -> Report {
        let plan = self.plan(name, to).await.expect("a plan");
        self.engine.run(plan).await.expect("a report")
    }
}
