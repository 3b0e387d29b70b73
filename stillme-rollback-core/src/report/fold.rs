//! From records to a report.

use super::{Assurance, Life, Report, Standing, StepReport, UNFINISHED_EXIT_CODE, commands};
use crate::end::EndState;
use crate::error::Result;
use crate::event::unix_millis;
use crate::id::{RunId, StepId};
use crate::journal::{Direction, Entry, Progress, Record, StepOutcome};
use crate::plan::Plan;
use crate::step::{Phase, Step, StepKind, Undo};
use crate::verdict::{Outcome, Verdict};

/// The report of a run from its records.
pub(super) fn report(run: RunId, records: &[Record]) -> Result<Report> {
    // The journal's own rules decide whether the records make sense, and where the run stands.
    let (plan, progress) = Progress::replay(records.iter().map(|record| &record.entry))?;
    let mut fold = Fold::begin(run, &plan);
    for record in records {
        fold.take(record);
    }
    Ok(fold.finish(&plan, &progress))
}

/// A report in the making. A run keeps this, not its records: they are in the journal.
#[derive(Debug)]
pub(crate) struct Fold {
    report: Report,
    /// For each step: forward and back.
    watches: Vec<[Stopwatch; 2]>,
    /// Milliseconds since the life began, at the record before.
    before_ms: u64,
}

impl Fold {
    pub(crate) fn begin(run: RunId, plan: &Plan) -> Self {
        Self {
            report: Report {
                run,
                state: None,
                exit_code: UNFINISHED_EXIT_CODE,
                reason: None,
                target: plan.target.clone(),
                from: plan.from.clone(),
                to: plan.to.clone(),
                strategy: plan.strategy.clone(),
                purpose: plan.purpose.clone(),
                fingerprint: plan.fingerprint(),
                began_ms: 0,
                latest_ms: 0,
                elapsed_ms: 0,
                lives: Vec::new(),
                steps: plan.steps.iter().map(unreached).collect(),
                verdict: None,
                assurance: Assurance::None,
                accepted: None,
                turned_back: None,
                foreign: None,
                evidence: Vec::new(),
                evidence_summary: Vec::new(),
                repaired_bytes: 0,
                remaining: Vec::new(),
                next: Vec::new(),
            },
            watches: vec![<[Stopwatch; 2]>::default(); plan.steps.len()],
            before_ms: 0,
        }
    }

    pub(crate) fn take(&mut self, record: &Record) {
        self.live(record);
        let now = record.elapsed_ms;
        let report = &mut self.report;
        match &record.entry {
            Entry::Begin { .. } | Entry::Resumed { .. } => {}
            Entry::Intent { step, direction, .. } => self.intend(now, step, *direction),
            Entry::Result { step, direction, outcome, in_doubt, facts, error, .. } => {
                if facts.foreign.is_some() {
                    report.foreign.clone_from(&facts.foreign);
                }
                self.conclude(now, step, *direction, *outcome);
                if let Some(step) = self.step_mut(step) {
                    step.in_doubt |= in_doubt;
                    step.in_doubt &= !outcome.is_done();
                    if error.is_some() {
                        step.error.clone_from(error);
                    }
                }
            }
            Entry::Verdict { step, verdict } => self.judge(now, step, verdict),
            Entry::TurnBack { reason } => report.turned_back = Some(reason.clone()),
            Entry::Accept { step, reason } => {
                report.accepted = Some(reason.clone());
                if let Some(step) = self.step_mut(step) {
                    step.standing = Standing::Done;
                }
            }
            Entry::Answer { .. } => {}
            Entry::Evidence { files, summary } => {
                report.evidence.extend_from_slice(files);
                report.evidence_summary.extend_from_slice(summary);
            }
            Entry::Pause { reason } | Entry::End { reason, .. } => {
                report.reason = Some(reason.clone());
            }
            Entry::TailRepaired { dropped } => report.repaired_bytes += dropped,
        }
        self.before_ms = now;
    }

