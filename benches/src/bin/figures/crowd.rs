//! Ten thousand runs at once in one process.
//!
//! Their verifier answers only when every run has come to its verdict, so that all of them are in the
//! middle of their switch together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use stillme_rollback_benches::{Result, memory};
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::testing::{MemoryPlatform, Simulated};
use stillme_rollback_core::{
    Capabilities, EndState, Error, ErrorKind, Executor, Exhibit, Facts, Observation, Run, Step,
    StepContext, Target, Verdict, Verifier,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::child::{Role, micros};
use super::table::{Table, Times};

const RUNS: usize = 10_000;
const ROUNDS: usize = 3;

pub(crate) fn take(table: &mut Table) -> Result<()> {
    let (mut times, mut peaks, mut lost, mut threads) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..ROUNDS {
        let line = Role::Crowd.start()?.line()?;
        let figures: Vec<_> = line.split(' ').collect();
        let [time, peak, missing, most] = figures[..] else {
            return Err(format!("unreadable: {line}").into());
        };
        times.push(micros(time)?);
        peaks.push(peak.parse::<u64>()? / 1024);
        lost += missing.parse::<usize>()?;
        threads = threads.max(most.parse::<usize>()?);
    }
    peaks.sort_unstable();
    table.row(
        "10,000 runs at once in one process, in memory",
        "< 60 s, < 256 MiB, 0 lost",
        format!(
            "{}, peak {} MiB [{}–{}], {threads} threads, {lost} lost",
            Times::new(times).seconds(),
            peaks[ROUNDS / 2],
            peaks[0],
            peaks[ROUNDS - 1],
        ),
        ROUNDS,
    );
    Ok(())
}

/// Prints microseconds, KiB, how many did not roll back, and threads.
pub(crate) fn play() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    let (time, done) = runtime.block_on(all())?;
    let (peak, threads) = (status("VmHWM:")?, status("Threads:")?);
    println!("{} {peak} {} {threads}", time.as_micros(), RUNS - done);
    Ok(())
}

async fn all() -> Result<(Duration, usize)> {
    let names: Vec<_> = (0..RUNS).map(|number| format!("web-{number:05}")).collect();
    let platforms = names.iter().map(|name| (name.clone(), memory::platform(name))).collect();
    let services = Arc::new(Services { platforms, all_here: Barrier::new(RUNS) });
    let engine = Engine::builder(
        Arc::<Services>::clone(&services),
        Arc::<Services>::clone(&services),
        Arc::new(MemoryJournal::new()),
        Arc::new(MemoryLease::new()),
    )
    .build();
    let began = Instant::now();
    let mut runs = JoinSet::new();
    for (name, platform) in &services.platforms {
        let run = engine.start(memory::plan(platform, name).await?, None).await?;
        runs.spawn(async { run.wait().await.map(|report| report.state) });
    }
    let mut done = 0;
    while let Some(ended) = runs.join_next().await {
        done += usize::from(ended?? == Some(EndState::RolledBack));
    }
    Ok((began.elapsed(), done))
}

/// A number of `/proc/self/status`.
fn status(key: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.ok_or_else(|| format!("no {key}"))?.parse()?)
}

/// Many services, each on a platform of its own.
#[derive(Debug)]
struct Services {
    platforms: BTreeMap<String, Simulated<MemoryPlatform>>,
    all_here: Barrier,
}

impl Services {
    fn of(&self, target: &Target) -> stillme_rollback_core::Result<&Simulated<MemoryPlatform>> {
        self.platforms.get(target.name()).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find service", format!("no `{}`", target.name()))
        })
    }

    fn executor(&self, target: &Target) -> stillme_rollback_core::Result<Arc<dyn Executor>> {
        Ok(self.of(target)?.executor())
    }
}

#[async_trait]
impl Executor for Services {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> stillme_rollback_core::Result<Observation> {
        self.executor(target)?.observe(target).await
    }

    async fn facts(&self, run: &Run) -> stillme_rollback_core::Result<Facts> {
        self.executor(&run.plan.target)?.facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> stillme_rollback_core::Result<()> {
        self.executor(&context.run.plan.target)?.apply(context, step).await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> stillme_rollback_core::Result<()> {
        self.executor(&context.run.plan.target)?.undo(context, step).await
    }

    async fn evidence(&self, run: &Run) -> stillme_rollback_core::Result<Vec<Exhibit>> {
        self.executor(&run.plan.target)?.evidence(run).await
    }
}

#[async_trait]
impl Verifier for Services {
    async fn verify(
        &self,
        run: &Run,
        time_left: Duration,
    ) -> stillme_rollback_core::Result<Verdict> {
        self.all_here.wait().await;
        self.of(&run.plan.target)?.verifier().verify(run, time_left).await
    }
}
