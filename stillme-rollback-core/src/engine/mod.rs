//! The engine: runs a plan, undoes it when it fails, resumes it when it was killed.
//!
//! One rule holds for every change: *intent (durable) → look → act → look → result (durable)*. What
//! a step's request answered is never believed; what is seen is. When a run fails it goes back, level
//! by level, and never forward again. When a request's fate was unknown, its late effects are waited
//! for at the end and swept up.

mod builder;
mod driver;
mod handle;
mod machine;
mod options;
mod parts;
mod ruling;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::driver::Driver;
use self::parts::Parts;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventBuffer, Narrator};
use crate::executor::{Executor, Run};
use crate::fingerprint::Fingerprint;
use crate::id::RunId;
use crate::journal::{Entry, Journal, Progress, Record};
use crate::lease::{Held, Holder, Lease};
use crate::plan::Plan;
use crate::report::Fold;
use crate::verifier::Verifier;

pub use self::builder::EngineBuilder;
pub use self::handle::RunHandle;
pub use self::machine::{Call, Command, Input, Machine, Now, WaitReason, Wish};
pub use self::options::Options;
pub use self::ruling::CallError;

/// How many events a run keeps for who pulls them. A run has a few dozen; the bound is for one that
/// retries for hours.
const EVENTS_KEPT: usize = 1024;

/// Runs plans. Cheap to clone; runs of different targets go on side by side.
#[derive(Clone, Debug)]
pub struct Engine {
    parts: Arc<Parts>,
}

impl Engine {
    /// An engine from the parts that it can't do without.
    pub fn builder(
        executor: Arc<dyn Executor>,
        verifier: Arc<dyn Verifier>,
        journal: Arc<dyn Journal>,
        lease: Arc<dyn Lease>,
    ) -> EngineBuilder {
        EngineBuilder::new(executor, verifier, journal, lease)
    }

