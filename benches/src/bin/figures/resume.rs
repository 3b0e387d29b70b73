//! How long a process that goes on with a run needs until its first call to the platform.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use stillme_rollback_benches::{Result, memory, records};
use stillme_rollback_core::engine::{Engine, Wish};
use stillme_rollback_core::journal::{FileJournal, Journal as _};
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::{
    Capabilities, Executor, Exhibit, Facts, Observation, Run, Step, StepContext, Target,
};

use super::child::{Role, Scratch, on_a_runtime};
use super::table::{Table, Times};

const ROUNDS: usize = 50;
const RECORDS: u32 = 60;

/// The run that is resumed.
const RUN: u128 = 1;

pub(crate) fn take(table: &mut Table) -> Result<()> {
    let mut times = Vec::new();
    let mut kind = "";
    for _ in 0..ROUNDS {
        let scratch = Scratch::new()?;
        kind = scratch.kind();
        on_a_runtime(leave_a_run(scratch.path()))?;
        let began = Instant::now();
        Role::Resume(scratch.path().to_owned()).start()?.line()?;
        times.push(began.elapsed());
    }
    let times = Times::new(times);
    table.row(
        format!("Resume of {RECORDS} records, journal on {kind}: process start to first call"),
        "< 50 ms p50",
        times.millis(),
        times.count(),
    );
    Ok(())
}

/// What a process left that was killed.
async fn leave_a_run(folder: &Path) -> Result<()> {
    let plan = memory::plan(&memory::platform("web"), "web").await?;
    let journal = FileJournal::new(folder.join("journal"));
    let run = records::run(RUN);
    let records = records::of(plan, RECORDS);
    journal.create(run, &records[0]).await?;
    for record in &records[1..] {
        journal.append(run, record).await?;
    }
    Ok(journal.close(run).await?)
}

/// Goes on with the run, and says when the first call is made.
pub(crate) fn play(folder: &Path) -> Result<()> {
    let platform = memory::platform("web");
    on_a_runtime(async {
        let engine = Engine::builder(
            Arc::new(SaysFirst(platform.executor())),
            platform.verifier(),
            Arc::new(FileJournal::new(folder.join("journal"))),
            Arc::new(FileLease::new(folder.join("lease"))),
        )
        .build();
        engine.resume(records::run(RUN), Wish::default()).await?.wait().await?;
        Ok(())
    })
}

/// Says that it was called; the one who waits for that ends the process.
#[derive(Debug)]
struct SaysFirst(Arc<dyn Executor>);

#[async_trait]
impl Executor for SaysFirst {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn observe(&self, target: &Target) -> stillme_rollback_core::Result<Observation> {
        self.0.observe(target).await
    }

    async fn facts(&self, run: &Run) -> stillme_rollback_core::Result<Facts> {
        println!("called");
        // Who reads it may be gone by now.
        let _ = std::io::stdout().flush();
        self.0.facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> stillme_rollback_core::Result<()> {
        self.0.apply(context, step).await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> stillme_rollback_core::Result<()> {
        self.0.undo(context, step).await
    }

    async fn evidence(&self, run: &Run) -> stillme_rollback_core::Result<Vec<Exhibit>> {
        self.0.evidence(run).await
    }
}
