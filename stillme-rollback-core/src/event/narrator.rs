//! Journal records told as events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{AnnouncedStep, Event, EventKind, RunStarted, unix_millis};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{RunId, StepId};
use crate::journal::{Direction, Entry, ErrorNote, Record, StepOutcome};
use crate::plan::Plan;
use crate::report::commands;
use crate::step::{Phase, StepKind};
use crate::verdict::Outcome;

/// Tells the records of one run as events: one each, in order, live as on replay.
///
/// It remembers when steps and attempts began and numbers the events; it decides nothing.
///
/// ```no_run
/// # use stillme_rollback_core::{RunId, event::Narrator, journal::Record};
/// # fn show(run: RunId, records: &[Record]) -> stillme_rollback_core::Result<()> {
/// for event in Narrator::replay(run, records)? {
///     println!("{}", event.kind);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Narrator {
    run: RunId,
    plan: Arc<Plan>,
    epoch: u32,
    next_seq: u64,
    paces: BTreeMap<StepId, Pace>,
    /// When the latest record of this life was written.
    latest_ms: u64,
    /// Whether the latest verdict was inconclusive.
    inconclusive: bool,
}

/// What is remembered of a step.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    done: bool,
    /// Whether it is forward in an attempt of which nothing was seen and nobody said anything.
    open: bool,
    /// Direction and time of the first attempt in this life.
    step_began: Option<(Direction, u64)>,
    /// Time of the latest attempt in this life.
    attempt_began: Option<u64>,
}

impl Narrator {
    /// A narrator of a run that has not begun.
    pub fn new(run: RunId, plan: Arc<Plan>) -> Self {
        Self {
            run,
            plan,
            epoch: 1,
            next_seq: 0,
            paces: BTreeMap::new(),
            latest_ms: 0,
            inconclusive: false,
        }
    }

