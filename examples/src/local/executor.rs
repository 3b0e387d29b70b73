//! The testing kit's executor, with the processes following each step.

use std::sync::Arc;

use async_trait::async_trait;
use stillme_rollback_core::{
    Capabilities, Executor, Exhibit, Facts, Observation, Result, Run, Step, StepContext, Target,
};

use super::LocalPlatform;

/// The executor of a [`LocalPlatform`].
#[derive(Debug)]
pub(super) struct LocalExecutor {
    platform: LocalPlatform,
    inner: Arc<dyn Executor>,
}

impl LocalExecutor {
    pub(super) fn new(platform: LocalPlatform, inner: Arc<dyn Executor>) -> Self {
        Self { platform, inner }
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.platform.follow().await?;
        self.inner.observe(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.platform.follow().await?;
        self.inner.facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.inner.apply(context, step).await?;
        self.platform.follow().await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.inner.undo(context, step).await?;
        self.platform.follow().await
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let Some((made, _)) = self.platform.made_by(run) else {
            return Ok(Vec::new());
        };
        // Nothing was ever started: no log.
        let log = tokio::fs::read(self.platform.log_of(made)).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let last = text.lines().last().unwrap_or("it printed nothing");
        Ok(vec![Exhibit::new("log.txt", format!("the new instance's last line: {last}"), log)])
    }
}