    /// The times of the run and of its lives.
    fn live(&mut self, record: &Record) {
        let report = &mut self.report;
        let at_ms = unix_millis(record.at);
        if report.lives.last().is_none_or(|life| life.epoch != record.epoch) {
            report.lives.push(Life {
                epoch: record.epoch,
                by: None,
                began_ms: at_ms,
                elapsed_ms: 0,
            });
            self.before_ms = 0;
            self.watches.iter_mut().flatten().for_each(Stopwatch::begin_life);
        }
        if report.lives.len() == 1 && matches!(record.entry, Entry::Begin { .. }) {
            report.began_ms = at_ms;
        }
        report.latest_ms = at_ms;
        if let Some(life) = report.lives.last_mut() {
            life.elapsed_ms = life.elapsed_ms.max(record.elapsed_ms);
            if let Entry::Resumed { by } = &record.entry {
                life.by = Some(by.clone());
            }
        }
        report.elapsed_ms = report.lives.iter().map(|life| life.elapsed_ms).sum();
    }

    fn intend(&mut self, now: u64, id: &StepId, direction: Direction) {
        self.watch(id, direction, |watch| watch.start(now));
        let Some(step) = self.step_mut(id) else {
            return;
        };
        match direction {
            Direction::Do => {
                step.attempts += 1;
                step.standing = Standing::Unfinished;
            }
            Direction::Undo => {
                step.undo_attempts += 1;
                // A step that was never begun is undone in doubt, or not at all.
                if step.standing == Standing::NotReached {
                    step.standing = Standing::Unfinished;
                }
            }
        }
    }

    fn conclude(&mut self, now: u64, id: &StepId, direction: Direction, outcome: StepOutcome) {
        let elapsed = self.watch(id, direction, |watch| watch.stop(now));
        let Some(step) = self.step_mut(id) else {
            return;
        };
        match direction {
            Direction::Do => {
                step.outcome = Some(outcome);
                step.elapsed_ms = elapsed;
                step.standing = match outcome {
                    StepOutcome::NotYet => Standing::Unfinished,
                    StepOutcome::Failed => Standing::Failed,
                    _ => Standing::Done,
                };
            }
            Direction::Undo => {
                step.undo_elapsed_ms = elapsed;
                step.standing = match outcome {
                    StepOutcome::NotYet => step.standing,
                    StepOutcome::Failed => Standing::UndoFailed,
                    _ => Standing::Undone,
                };
            }
        }
    }

    fn judge(&mut self, now: u64, id: &StepId, verdict: &Verdict) {
        let before = self.before_ms;
        let elapsed = self.watch(id, Direction::Do, |watch| {
            watch.start(before);
            watch.stop(now)
        });
        self.report.verdict = Some(verdict.clone());
        self.report.accepted = None;
        if let Some(step) = self.step_mut(id) {
            step.attempts += 1;
            step.elapsed_ms = elapsed;
            step.standing = match verdict.outcome {
                Outcome::Pass => Standing::Done,
                Outcome::Inconclusive => Standing::Unfinished,
                Outcome::Fail => Standing::Failed,
            };
        }
    }

    pub(crate) fn finish(mut self, plan: &Plan, progress: &Progress) -> Report {
        let report = &mut self.report;
        report.state = progress.ended.or(progress.paused.then_some(EndState::Paused));
        report.reason = match (report.state, report.reason.take()) {
            // The reason of a pause from which it was resumed.
            (None, _) => None,
            // A life that begins on the way back does not know why.
            (_, reason) => {
                reason.filter(|text| !text.is_empty()).or_else(|| report.turned_back.clone())
            }
        };
        undone_by_others(report, plan);
        report.exit_code = report.state.map_or(UNFINISHED_EXIT_CODE, EndState::exit_code);
        report.assurance = assurance(report.verdict.as_ref(), report.accepted.is_some());
        report.remaining = commands::remaining(report, plan);
        report.next = commands::next(report, plan, question(plan, progress, report.assurance));
        self.report
    }

    fn step_mut(&mut self, id: &StepId) -> Option<&mut StepReport> {
        self.report.steps.iter_mut().find(|step| step.id == *id)
    }

