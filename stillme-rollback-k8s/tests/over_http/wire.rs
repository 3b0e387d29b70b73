//! A model behind kube's client: what the matrix arms as a fault happens to the connection, and the real client makes of
//! it what it can.
//!
//! The matrix wants answers at once, so calls block here; and it wants half a minute of silence to cost nothing, so the
//! clock of the runtime below moves on by itself when everybody waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use kube_client::Client;
use kube_client::client::Body;
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    Capabilities, Executor, Exhibit, Facts, HashKey, Observation, Result, Run, Step, StepContext,
    Target,
};
use stillme_rollback_k8s::testing::ClusterModel;
use stillme_rollback_k8s::{HttpCluster, KubernetesExecutor};

use crate::served::answer;

type Sim = Simulated<ClusterModel>;

/// Does something with the real executor against a platform, and waits for it.
pub(crate) fn with<T>(sim: &Sim, work: impl AsyncFnOnce(&KubernetesExecutor) -> T) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let sim = sim.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let sim = sim.clone();
            async move { answer(&sim, request).await }
        });
        let client = Client::new(service, "default");
        let key = HashKey::from_bytes([7; 32]);
        work(&KubernetesExecutor::new(Arc::new(HttpCluster::new(client)), key)).await
    })
}

/// What comes of an answer.
pub(crate) type Answer = UnsyncBoxBody<Bytes, io::Error>;
/// What kube's client gets for a request.
pub(crate) type Answered = std::result::Result<Response<Answer>, io::Error>;

/// The executor over HTTP, as the matrix wants it.
#[derive(Debug)]
pub(crate) struct OverHttp(Sim);

impl OverHttp {
    pub(crate) fn new(sim: Sim) -> Self {
        Self(sim)
    }
}

/// In its own thread: the matrix stands in a runtime of its own.
fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[async_trait]
impl Executor for OverHttp {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        blocking(|| with(&self.0, async |executor| executor.observe(target).await))
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        blocking(|| with(&self.0, async |executor| executor.facts(run).await))
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        blocking(|| with(&self.0, async |executor| executor.apply(context, step).await))
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        blocking(|| with(&self.0, async |executor| executor.undo(context, step).await))
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        blocking(|| with(&self.0, async |executor| executor.evidence(run).await))
    }
}

/// Longer than any limit of the client.
pub(crate) const SILENCE: Duration = Duration::from_secs(600);