    /// All the events of a journal.
    ///
    /// # Errors
    /// `Corrupt` if its first record does not begin a run.
    pub fn replay(run: RunId, records: &[Record]) -> Result<Vec<Event>> {
        let Some(Entry::Begin { plan, .. }) = records.first().map(|record| &record.entry) else {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "read journal",
                "record 0: the first record does not begin a run",
            )
            .with_hint("nothing was touched"));
        };
        let mut narrator = Self::new(run, Arc::clone(plan));
        Ok(records.iter().map(|record| narrator.record(record)).collect())
    }

    /// Takes notice of the records of earlier lives without telling them. Before a run is resumed.
    pub fn catch_up(&mut self, records: &[Record]) {
        for record in records {
            self.record(record);
        }
    }

    /// Tells a record.
    pub fn record(&mut self, record: &Record) -> Event {
        if record.epoch != self.epoch {
            self.begin_life(record.epoch);
        }
        let kind = self.kind(record.elapsed_ms, &record.entry);
        self.latest_ms = record.elapsed_ms;
        let mut event = self.tell(record.at, record.elapsed_ms, kind);
        event.record = Some(record.seq);
        event
    }

    /// Tells what no record holds: [`Waiting`](EventKind::Waiting),
    /// [`Verifying`](EventKind::Verifying).
    pub fn tell(&mut self, at: SystemTime, elapsed_ms: u64, kind: EventKind) -> Event {
        let seq = self.next_seq;
        self.next_seq += 1;
        Event {
            run: self.run,
            epoch: self.epoch,
            seq,
            record: None,
            at_ms: unix_millis(at),
            elapsed_ms,
            kind,
        }
    }

    /// Monotonic time and numbers begin again with each life.
    fn begin_life(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.next_seq = 0;
        self.latest_ms = 0;
        for pace in self.paces.values_mut() {
            pace.step_began = None;
            pace.attempt_began = None;
        }
    }

    fn kind(&mut self, now: u64, entry: &Entry) -> EventKind {
        match entry {
            Entry::Begin { .. } => self.started(None),
            Entry::Resumed { by } => self.started(Some(by.clone())),
            Entry::Intent { step, attempt, direction } => {
                self.step_started(now, step, *attempt, *direction)
            }
            Entry::Result { step, attempt, direction, outcome, in_doubt, error, .. } => {
                let key = (step, *attempt, *direction);
                self.attempt_over(now, key, *outcome, *in_doubt, error.as_ref())
            }
            Entry::Verdict { step, verdict } => {
                self.inconclusive = verdict.outcome == Outcome::Inconclusive;
                let before = self.latest_ms;
                let pace = self.paces.entry(step.clone()).or_default();
                pace.done = verdict.outcome == Outcome::Pass;
                let (_, began) = *pace.step_began.get_or_insert((Direction::Do, before));
                EventKind::VerdictGiven {
                    step: step.clone(),
                    verdict: verdict.clone(),
                    step_elapsed_ms: now.saturating_sub(began),
                }
            }
            Entry::TurnBack { reason } => EventKind::TurnedBack { reason: reason.clone() },
            Entry::Accept { step, reason } => {
                self.inconclusive = false;
                self.paces.entry(step.clone()).or_default().done = true;
                EventKind::Accepted { step: step.clone(), reason: reason.clone() }
            }
            Entry::Answer { step, happened } => {
                self.paces.entry(step.clone()).or_default().open = false;
                EventKind::Answered { step: step.clone(), happened: *happened }
            }
            Entry::Evidence { files, summary } => {
                EventKind::EvidenceKept { files: files.clone(), summary: summary.clone() }
            }
            Entry::Pause { reason } => EventKind::Paused {
                reason: reason.clone(),
                next: commands::when_paused(self.run, self.question()),
            },
            Entry::End { state, reason } => {
                EventKind::Ended { state: *state, reason: reason.clone() }
            }
            Entry::TailRepaired { dropped } => EventKind::TailRepaired { dropped_bytes: *dropped },
        }
    }

    fn started(&self, resumed_by: Option<String>) -> EventKind {
        let plan = &self.plan;
        let done = |id: &StepId| self.paces.get(id).is_some_and(|pace| pace.done);
        EventKind::RunStarted(Box::new(RunStarted {
            target: plan.target.clone(),
            from: plan.from.clone(),
            to: plan.to.clone(),
            strategy: plan.strategy.clone(),
            fingerprint: plan.fingerprint(),
            steps: plan.steps.iter().map(|step| AnnouncedStep::of(step, done(&step.id))).collect(),
            resumed_by,
        }))
    }

    /// What the run wants to know when it pauses here.
    fn question(&self) -> commands::Question {
        let open = |id: &StepId| self.paces.get(id).is_some_and(|pace| pace.open);
        let mut steps = self.plan.steps.iter();
        commands::Question {
            verdict: self.inconclusive,
            step: steps.any(|step| step.kind == StepKind::AtMostOnce && open(&step.id)),
        }
    }

    fn step_started(
        &mut self,
        now: u64,
        step: &StepId,
        attempt: u32,
        direction: Direction,
    ) -> EventKind {
        let pace = self.paces.entry(step.clone()).or_default();
        if pace.step_began.is_none_or(|(began, _)| began != direction) {
            pace.step_began = Some((direction, now));
        }
        pace.attempt_began = Some(now);
        pace.done &= direction == Direction::Undo;
        pace.open = direction == Direction::Do;
        EventKind::StepStarted {
            step: step.clone(),
            phase: phase_of(&self.plan, step),
            attempt,
            direction,
        }
    }

    fn attempt_over(
        &mut self,
        now: u64,
        (step, attempt, direction): (&StepId, u32, Direction),
        outcome: StepOutcome,
        in_doubt: bool,
        error: Option<&ErrorNote>,
    ) -> EventKind {
        let pace = self.paces.entry(step.clone()).or_default();
        pace.open = false;
        pace.done = match direction {
            Direction::Do => outcome.is_done(),
            Direction::Undo => pace.done && !outcome.is_done(),
        };
        // An attempt of an earlier life is as old as this one.
        let attempt_elapsed_ms = now.saturating_sub(pace.attempt_began.unwrap_or(0));
        let step_began = pace.step_began.map_or(0, |(_, began)| began);
        let (step, error) = (step.clone(), error.cloned().map(Box::new));
        if outcome == StepOutcome::NotYet {
            return EventKind::Retrying {
                step,
                attempt,
                direction,
                in_doubt,
                attempt_elapsed_ms,
                error,
            };
        }
        EventKind::StepFinished {
            step,
            attempt,
            direction,
            outcome,
            in_doubt,
            step_elapsed_ms: now.saturating_sub(step_began),
            attempt_elapsed_ms,
            error,
        }
    }
}

/// The phase of a step. Records are checked against the plan before they are told.
fn phase_of(plan: &Plan, id: &StepId) -> Phase {
    plan.steps.iter().find(|step| step.id == *id).map_or(Phase::Prepare, |step| step.phase)
}

#[cfg(test)]
mod tests;
