//! The way forward: step by step to the verdict, then to the end.

use std::time::Duration;

use super::super::ruling::CallError;
use super::{Command, Machine, Now, Point, WaitReason};
use crate::end::EndState;
use crate::facts::Facts;
use crate::journal::{Direction, Entry, ErrorNote, StepOutcome};
use crate::plan::OnInconclusive;
use crate::step::{Phase, StepKind};
use crate::verdict::{Outcome, Verdict};

/// How often a verdict that could not be told is asked for again.
const VERDICT_INTERVAL: Duration = Duration::from_secs(1);

impl Machine {
    /// A step boundary: the only place where a run turns, pauses, or begins something.
    pub(super) fn forward(&mut self, now: &Now) -> Command {
        if self.progress.turned_back {
            return self.back(now);
        }
        let next = self.progress.steps.iter().position(|step| !step.done);
        if let Some(who) = &now.aborted
            && !self.beyond_return()
        {
            let reason = format!("given up by {who}");
            return if self.switch_begun() { self.turn_back(reason) } else { self.pause(reason) };
        }
        if now.cancelled && self.may_pause(next) {
            return self.pause("stopped on request");
        }
        let Some(step) = next else {
            return self.observe(Point::FinalCheck);
        };
        if !self.decided() && now.elapsed >= self.plan().deadline() {
            let limit = self.plan().deadline().as_secs();
            return self.turn_back(format!("the deadline of {limit} s passed before a verdict"));
        }
        if self.plan().steps[step].is_verdict() {
            return self.verify(step, now.elapsed, now);
        }
        if let Some(command) = self.ask_if_unknown(step) {
            return command;
        }
        self.intend(step, Direction::Do, now)
    }

    /// Whether a verdict allowed to go on: from then on the deadline is over.
    fn decided(&self) -> bool {
        let steps = self.plan().steps.iter().zip(&self.progress.steps);
        steps.into_iter().any(|(step, progress)| step.is_verdict() && progress.done)
    }

    /// A run pauses only where the target serves: not between the first and the last switch step.
    fn may_pause(&self, next: Option<usize>) -> bool {
        let in_switch = next.is_some_and(|next| self.plan().steps[next].phase == Phase::Switch);
        !(in_switch && self.switch_begun())
    }

    /// A step that must not be repeated, and of which it is not known whether it happened.
    fn ask_if_unknown(&mut self, step: usize) -> Option<Command> {
        let unknown = self.plan().steps[step].kind == StepKind::AtMostOnce
            && self.progress.steps[step].open == Some(Direction::Do);
        if !unknown {
            return None;
        }
        let id = self.plan().steps[step].id.clone();
        match self.progress.steps[step].answer {
            None => match self.wish.happened.take() {
                Some(happened) => Some(self.append(Entry::Answer { step: id, happened }, Point::Forward)),
                None => Some(self.pause(format!(
                    "it is not known whether `{id}` happened, and it must not happen twice: look, then say `--happened yes` or `--happened no` with resume"
                ))),
            },
            Some(true) => Some(self.conclude_open(step, StepOutcome::Adopted)),
            Some(false) => None,
        }
    }

    pub(super) fn verify(&mut self, step: usize, began: Duration, now: &Now) -> Command {
        if now.cancelled || now.aborted.is_some() {
            return self.forward(now);
        }
        let time_left = self.verdict_time_left(step, began, now);
        self.point = Point::Verify { step, began };
        Command::Verify { time_left }
    }

    fn verdict_time_left(&self, step: usize, began: Duration, now: &Now) -> Duration {
        let step_end = began + self.plan().steps[step].deadline;
        step_end.min(self.plan().deadline().max(began)).saturating_sub(now.elapsed)
    }

