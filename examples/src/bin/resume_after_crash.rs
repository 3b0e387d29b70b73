//! A run is cut off at its worst moment, when the old instance is stopped and the new one is not
//! started. A second engine finds it in the journal and brings it to its end.
//!
//! `cargo run -p stillme-rollback-examples --bin resume_after_crash`

#![expect(clippy::print_stdout, reason = "the program's purpose is to show it")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::engine::{Engine, Wish};
use stillme_rollback_core::journal::{FileJournal, Journal as _};
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::testing::{MemoryPlatform, Replace, Simulated};
use stillme_rollback_core::{
    Capabilities, Executor, Exhibit, Facts, Goal, Observation, Release, Request, Result, Run,
    RunId, Step, StepContext, Target, Version,
};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

type Platform = Simulated<MemoryPlatform>;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // The platform outlives the process that works on it.
    let platform = Simulated::new(MemoryPlatform::with_service("web", "v2"));

    let run = first_life(&platform, folder.path())?;
    println!("cut off; the platform is left like this:\n{}\n", platform.view());

    let journal = Arc::new(FileJournal::new(folder.path().join("journal")));
    let engine = engine(&platform, platform.executor(), Arc::clone(&journal), folder.path());
    let report = Runtime::new()?.block_on(async {
        // Another process knows nothing but the folder.
        assert_eq!(journal.list().await?, [run]);
        engine.resume(run, Wish::default()).await?.wait().await
    })?;
    println!("{report}\nthe platform now:\n{}", platform.view());
    Ok(())
}

/// Runs until the new instance should be started. Then everything of this life is dropped where it
/// stands, as a killed process would leave it.
fn first_life(platform: &Platform, folder: &Path) -> Result<RunId, Box<dyn Error>> {
    let reached = Arc::new(Notify::new());
    let dying = DiesAtStart { inner: platform.executor(), reached: Arc::clone(&reached) };
    let journal = Arc::new(FileJournal::new(folder.join("journal")));
    let engine = engine(platform, Arc::new(dying), journal, folder);
    let goal = Goal::Release(Release::new(Version::new("v1")?));
    let plan = platform.model().plan("web", &Replace::default(), &Request::new(goal))?;

    let runtime = Runtime::new()?;
    let run = runtime.block_on(async {
        let run = engine.start(plan, None).await?;
        reached.notified().await;
        Ok::<_, stillme_rollback_core::Error>(run.id())
    })?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(run)
}

fn engine(
    platform: &Platform,
    executor: Arc<dyn Executor>,
    journal: Arc<FileJournal>,
    folder: &Path,
) -> Engine {
    let lease = Arc::new(FileLease::new(folder.join("lock")));
    Engine::builder(executor, platform.verifier(), journal, lease).build()
}

/// An executor that never gets beyond the start of the new instance.
#[derive(Debug)]
struct DiesAtStart {
    inner: Arc<dyn Executor>,
    reached: Arc<Notify>,
}

#[async_trait]
impl Executor for DiesAtStart {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.inner.observe(target).await
    }
    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.inner.facts(run).await
    }
    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        if step.id.as_str() == "start-new" {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        self.inner.apply(context, step).await
    }
    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.inner.undo(context, step).await
    }
    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        self.inner.evidence(run).await
    }
}
