//! Workloads are taken back on a real API server with its controllers.

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
mod daemon_sets;
mod foreign;
mod foreign_writes;
#[path = "../support/interposed.rs"]
mod interposed;
mod requests;
mod roles;
mod rollback;
mod stateful_sets;

use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{HashKey, Plan, PlanRefusal, Request, Result, Strategy as _};
use stillme_rollback_k8s::names::Kind;
use stillme_rollback_k8s::{HttpCluster, KubernetesExecutor, TemplateBack, Wanted};

use self::cluster::Cluster;

/// What its control plane has beside Kubernetes.
const CONTROL_PLANE: &[&str] = &[];

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
        self.plan_of(Kind::Deployment, name, to, TemplateBack::new()).await
    }

    async fn plan_of(
        &self,
        kind: Kind,
        name: &str,
        to: &str,
        strategy: TemplateBack,
    ) -> Result<Plan, PlanRefusal> {
        let wanted: Wanted = to.parse()?;
        let workload = self.cluster.workload(kind, name);
        let (observation, goal) = self.executor.observe_for(&workload, &wanted, None).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(30);
        strategy.plan(&observation, &request)
    }

    async fn go_back(&self, name: &str, to: &str) -> Report {
        self.go_back_with(Kind::Deployment, name, to, TemplateBack::new()).await
    }

    async fn go_back_with(
        &self,
        kind: Kind,
        name: &str,
        to: &str,
        strategy: TemplateBack,
    ) -> Report {
        let plan = self.plan_of(kind, name, to, strategy).await.expect("a plan");
        self.engine.run(plan).await.expect("a report")
    }
}
