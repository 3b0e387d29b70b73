//! The thin loop around the [`Machine`]: does each command, brings back each input.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::machine::{Call, Command, Input, Machine, Now, WaitReason};
use super::parts::Parts;
use super::ruling::CallError;
use crate::end::EndState;
use crate::error::{Disposition, Error, ErrorKind, Result};
use crate::event::{EventBuffer, EventKind, Narrator};
use crate::executor::{Run, StepContext};
use crate::journal::{Entry, ErrorNote, Record};
use crate::lease::Held;
use crate::report::{Fold, Report};

/// What a call may take beyond the time that it was given, before the engine stops waiting for it.
/// The call itself goes on: only the answer is not waited for any more.
const GRACE: Duration = Duration::from_secs(5);

/// How long a look at the target may take.
const LOOK: Duration = Duration::from_secs(60);

/// How often a run that waits looks whether somebody asked to give it up.
const ASKED: Duration = Duration::from_millis(500);

/// How long a journal that is out of reach is waited for, before the run stops where it is.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(60);

/// A run with everything that it needs.
pub(super) struct Driver {
    pub(super) parts: Arc<Parts>,
    pub(super) machine: Machine,
    pub(super) narrator: Narrator,
    /// The report of what was recorded so far.
    pub(super) report: Fold,
    pub(super) next_seq: u64,
    pub(super) epoch: u32,
    pub(super) born: Duration,
    pub(super) verdicts_asked: u32,
    pub(super) cancel: CancellationToken,
    pub(super) buffer: EventBuffer,
    pub(super) held: Box<dyn Held>,
}

impl Driver {
    fn run(&self) -> &Run {
        self.machine.run()
    }

    fn elapsed(&self) -> Duration {
        self.parts.clock.elapsed().saturating_sub(self.born)
    }

    /// Drives the run to its end, or to where it pauses.
    ///
    /// # Errors
    /// When the journal or the lease is lost: nothing more is done, and the run can be resumed.
    pub(super) async fn drive(mut self: Box<Self>) -> Result<Report> {
        let outcome = self.until_over().await;
        let id = self.run().id;
        if let Err(error) = self.parts.journal.close(id).await {
            tracing::warn!(run = %id, %error, "the journal did not close cleanly");
        }
        outcome?;
        let progress = self.machine.progress();
        Ok(self.report.finish(&self.machine.run().plan, progress))
    }

    async fn until_over(&mut self) -> Result<EndState> {
        let mut input = Input::Start;
        loop {
            let now = self.now().await;
            let command = self.machine.next(input, &now);
            tracing::trace!(?command, "next");
            input = match command {
                Command::Append(entry) => {
                    self.append(entry).await?;
                    Input::Appended
                }
                Command::Observe => Input::Observed(self.look().await),
                Command::Apply(call) => {
                    self.held.confirm().await?;
                    Input::Answered(self.call(call, true).await)
                }
                Command::Undo(call) => {
                    self.held.confirm().await?;
                    Input::Answered(self.call(call, false).await)
                }
                Command::Verify { time_left } => Input::Judged(self.verify(time_left).await),
                Command::Collect => self.collect().await,
                Command::Wait { time, why } => {
                    self.wait(time, &why).await;
                    Input::Waited
                }
                Command::Finish(state) => return Ok(state),
            };
        }
    }

    async fn now(&self) -> Now {
        let aborted = self.parts.journal.abort_requested(self.run().id).await;
        Now {
            elapsed: self.elapsed(),
            cancelled: self.cancel.is_cancelled(),
            // A request that can't be read now is read at the next boundary.
            aborted: aborted.ok().flatten(),
        }
    }

    /// Makes an entry durable, then tells it.
    async fn append(&mut self, entry: Entry) -> Result<()> {
        if let Entry::Intent { step, direction, .. } = &entry {
            self.held.note_step(&format!("{direction:?} {step}").to_lowercase());
        }
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let record = Record::new(self.next_seq, self.epoch, self.parts.clock.now(), elapsed, entry);
        self.make_durable(&record).await?;
        let event = self.narrator.record(&record);
        self.report.take(&record);
        self.next_seq += 1;
        self.publish(event);
        Ok(())
    }

    /// A journal that is out of reach is waited for; nothing else happens meanwhile.
    async fn make_durable(&self, record: &Record) -> Result<()> {
        let began = self.parts.clock.elapsed();
        loop {
            let Err(error) = self.parts.journal.append(self.run().id, record).await else {
                return Ok(());
            };
            let waited = self.parts.clock.elapsed().saturating_sub(began);
            let may_wait =
                matches!(error.disposition(), Disposition::Retry | Disposition::RetryAfter(_))
                    && waited < JOURNAL_PATIENCE;
            if !may_wait {
                return Err(stopped(self.run(), error));
            }
            tokio::time::sleep(ASKED).await;
        }
    }

    fn publish(&self, event: crate::event::Event) {
        let event = Arc::new(event);
        self.buffer.push(Arc::clone(&event));
        self.parts.announcer.publish(event);
    }

    fn tell(&mut self, kind: EventKind) {
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = self.narrator.tell(self.parts.clock.now(), elapsed, kind);
        self.publish(event);
    }

    /// One look at the target. It changes nothing, so it may be dropped.
    async fn look(&self) -> Result<crate::Facts, CallError> {
        let (executor, run) = (Arc::clone(&self.parts.executor), self.run().clone());
        let task = tokio::spawn(async move { executor.facts(&run).await }.in_current_span());
        guarded(task, LOOK, "look at the target", true).await
    }

