//! What the engine costs beside the calls: syncs, and time with the journal on tmpfs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stillme_rollback_benches::{Result, memory};
use stillme_rollback_core::EndState;
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::{Entry, FileJournal, Journal as _, Record};
use stillme_rollback_core::lease::FileLease;

use super::child::{Scratch, on_a_runtime};
use super::table::{Table, Times};
use super::timed::{Spent, Timed};

const ROUNDS: usize = 50;

pub(crate) fn take(table: &mut Table) -> Result<()> {
    let scratch = Scratch::new()?;
    let rounds: Result<Vec<_>> = (0..ROUNDS).map(|_| on_a_runtime(once(&scratch))).collect();
    let rounds = rounds?;
    let mut syncs: Vec<_> = rounds.iter().map(|round| round.syncs_a_step).collect();
    syncs.sort_unstable_by(f64::total_cmp);
    let (least, median, most) = (syncs[0], syncs[ROUNDS / 2], syncs[ROUNDS - 1]);
    table.row("Syncs a step", "2", format!("{median} [{least}–{most}]"), ROUNDS);
    let times = Times::new(rounds.iter().map(|round| round.time_a_step).collect());
    table.row(
        format!("The engine's own time a step, journal on {}", scratch.kind()),
        "< 2 ms p50",
        times.millis(),
        times.count(),
    );
    Ok(())
}

struct Round {
    syncs_a_step: f64,
    time_a_step: Duration,
}

/// A run from its start to its end.
async fn once(scratch: &Scratch) -> Result<Round> {
    let platform = memory::platform("web");
    let plan = memory::plan(&platform, "web").await?;
    let steps = u32::try_from(plan.steps.len())?;
    let spent = Spent::default();
    let journal = Arc::new(FileJournal::new(scratch.path().join("journal")));
    let engine = Engine::builder(
        Arc::new(Timed::new(platform.executor(), spent.clone())),
        Arc::new(Timed::new(platform.verifier(), spent.clone())),
        Arc::<FileJournal>::clone(&journal),
        Arc::new(FileLease::new(scratch.path().join("lease"))),
    )
    .build();
    let handle = engine.start(plan, None).await?;
    let id = handle.id();
    // The run is a task of this thread: it goes on only now.
    let (began, syncs_before) = (Instant::now(), journal.syncs());
    let report = handle.wait().await?;
    let (elapsed, syncs) = (began.elapsed(), journal.syncs() - syncs_before);
    if report.state != Some(EndState::RolledBack) {
        return Err(format!("the run did not roll back: {report}").into());
    }
    let records = Records::of(&journal.load(id).await?);
    Ok(Round {
        syncs_a_step: (f64::from(u32::try_from(syncs)?) - f64::from(records.others))
            / f64::from(records.steps),
        time_a_step: elapsed.saturating_sub(spent.total()) / steps,
    })
}

/// What a run wrote after its beginning.
struct Records {
    /// Steps, each with an intent and a result.
    steps: u32,
    /// Everything else: the verdict and the end.
    others: u32,
}

impl Records {
    fn of(records: &[Record]) -> Self {
        let mut counted = Self { steps: 0, others: 0 };
        for record in records {
            match record.entry {
                Entry::Begin { .. } | Entry::Intent { .. } => {}
                Entry::Result { .. } => counted.steps += 1,
                _ => counted.others += 1,
            }
        }
        counted
    }
}
