//! Where a run stands: the fold of its records, the same live and on replay.
//!
//! Every append goes through [`Progress::apply`] first, so that a record that makes no sense after
//! the ones before it is never written, and never resumed from.

use std::sync::Arc;

use super::record::{Direction, Entry, StepOutcome};
use crate::end::EndState;
use crate::error::{Error, ErrorKind, Result};
use crate::id::StepId;
use crate::plan::Plan;
use crate::step::StepKind;
use crate::verdict::Outcome;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Progress {
    /// For each step of the plan.
    pub steps: Vec<StepProgress>,
    /// Whether the run has turned back.
    pub turned_back: bool,
    /// Whether a request may still have an effect that was not seen: a crash in the middle of one,
    /// or an answer that never came.
    pub in_doubt: bool,
    /// The end, once there is one.
    pub ended: Option<EndState>,
    /// Whether the last thing it did was to pause.
    pub paused: bool,
    /// Whether what a failed version left behind is stored.
    pub has_evidence: bool,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StepProgress {
    /// Attempts at doing it.
    pub attempts: u32,
    /// Attempts at taking it back.
    pub undo_attempts: u32,
    /// Whether it was seen done (or its verdict passed or was accepted).
    pub done: bool,
    /// Whether its undo failed for good.
    pub undo_failed: bool,
    /// An intent without a result.
    pub open: Option<Direction>,
    /// What the operator said of a step that must not be repeated.
    pub answer: Option<bool>,
}

impl Progress {
    /// Where a run stands that has just begun.
    pub fn begin(plan: &Plan) -> Self {
        Self {
            steps: vec![StepProgress::default(); plan.steps.len()],
            turned_back: false,
            in_doubt: false,
            ended: None,
            paused: false,
            has_evidence: false,
        }
    }

    /// Where a run stands after these entries, the first of which begins it.
    ///
    /// # Errors
    /// `Corrupt` naming the record that can't follow the ones before it.
    pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<(Arc<Plan>, Self)> {
        let mut entries = entries.into_iter().enumerate();
        let Some((_, Entry::Begin { plan, fingerprint })) = entries.next() else {
            return Err(illegal(0, "the first record does not begin a run"));
        };
        if plan.fingerprint() != *fingerprint {
            return Err(illegal(0, "the plan is not the one of its fingerprint"));
        }
        let mut progress = Self::begin(plan);
        for (index, entry) in entries {
            progress.apply(plan, entry).map_err(|why| illegal(index, why))?;
        }
        Ok((Arc::clone(plan), progress))
    }

    /// Takes one more entry, or says why it can't follow.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn apply(&mut self, plan: &Plan, entry: &Entry) -> Result<(), &'static str> {
        if self.ended.is_some() {
            return Err("a record follows the end");
        }
        let was_paused = std::mem::take(&mut self.paused);
        match entry {
            Entry::Begin { .. } => return Err("the run begins twice"),
            Entry::Resumed { .. } => {
                // Whoever wrote the open intent may have sent its request just before it died.
                self.in_doubt |= self.steps.iter().any(|step| step.open.is_some());
                self.paused = was_paused;
            }
            Entry::Intent { step, attempt, direction } => {
                self.intend(plan, step, *attempt, *direction)?
            }
            Entry::Result { step, attempt, direction, outcome, in_doubt, .. } => {
                self.in_doubt |= in_doubt;
                self.conclude(plan, step, *attempt, *direction, *outcome)?;
            }
            Entry::Verdict { step, verdict } => {
                let index = position(plan, step)?;
                if !plan.steps[index].is_verdict() {
                    return Err("a verdict on a step that decides nothing");
                }
                self.steps[index].attempts += 1;
                self.steps[index].done = verdict.outcome == Outcome::Pass;
            }
            Entry::TurnBack { .. } => {
                if self.turned_back {
                    return Err("the run turns back twice");
                }
                self.turned_back = true;
            }
            Entry::Accept { step, .. } => {
                let index = position(plan, step)?;
                if self.turned_back || !plan.steps[index].is_verdict() {
                    return Err("nothing to accept here");
                }
                self.steps[index].done = true;
            }
            Entry::Answer { step, happened } => {
                let index = position(plan, step)?;
                if plan.steps[index].kind != StepKind::AtMostOnce {
                    return Err("an answer for a step that needs none");
                }
                self.steps[index].answer = Some(*happened);
            }
            Entry::Evidence { .. } => self.has_evidence = true,
            Entry::Pause { .. } => self.paused = true,
            Entry::End { state, .. } => self.ended = Some(*state),
            Entry::TailRepaired { .. } => self.paused = was_paused,
        }
        Ok(())
    }

    fn intend(
        &mut self,
        plan: &Plan,
        step: &StepId,
        attempt: u32,
        direction: Direction,
    ) -> Result<(), &'static str> {
        let index = position(plan, step)?;
        if direction == Direction::Do && self.turned_back {
            return Err("a step forward after the run turned back");
        }
        if direction == Direction::Undo && !self.turned_back {
            return Err("a step back before the run turned back");
        }
        let others_open = self
            .steps
            .iter()
            .enumerate()
            .any(|(other, step)| other != index && step.open.is_some());
        let turned_over = direction == Direction::Undo;
        if others_open && !turned_over {
            return Err("an intent while another step's is open");
        }
        let step = &mut self.steps[index];
        let attempts = match direction {
            Direction::Do => &mut step.attempts,
            Direction::Undo => &mut step.undo_attempts,
        };
        if attempt != *attempts + 1 {
            return Err("an attempt out of order");
        }
        *attempts = attempt;
        step.open = Some(direction);
        if direction == Direction::Do {
            // What is tried again is not done, and what was said of the last attempt is no answer
            // for this one.
            step.done = false;
            step.answer = None;
        }
        if others_open {
            // A run that turns back leaves the intent that a crash left open behind it.
            for (other, step) in self.steps.iter_mut().enumerate() {
                if other != index {
                    step.open = None;
                }
            }
        }
        Ok(())
    }

    fn conclude(
        &mut self,
        plan: &Plan,
        step: &StepId,
        attempt: u32,
        direction: Direction,
        outcome: StepOutcome,
    ) -> Result<(), &'static str> {
        let step = &mut self.steps[position(plan, step)?];
        if step.open != Some(direction) {
            return Err("a result without its intent");
        }
        let attempts = match direction {
            Direction::Do => step.attempts,
            Direction::Undo => step.undo_attempts,
        };
        if attempt != attempts {
            return Err("a result of another attempt");
        }
        step.open = None;
        match direction {
            Direction::Do => step.done = outcome.is_done(),
            Direction::Undo => step.undo_failed = outcome == StepOutcome::Failed,
        }
        Ok(())
    }
}

fn position(plan: &Plan, id: &StepId) -> Result<usize, &'static str> {
    plan.steps.iter().position(|step| step.id == *id).ok_or("a step that the plan does not have")
}

fn illegal(index: usize, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read journal", format!("record {index}: {why}"))
        .with_hint("nothing was touched; look at the file and at the target before you decide")
}

#[cfg(test)]
mod tests;
