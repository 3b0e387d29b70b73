//! The way back: level by level to the state before. Never forward again.
//!
//! It does not replay what was done. It looks, finds the last step whose undo does not hold, takes
//! that one back, and looks again, until everything holds. An effect that comes late only makes it
//! look once more.

use super::super::ruling::CallError;
use super::{Command, Machine, Now, Point, WaitReason};
use crate::end::EndState;
use crate::facts::Facts;
use crate::journal::Direction;
use crate::step::{Phase, Undo};

impl Machine {
    /// Evidence first: the undo removes what it would be about.
    pub(super) fn collect(&mut self) -> Command {
        let nothing_done = self.progress.steps.iter().all(|step| step.attempts == 0);
        if self.progress.has_evidence || nothing_done || self.foreign.is_some() {
            return self.observe(Point::Surveying { reads: 0 });
        }
        self.point = Point::Collecting;
        Command::Collect
    }

    pub(super) fn back(&mut self, _now: &Now) -> Command {
        self.observe(Point::Surveying { reads: 0 })
    }

    pub(super) fn survey(
        &mut self,
        reads: u32,
        facts: Result<Facts, CallError>,
        now: &Now,
    ) -> Command {
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) if reads + 1 < self.options.reads * 2 => {
                let time = self.options.wait_after(reads + 1);
                let point = Point::SurveyAgain { reads: reads + 1 };
                return self.wait(time, WaitReason::Backoff(error.note), point);
            }
            Err(error) => return self.pause_blind(&error),
        };
        let foreign = facts.foreign.as_ref().map(ToString::to_string);
        if self.is_first_sight(foreign.clone()) {
            let point = Point::SurveyAgain { reads };
            return self.wait(super::SECOND_LOOK, WaitReason::SecondLook, point);
        }
        if let Some(who) = &foreign
            && self.switch_begun()
        {
            return self.end(EndState::Superseded, theirs(who));
        }
        if let Some(step) = self.last_to_undo(&facts, foreign.is_some()) {
            if self.progress.steps[step].undo_attempts >= self.options.undo_attempts {
                let id = &self.plan().steps[step].id;
                return self.end(EndState::Stuck, format!("`{id}` does not stay undone"));
            }
            // What was prepared may be what a late effect makes needed: it is cleared away last.
            if self.plan().steps[step].phase == Phase::Prepare
                && let Some(time) = self.unsettled(now)
            {
                return self.wait(time, WaitReason::Settle, Point::SettleBack);
            }
            return self.intend(step, Direction::Undo, now);
        }
        if let Some(time) = self.unsettled(now) {
            return self.wait(time, WaitReason::Settle, Point::SettleBack);
        }
        match foreign {
            Some(who) => self.end(EndState::Superseded, theirs(&who)),
            None => {
                let reason = std::mem::take(&mut self.reason);
                self.end(EndState::Restored, reason)
            }
        }
    }

    /// Where there is only one way left it goes on when the platform answers again: nothing is lost, and
    /// nothing else can be done meanwhile.
    pub(super) fn pause_blind(&mut self, error: &CallError) -> Command {
        let what = if self.progress.turned_back { "the way back" } else { "what is left" };
        self.pause(format!(
            "{what} can't go on while the platform does not answer; resume when it does: {}",
            error.note.message
        ))
    }

    /// The last step that was ever begun and whose undo does not hold. When the target is somebody
    /// else's, only what this run made for itself counts.
    fn last_to_undo(&self, facts: &Facts, foreign: bool) -> Option<usize> {
        let steps = self.plan().steps.iter().zip(&self.progress.steps);
        let open: Vec<usize> = steps
            .enumerate()
            .filter(|(_, (step, progress))| {
                progress.attempts > 0
                    && (!foreign || step.phase == Phase::Prepare)
                    && matches!(&step.undo, Undo::Restores(condition) if !condition.holds(facts))
            })
            .map(|(index, _)| index)
            .collect();
        open.last().copied()
    }

    /// Somebody else deployed. What only this run knows of is cleared away; nothing else is touched.
    pub(super) fn supersede(&mut self, who: String, now: &Now) -> Command {
        if self.switch_begun() || self.beyond_return() {
            return self.end(EndState::Superseded, theirs(&who));
        }
        if self.progress.turned_back {
            return self.back(now);
        }
        self.turn_back(theirs(&who))
    }
}

fn theirs(who: &str) -> String {
    format!("somebody else deployed, theirs is untouched: {who}")
}