    fn watch<T: Default>(
        &mut self,
        id: &StepId,
        direction: Direction,
        act: impl FnOnce(&mut Stopwatch) -> T,
    ) -> T {
        let index = self.report.steps.iter().position(|step| step.id == *id);
        let watches = index.and_then(|index| self.watches.get_mut(index));
        watches.map_or_else(T::default, |[forward, back]| {
            act(match direction {
                Direction::Do => forward,
                Direction::Undo => back,
            })
        })
    }
}

/// Marks the steps of which the end says that their undo was seen to hold, though no undo of their
/// own was recorded: a container that was removed need not be stopped.
fn undone_by_others(report: &mut Report, plan: &Plan) {
    let begun = |line: &StepReport| line.attempts > 0 && !line.is_verdict;
    let in_switch = report.steps.iter().any(|line| line.phase >= Phase::Switch && begun(line));
    let turned_back = report.turned_back.is_some();
    let stuck_at = report.steps.iter().position(|line| line.standing == Standing::UndoFailed);
    for (index, (line, step)) in report.steps.iter_mut().zip(&plan.steps).enumerate() {
        let looked_at = match report.state {
            Some(EndState::Restored) => true,
            // What was only prepared is cleared away, whoever has the target now.
            Some(EndState::Superseded) => turned_back && !in_switch,
            // The way back goes from the last step to the first, and looks before each.
            Some(EndState::Stuck) => stuck_at.is_some_and(|stuck| index > stuck),
            _ => false,
        };
        let had_effect = matches!(line.standing, Standing::Done | Standing::Unfinished);
        let has_undo = matches!(step.undo, Undo::Restores(_));
        if looked_at && begun(line) && had_effect && has_undo {
            line.standing = Standing::Undone;
        }
    }
}

/// What the run wants to know before it goes on.
fn question(plan: &Plan, progress: &Progress, assurance: Assurance) -> commands::Question {
    let mut steps = plan.steps.iter().zip(&progress.steps);
    commands::Question {
        verdict: assurance == Assurance::Unproven,
        step: steps.any(|(step, stands)| {
            step.kind == StepKind::AtMostOnce
                && stands.open == Some(Direction::Do)
                && stands.answer.is_none()
        }),
    }
}

/// Adds up the time of a step over the lives of a run, each of which has a clock of its own.
#[derive(Clone, Copy, Debug, Default)]
struct Stopwatch {
    earlier_ms: u64,
    began_ms: Option<u64>,
    total_ms: u64,
}

impl Stopwatch {
    fn start(&mut self, now: u64) {
        self.began_ms.get_or_insert(now);
    }

    fn stop(&mut self, now: u64) -> u64 {
        // What an earlier life began goes on from the beginning of this one.
        let began = self.began_ms.unwrap_or(0);
        self.total_ms = self.earlier_ms + now.saturating_sub(began);
        self.total_ms
    }

    fn begin_life(&mut self) {
        self.earlier_ms = self.total_ms;
        self.began_ms = None;
    }
}

fn unreached(step: &Step) -> StepReport {
    StepReport {
        id: step.id.clone(),
        phase: step.phase,
        title: step.title.clone(),
        is_verdict: step.is_verdict(),
        standing: Standing::NotReached,
        outcome: None,
        attempts: 0,
        elapsed_ms: 0,
        undo_attempts: 0,
        undo_elapsed_ms: 0,
        in_doubt: false,
        error: None,
    }
}

fn assurance(verdict: Option<&Verdict>, accepted: bool) -> Assurance {
    let Some(verdict) = verdict else {
        return Assurance::None;
    };
    match verdict.outcome {
        Outcome::Inconclusive if accepted => Assurance::Accepted,
        Outcome::Inconclusive => Assurance::Unproven,
        Outcome::Fail => Assurance::Failed,
        Outcome::Pass if verdict.checks.iter().any(|check| says_weak(&check.evidence)) => {
            Assurance::Weak
        }
        Outcome::Pass => Assurance::Verified,
    }
}

/// Whether a check calls itself weak: the word, not a part of another.
fn says_weak(evidence: &str) -> bool {
    evidence.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("weak"))
}