    /// Starts a run of a plan: takes the target's lease, makes the beginning durable, and goes on in
    /// a task of its own. With `approved`, only a plan of exactly that fingerprint is run.
    ///
    /// # Errors
    /// `InvalidInput` for a plan that breaks its laws, `Mismatch` for another fingerprint than the
    /// approved one, `Held` if another run has the target, `Journal` if the run can't be recorded.
    /// In all of these cases nothing was touched.
    pub async fn start(&self, plan: Plan, approved: Option<&Fingerprint>) -> Result<RunHandle> {
        plan.check()?;
        let fingerprint = plan.fingerprint();
        if let Some(approved) = approved.filter(|approved| **approved != fingerprint) {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "start run",
                format!("the plan has fingerprint {fingerprint}, approved was {approved}"),
            )
            .with_hint("nothing was touched; look at the new plan and approve that"));
        }
        let id = RunId::generate(self.parts.clock.now())?;
        let run = Run { id, plan: Arc::new(plan) };
        let held = self.acquire(&run).await?;
        let entry = Entry::Begin { plan: Arc::clone(&run.plan), fingerprint };
        let begin = Record::new(0, 1, self.parts.clock.now(), 0, entry);
        self.parts.journal.create(id, &begin).await?;
        let narrator = Narrator::new(id, Arc::clone(&run.plan));
        let machine = Machine::begin(run, Arc::clone(&self.parts.options));
        Ok(self.spawn(machine, narrator, &[], begin, held))
    }

    /// Runs a plan to its end: [`start`](Self::start), then [`wait`](RunHandle::wait).
    ///
    /// # Errors
    /// Those of both.
    pub async fn run(&self, plan: Plan) -> Result<crate::report::Report> {
        self.start(plan, None).await?.wait().await
    }

    /// Goes on with a run that was killed or paused. A run that has ended gives its report again.
    ///
    /// # Errors
    /// `NotFound` for an unknown run, `Held` if it still runs, `Corrupt` or `UnknownFormat` for a
    /// journal that can't be trusted. In all of these cases nothing was touched.
    pub async fn resume(&self, id: RunId, wish: Wish) -> Result<RunHandle> {
        let records = self.parts.journal.load(id).await?;
        let (plan, progress) = Progress::replay(records.iter().map(|record| &record.entry))?;
        if progress.ended.is_some() {
            return Ok(finished(id, &records));
        }
        let run = Run { id, plan };
        let held = self.acquire(&run).await?;
        // Read again: until the lease was ours, the holder may have written more.
        let records = self.parts.journal.open(id).await?;
        match self.take_over(run, &records).await {
            Ok(TakenOver { progress, run, narrator, resumed }) => {
                let machine = Machine::resume(run, progress, wish, Arc::clone(&self.parts.options));
                Ok(self.spawn(machine, narrator, &records, resumed, held))
            }
            Err(error) => {
                // The first error is the one that matters.
                let _ = self.parts.journal.close(id).await;
                Err(error)
            }
        }
    }

    /// Makes it durable that this process goes on with a run.
    async fn take_over(&self, run: Run, records: &[Record]) -> Result<TakenOver> {
        let (_, mut progress) = Progress::replay(records.iter().map(|record| &record.entry))?;
        let last = records.last();
        let epoch = last.map_or(1, |record| record.epoch) + 1;
        let seq = last.map_or(0, |record| record.seq + 1);
        let by = format!("pid {} on {}", std::process::id(), self.parts.host);
        let entry = Entry::Resumed { by };
        progress.apply(&run.plan, &entry).map_err(|why| {
            Error::new(ErrorKind::Conflict, "resume run", why).with_hint(format!(
                "nothing was touched; `rollback show {}` tells how it ended",
                run.id
            ))
        })?;
        let resumed = Record::new(seq, epoch, self.parts.clock.now(), 0, entry);
        self.parts.journal.append(run.id, &resumed).await?;
        let mut narrator = Narrator::new(run.id, Arc::clone(&run.plan));
        narrator.catch_up(records);
        Ok(TakenOver { progress, run, narrator, resumed })
    }

    async fn acquire(&self, run: &Run) -> Result<Box<dyn Held>> {
        let holder = Holder::new(run.id, self.parts.host.clone(), self.parts.clock.now());
        self.parts.lease.acquire(&run.plan.target, &holder).await
    }

    fn spawn(
        &self,
        machine: Machine,
        mut narrator: Narrator,
        earlier: &[Record],
        first: Record,
        held: Box<dyn Held>,
    ) -> RunHandle {
        let run = machine.run().clone();
        let buffer = EventBuffer::new(EVENTS_KEPT);
        let cancel = CancellationToken::new();
        let event = Arc::new(narrator.record(&first));
        buffer.push(Arc::clone(&event));
        self.parts.announcer.publish(event);
        let epoch = first.epoch;
        let mut report = Fold::begin(run.id, &run.plan);
        earlier.iter().chain([&first]).for_each(|record| report.take(record));
        // In a box: it is moved into a future within a future, each of which would have room for it.
        let driver = Box::new(Driver {
            parts: Arc::clone(&self.parts),
            machine,
            narrator,
            report,
            next_seq: first.seq + 1,
            epoch,
            born: self.parts.clock.elapsed(),
            verdicts_asked: 0,
            cancel: cancel.clone(),
            buffer: buffer.clone(),
            held,
        });
        let (send, outcome) = oneshot::channel();
        let span = tracing::info_span!("run", run = %run.id, target = %run.plan.target);
        let closing = buffer.close_on_drop();
        tokio::spawn(
            async move {
                let report = driver.drive().await;
                drop(closing);
                // Nobody waits: the journal has the report.
                let _ = send.send(report);
            }
            .instrument(span),
        );
        RunHandle { id: run.id, cancel, buffer, outcome }
    }

    /// Waits until observers have seen what was told so far, or until `limit` has passed. For the
    /// end of a process. Blocks the thread.
    pub fn flush_observers(&self, limit: Duration) -> bool {
        self.parts.announcer.flush(limit)
    }
}

struct TakenOver {
    progress: Progress,
    run: Run,
    narrator: Narrator,
    resumed: Record,
}

/// The handle of a run that ended long ago.
fn finished(id: RunId, records: &[Record]) -> RunHandle {
    let (send, outcome) = oneshot::channel();
    // The receiver is in the handle that is given back.
    let _ = send.send(crate::report::Report::from_records(id, records));
    let buffer = EventBuffer::new(1);
    buffer.close();
    RunHandle { id, cancel: CancellationToken::new(), buffer, outcome }
}