    /// One request. It is never dropped half-way: when it takes too long, it goes on by itself and
    /// counts as in doubt.
    async fn call(&self, call: Call, forward: bool) -> Result<(), CallError> {
        let executor = Arc::clone(&self.parts.executor);
        let run = self.run().clone();
        let id = run.plan.steps[call.step].id.clone();
        let span = tracing::info_span!("step", step = %id, attempt = call.attempt, forward);
        let task = tokio::spawn(
            async move {
                let plan = Arc::clone(&run.plan);
                let step = &plan.steps[call.step];
                let context = StepContext::new(run, step, call.attempt, call.time_left);
                if forward {
                    executor.apply(&context, step).await
                } else {
                    executor.undo(&context, step).await
                }
            }
            .instrument(span),
        );
        guarded(task, call.time_left + GRACE, id.as_str(), false).await
    }

    async fn verify(&mut self, time_left: Duration) -> Result<crate::Verdict, ErrorNote> {
        let next = self.machine.progress().steps.iter().position(|step| !step.done);
        if let Some(index) = next {
            let step = self.run().plan.steps[index].id.clone();
            self.verdicts_asked += 1;
            let attempt = self.verdicts_asked;
            self.tell(EventKind::Verifying { step, attempt });
        }
        let (verifier, run) = (Arc::clone(&self.parts.verifier), self.run().clone());
        let task =
            tokio::spawn(async move { verifier.verify(&run, time_left).await }.in_current_span());
        let stop = task.abort_handle();
        let told = tokio::select! {
            told = guarded(task, time_left + GRACE, "verify", true) => told,
            () = self.interrupted() => {
                stop.abort();
                return Err(ErrorNote::text("interrupted on request"));
            }
        };
        told.map_err(|error| error.note)
    }

    /// Comes back when somebody wants the run to stop.
    async fn interrupted(&self) {
        loop {
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = tokio::time::sleep(ASKED) => {
                    if let Ok(Some(_)) = self.parts.journal.abort_requested(self.run().id).await {
                        return;
                    }
                }
            }
        }
    }

    /// Evidence is worth a moment, never the way back.
    async fn collect(&self) -> Input {
        let (executor, run) = (Arc::clone(&self.parts.executor), self.run().clone());
        let limit = self.parts.options.evidence;
        let task = tokio::spawn(async move { executor.evidence(&run).await }.in_current_span());
        let exhibits = match guarded(task, limit, "collect evidence", true).await {
            Ok(exhibits) => exhibits,
            Err(error) => {
                let line = format!("no evidence: {}", error.note.message);
                return Input::Collected { files: Vec::new(), summary: vec![line] };
            }
        };
        let (mut files, mut summary) = (Vec::new(), Vec::new());
        for exhibit in exhibits {
            if !exhibit.summary.is_empty() {
                summary.push(exhibit.summary.clone());
            }
            if exhibit.content.expose().is_empty() {
                continue;
            }
            let id = self.run().id;
            match self.parts.journal.attach(id, &exhibit.name, exhibit.content.expose()).await {
                Ok(file) => files.push(file),
                Err(error) => summary.push(format!("`{}` was not kept: {error}", exhibit.name)),
            }
        }
        Input::Collected { files, summary }
    }

    async fn wait(&mut self, time: Duration, why: &WaitReason) {
        let text = match why {
            WaitReason::Effect => String::from("for the effect of the request"),
            WaitReason::Backoff(error) => format!("before another attempt: {}", error.message),
            WaitReason::Verdict => String::from("before the verifier is asked again"),
            WaitReason::SecondLook => {
                String::from("before a second look at what seems to be somebody else's deploy")
            }
            WaitReason::Settle => String::from("for late effects of requests in doubt"),
        };
        let for_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.tell(EventKind::Waiting { step: None, why: text, for_ms });
        if matches!(why, WaitReason::Verdict) {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                () = self.interrupted() => {}
            }
            return;
        }
        let time = if matches!(why, WaitReason::Backoff(_)) { self.jittered(time) } else { time };
        tokio::time::sleep(time).await;
    }

    /// Up to a quarter more, so that many runs that failed together do not come back together.
    fn jittered(&self, time: Duration) -> Duration {
        let entropy = self.parts.clock.elapsed().subsec_nanos() % 256;
        time + (time / 4).mul_f64(f64::from(entropy) / 256.0)
    }
}

/// The answer of a task, its panic as an error, or that it took too long.
async fn guarded<T>(
    mut task: tokio::task::JoinHandle<Result<T>>,
    limit: Duration,
    what: &str,
    harmless: bool,
) -> Result<T, CallError> {
    let error = match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(Ok(value))) => return Ok(value),
        Ok(Ok(Err(error))) => error,
        Ok(Err(join)) => {
            let text = match join.try_into_panic() {
                Ok(panic) => panic_text(panic.as_ref()),
                Err(_) => String::from("its task was ended"),
            };
            Error::new(ErrorKind::Panicked, what, format!("panicked: {text}"))
        }
        Err(_) => {
            if harmless {
                task.abort();
            }
            Error::new(ErrorKind::Timeout, what, format!("no answer within {} s", limit.as_secs()))
        }
    };
    Err(CallError::from(&error))
}

/// A panic's message, if it has one; its length, not its text, could be somebody's secret, so only
/// static texts are kept.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    match panic.downcast_ref::<&'static str>() {
        Some(text) => (*text).to_owned(),
        None => String::from("with a message that is not kept, because it was built at run time"),
    }
}

fn stopped(run: &Run, error: Error) -> Error {
    Error::new(
        ErrorKind::Journal,
        "write journal",
        "the run stopped where it is, because what it does next could not be made durable",
    )
    .with_context("run", run.id.to_string())
    .with_hint(format!(
        "nothing more was touched; make room or mend the journal, then `rollback resume {}`",
        run.id
    ))
    .with_source(error)
}
