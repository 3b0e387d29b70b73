//! Executors and verifiers whose calls are timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use stillme_rollback_core::{
    Capabilities, Executor, Exhibit, Facts, Observation, Result, Run, Step, StepContext, Target,
    Verdict, Verifier,
};

/// The time that was spent in calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent(Arc<AtomicU64>);

impl Spent {
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    async fn on<T>(&self, call: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = call.await;
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
        answer
    }
}

/// Something whose calls are timed.
#[derive(Debug)]
pub(crate) struct Timed<T: ?Sized> {
    spent: Spent,
    inner: Arc<T>,
}

impl<T: ?Sized> Timed<T> {
    pub(crate) fn new(inner: Arc<T>, spent: Spent) -> Self {
        Self { spent, inner }
    }
}

#[async_trait]
impl Executor for Timed<dyn Executor> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.spent.on(self.inner.observe(target)).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.spent.on(self.inner.facts(run)).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.spent.on(self.inner.apply(context, step)).await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.spent.on(self.inner.undo(context, step)).await
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        self.spent.on(self.inner.evidence(run)).await
    }
}

#[async_trait]
impl Verifier for Timed<dyn Verifier> {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        self.spent.on(self.inner.verify(run, time_left)).await
    }
}
