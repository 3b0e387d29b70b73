//! Parts of the control plane die in the middle of a rollback, and come back.
//!
//! A control plane of its own, and one test after the other: nobody else could use it meanwhile.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it leaves out"
)]

#[expect(dead_code, reason = "it has more than these tests use")]
#[path = "../support/cluster.rs"]
mod cluster;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::engine::{Engine, Wish};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{
    EndState, HashKey, Plan, Request, Result, Run, Strategy as _, Verdict, Verifier,
};
use stillme_rollback_k8s::names::Kind;
use stillme_rollback_k8s::{KubernetesExecutor, RolloutVerifier, TemplateBack, Wanted};
use tokio::sync::Notify;

use self::cluster::Cluster;

/// What its control plane has beside Kubernetes.
const CONTROL_PLANE: &[&str] = &[];
const SERVER: &str = "kube-apiserver";
const CONTROLLERS: &str = "kube-controller-manager";

/// Says that it was asked, and waits for leave the first time.
#[derive(Debug)]
struct Gate {
    asked: Arc<Notify>,
    leave: Arc<Notify>,
    then: RolloutVerifier,
}

#[async_trait]
impl Verifier for Gate {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        self.asked.notify_one();
        self.leave.notified().await;
        // Whoever has leave passes it on.
        self.leave.notify_one();
        self.then.verify(run, time_left).await
    }
}

struct Stage {
    cluster: Cluster,
    executor: KubernetesExecutor,
    engine: Engine,
    asked: Arc<Notify>,
    leave: Arc<Notify>,
}

impl Stage {
    /// A bad release of a Deployment, in a namespace of its own.
    async fn new() -> Option<Self> {
        let cluster = Cluster::new().await?;
        let executor =
            KubernetesExecutor::new(Arc::new(cluster.api()), HashKey::from_bytes([5; 32]));
        let (asked, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let then = executor.rollout_verifier();
        let gate = Gate { asked: asked.clone(), leave: leave.clone(), then };
        let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
        let engine =
            Engine::builder(Arc::new(executor.clone()), Arc::new(gate), journal, lease).build();
        cluster.deployment("web", "registry.test/web:v1", 2).await;
        cluster.deploy("web", "registry.test/web:v2-unready").await;
        Some(Self { cluster, executor, engine, asked, leave })
    }

    fn order(&self, order: &str) -> bool {
        tokio::task::block_in_place(|| self.cluster.order(order))
    }

    async fn plan(&self, deadline: u64) -> Plan {
        let workload = self.cluster.workload(Kind::Deployment, "web");
        let found = self.executor.observe_for(&workload, &Wanted::Previous, None).await;
        let (observation, goal) = found.expect("an observation");
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(deadline);
        TemplateBack::new().plan(&observation, &request).expect("a plan")
    }

    /// Goes on with a run until it is over, at most this often.
    async fn resumed(&self, mut report: Report, most: u32) -> Report {
        for _ in 0..most {
            if report.state != Some(EndState::Paused) {
                return report;
            }
            let handle = self.engine.resume(report.run, Wish::default()).await.expect("a handle");
            report = handle.wait().await.expect("a report");
        }
        report
    }

    async fn is_back(&self, report: &Report) {
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
        self.cluster.rolled_out("web").await;
        assert_eq!(self.cluster.image("web").await, "registry.test/web:v1");
    }
}

// Several workers: the run goes on while an order waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parts_that_die_and_come_back_cost_time_and_nothing_else() {
    let Some(stage) = Stage::new().await else { return };
    if !stage.order(&format!("kill {SERVER}")) {
        println!("left out: parts of a control plane that is not ours are not killed");
        return;
    }
    stage.order(&format!("start {SERVER}"));
    gone_while_it_is_verified(stage).await;
    gone_before_the_patch(Stage::new().await.expect("it was there before")).await;
    controllers_gone(Stage::new().await.expect("it was there before")).await;
}

/// Its watches break, and it begins them anew when the server is there again.
async fn gone_while_it_is_verified(stage: Stage) {
    let plan = stage.plan(60).await;
    let handle = stage.engine.start(plan, None).await.expect("a handle");
    stage.asked.notified().await;
    stage.order(&format!("kill {SERVER}"));
    stage.leave.notify_one();
    stage.order(&format!("start {SERVER}"));
    let report = handle.wait().await.expect("a report");
    stage.is_back(&stage.resumed(report, 3).await).await;
}

/// Nothing was sent: it is tried again, or the run pauses and is gone on with.
async fn gone_before_the_patch(stage: Stage) {
    let plan = stage.plan(60).await;
    stage.leave.notify_one();
    stage.order(&format!("kill {SERVER}"));
    let handle = stage.engine.start(plan, None).await.expect("a handle");
    stage.order(&format!("start {SERVER}"));
    let report = handle.wait().await.expect("a report");
    if report.state == Some(EndState::Refused) {
        // Its first look failed: nothing was touched, and it says so.
        assert!(report.to_string().contains("nothing was touched"), "{report}");
        assert_eq!(stage.cluster.image("web").await, "registry.test/web:v2-unready");
        let report = stage.engine.run(stage.plan(60).await).await.expect("a report");
        return stage.is_back(&report).await;
    }
    stage.is_back(&stage.resumed(report, 3).await).await;
}

/// Nobody moves pods: the verdict stays inconclusive, and the run waits for a person.
async fn controllers_gone(stage: Stage) {
    let plan = stage.plan(4).await;
    stage.order(&format!("kill {CONTROLLERS}"));
    stage.leave.notify_one();
    let report = stage.engine.run(plan).await.expect("a report");
    assert_eq!(report.state, Some(EndState::Paused), "{report}");
    assert!(report.to_string().contains("has not seen the new template"), "{report}");
    stage.order(&format!("start {CONTROLLERS}"));
    stage.cluster.rolled_out("web").await;
    stage.is_back(&stage.resumed(report, 1).await).await;
}