    pub(super) fn judge(
        &mut self,
        step: usize,
        began: Duration,
        verdict: Result<Verdict, ErrorNote>,
        now: &Now,
    ) -> Command {
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(note) => Verdict::of(vec![crate::verdict::Check::new(
                "verifier",
                Outcome::Inconclusive,
                format!("could not tell: {}", note.message),
            )]),
        };
        let left = self.verdict_time_left(step, began, now);
        if verdict.outcome == Outcome::Inconclusive {
            if now.cancelled || now.aborted.is_some() {
                return self.forward(now);
            }
            if !left.is_zero() {
                let time = VERDICT_INTERVAL.min(left);
                return self.wait(time, WaitReason::Verdict, Point::VerifyAgain { step, began });
            }
        }
        self.reason = match verdict.outcome {
            Outcome::Pass => String::new(),
            Outcome::Fail => failed_checks(&verdict),
            Outcome::Inconclusive => {
                String::from("the verdict stayed inconclusive until its deadline")
            }
        };
        let inconclusive = verdict.outcome == Outcome::Inconclusive;
        self.last_inconclusive = inconclusive;
        let id = self.plan().steps[step].id.clone();
        self.append(Entry::Verdict { step: id, verdict }, Point::Judged { step })
    }

    pub(super) fn judged(&mut self, step: usize, now: &Now) -> Command {
        if self.progress.steps[step].done {
            return self.forward(now);
        }
        let reason = std::mem::take(&mut self.reason);
        if !self.last_inconclusive {
            return self.turn_back(reason);
        }
        match self.plan().on_inconclusive {
            OnInconclusive::Undo => self.turn_back(reason),
            OnInconclusive::Keep => {
                let id = self.plan().steps[step].id.clone();
                let reason = String::from("the plan says to keep what is inconclusive");
                self.append(Entry::Accept { step: id, reason }, Point::Forward)
            }
            OnInconclusive::Pause => self.pause(reason),
        }
    }

    /// Everything was done once. Is it still so, also after what may come late?
    pub(super) fn final_check(&mut self, facts: Result<Facts, CallError>, now: &Now) -> Command {
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) => {
                self.blind_looks += 1;
                if self.blind_looks >= self.options.reads {
                    return self.pause(format!(
                        "the target could not be looked at one last time: {}",
                        error.note.message
                    ));
                }
                let time = self.options.wait_after(self.blind_looks);
                return self.wait(time, WaitReason::Backoff(error.note), Point::FinalCheckAgain);
            }
        };
        self.blind_looks = 0;
        let foreign = facts.foreign.as_ref().map(ToString::to_string);
        if self.is_first_sight(foreign.clone()) {
            return self.wait(super::SECOND_LOOK, WaitReason::SecondLook, Point::FinalCheckAgain);
        }
        if let Some(who) = foreign {
            return self.supersede(who, now);
        }
        if let Some(step) = self.first_to_repair(&facts) {
            let limit = self.options.attempts * 2;
            if self.progress.steps[step].attempts >= limit {
                return self.turn_back(format!("`{}` does not last", self.plan().steps[step].id));
            }
            return self.intend(step, Direction::Do, now);
        }
        if let Some(time) = self.unsettled(now) {
            return self.wait(time, WaitReason::Settle, Point::Settle);
        }
        self.end(EndState::RolledBack, String::new())
    }

    /// The first step whose effect is not there any more, among the keys on which it has the last
    /// word.
    fn first_to_repair(&self, facts: &Facts) -> Option<usize> {
        let steps = &self.plan().steps;
        steps.iter().enumerate().position(|(index, step)| {
            let later = &steps[index + 1..];
            let last_word = step.makes.without(|key| {
                later.iter().any(|other| other.makes.keys().any(|later| later == key))
            });
            !last_word.holds(facts)
        })
    }
}

/// The failed checks as one reason, without their proofs.
fn failed_checks(verdict: &Verdict) -> String {
    let failed: Vec<_> = verdict
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Fail)
        .map(|check| format!("{}: {}", check.name, check.evidence))
        .collect();
    format!("the verdict is fail: {}", failed.join("; "))
}
