//! One attempt at a step, in either direction: intent, look, act, look, result.

use std::time::Duration;

use super::super::ruling::{self, Budget, CallError, Ruling};
use super::{Call, Command, Conclusion, Machine, Now, Point, WaitReason};
use crate::facts::Facts;
use crate::journal::{Direction, Entry, ErrorNote, StepOutcome};

/// The first wait for an effect; each further one is half as long again, up to 1 s.
const POLL: Duration = Duration::from_millis(50);

/// An attempt under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attempt {
    step: usize,
    direction: Direction,
    number: u32,
    /// When this attempt began.
    began: Duration,
    /// What the platform answered, once it was asked.
    answer: Option<Result<(), CallError>>,
    /// Looks for the effect so far.
    polls: u32,
    /// Reads that failed in a row.
    failed_reads: u32,
    /// What the last good read showed.
    facts: Facts,
}

impl Machine {
    /// Says what will be done, before it is done.
    pub(super) fn intend(&mut self, step: usize, direction: Direction, now: &Now) -> Command {
        let progress = &self.progress.steps[step];
        let number = 1 + match direction {
            Direction::Do => progress.attempts,
            Direction::Undo => progress.undo_attempts,
        };
        if !matches!(self.step_began, Some((s, d, _)) if s == step && d == direction) {
            self.step_began = Some((step, direction, now.elapsed));
        }
        let attempt = Attempt {
            step,
            direction,
            number,
            began: now.elapsed,
            answer: None,
            polls: 0,
            failed_reads: 0,
            facts: Facts::new(),
        };
        let id = self.plan().steps[step].id.clone();
        let entry = Entry::Intent { step: id, attempt: number, direction };
        self.append(entry, Point::Intended(attempt))
    }

    pub(super) fn look_before(&mut self, attempt: Attempt) -> Command {
        self.observe(Point::Before(attempt))
    }

    pub(super) fn look_after(
        &mut self,
        mut attempt: Attempt,
        answer: Result<(), CallError>,
        now: &Now,
    ) -> Command {
        let in_doubt =
            answer.as_ref().is_err_and(|error| error.disposition == crate::Disposition::InDoubt);
        self.note_doubt(in_doubt, now);
        attempt.answer = Some(answer);
        self.observe(Point::After(attempt))
    }

    pub(super) fn look_again(&mut self, attempt: Attempt) -> Command {
        let point =
            if attempt.answer.is_some() { Point::After(attempt) } else { Point::Before(attempt) };
        self.observe(point)
    }

    pub(super) fn decide(
        &mut self,
        mut attempt: Attempt,
        facts: Result<Facts, CallError>,
        now: &Now,
    ) -> Command {
        match facts {
            Err(error) => return self.read_failed(attempt, error, now),
            Ok(facts) => {
                attempt.failed_reads = 0;
                attempt.facts = facts;
            }
        }
        let ruling = self.rule(&attempt, now);
        let foreign = match &ruling {
            Ruling::Foreign(who) => Some(who.clone()),
            _ => None,
        };
        if self.is_first_sight(foreign) {
            let time = super::SECOND_LOOK;
            return self.wait(time, WaitReason::SecondLook, Point::Waiting(attempt));
        }
        match ruling {
            Ruling::Act => self.act(attempt, now),
            Ruling::Done(outcome) => self.write_result(&attempt, outcome, false, None, None),
            Ruling::Poll => {
                attempt.polls += 1;
                let time = poll_wait(attempt.polls).min(self.time_left(&attempt, now));
                self.wait(time, WaitReason::Effect, Point::Waiting(attempt))
            }
            Ruling::Retry { in_doubt, not_before, error } => {
                let wait =
                    self.options.wait_after(attempt.number).max(not_before.unwrap_or_default());
                self.note_doubt(in_doubt, now);
                self.write_result(&attempt, StepOutcome::NotYet, in_doubt, Some(error), Some(wait))
            }
            Ruling::Fail { in_doubt, error } => {
                self.note_doubt(in_doubt, now);
                self.write_result(&attempt, StepOutcome::Failed, in_doubt, Some(error), None)
            }
            Ruling::Ask => {
                let id = &self.plan().steps[attempt.step].id;
                let reason = format!(
                    "it is not known whether `{id}` happened, and it must not happen twice: look, then say `--happened yes` or `--happened no` with resume"
                );
                self.pause(reason)
            }
            Ruling::Foreign(who) => {
                let note = ErrorNote::text(format!("somebody else deployed: {who}"));
                self.foreign = Some(who);
                self.write_result(&attempt, StepOutcome::Failed, false, Some(note), None)
            }
        }
    }

    fn rule(&self, attempt: &Attempt, now: &Now) -> Ruling {
        let step = &self.plan().steps[attempt.step];
        // Things that only this run knows of are cleared away whoever has the target now.
        let ours_alone = attempt.direction == Direction::Undo && !self.switch_begun();
        if let Some(foreign) = attempt.facts.foreign.as_ref().filter(|_| !ours_alone) {
            return Ruling::Foreign(foreign.to_string());
        }
        match &attempt.answer {
            None => ruling::before(step, attempt.direction, attempt.number > 1, &attempt.facts),
            Some(answer) => ruling::after(
                step,
                attempt.direction,
                answer,
                &attempt.facts,
                self.budget(attempt, now),
            ),
        }
    }

    fn budget(&self, attempt: &Attempt, now: &Now) -> Budget {
        let insist = attempt.direction == Direction::Undo || self.beyond_return();
        let limit = if insist { self.options.undo_attempts } else { self.options.attempts };
        Budget {
            attempts_left: attempt.number < limit,
            time_left: !self.time_left(attempt, now).is_zero(),
            insist,
        }
    }

    /// Forward, all attempts share the step's deadline; where there is no other way each has its own.
    fn time_left(&self, attempt: &Attempt, now: &Now) -> Duration {
        let began = match (attempt.direction, self.step_began) {
            (Direction::Do, Some((_, _, began))) if !self.beyond_return() => began,
            _ => attempt.began,
        };
        (began + self.plan().steps[attempt.step].deadline).saturating_sub(now.elapsed)
    }

    fn act(&mut self, attempt: Attempt, now: &Now) -> Command {
        let call = Call {
            step: attempt.step,
            attempt: attempt.number,
            time_left: self.time_left(&attempt, now).max(Duration::from_secs(1)),
        };
        let direction = attempt.direction;
        self.point = Point::Called(attempt);
        match direction {
            Direction::Do => Command::Apply(call),
            Direction::Undo => Command::Undo(call),
        }
    }

    /// A read that fails changes nothing: look again, without a new intent.
    fn read_failed(&mut self, mut attempt: Attempt, error: CallError, now: &Now) -> Command {
        attempt.failed_reads += 1;
        let patience = match attempt.direction {
            Direction::Do => self.options.reads,
            Direction::Undo => self.options.reads * 2,
        };
        if attempt.failed_reads < patience {
            let time = self.options.wait_after(attempt.failed_reads);
            return self.wait(time, WaitReason::Backoff(error.note), Point::Waiting(attempt));
        }
        // Nothing else can be done, and nothing is lost by waiting.
        if attempt.direction == Direction::Undo || self.beyond_return() {
            return self.pause_blind(&error);
        }
        // What became of a request that was sent can't be seen: in doubt.
        let in_doubt = attempt.answer.is_some();
        self.note_doubt(in_doubt, now);
        self.write_result(&attempt, StepOutcome::Failed, in_doubt, Some(error.note), None)
    }

    fn write_result(
        &mut self,
        attempt: &Attempt,
        outcome: StepOutcome,
        in_doubt: bool,
        error: Option<ErrorNote>,
        retry: Option<Duration>,
    ) -> Command {
        let (step, direction) = (attempt.step, attempt.direction);
        let conclusion = match (retry, &self.foreign, &error) {
            (Some(wait), _, Some(error)) => {
                Conclusion::RetryAfter { direction, wait, error: error.clone() }
            }
            (_, Some(who), _) => Conclusion::Superseded(who.clone()),
            _ => Conclusion::Next { step, direction, outcome, note: error.clone() },
        };
        let entry = Entry::Result {
            step: self.plan().steps[step].id.clone(),
            attempt: attempt.number,
            direction,
            outcome,
            in_doubt,
            facts: attempt.facts.clone(),
            error,
        };
        self.append(entry, Point::Concluded(conclusion))
    }

    /// Concludes an intent of an earlier life by what the operator said.
    pub(super) fn conclude_open(&mut self, step: usize, outcome: StepOutcome) -> Command {
        let entry = Entry::Result {
            step: self.plan().steps[step].id.clone(),
            attempt: self.progress.steps[step].attempts,
            direction: Direction::Do,
            outcome,
            in_doubt: false,
            facts: Facts::new(),
            error: None,
        };
        let conclusion = Conclusion::Next { step, direction: Direction::Do, outcome, note: None };
        self.append(entry, Point::Concluded(conclusion))
    }

    pub(super) fn conclude(&mut self, conclusion: Conclusion, now: &Now) -> Command {
        match conclusion {
            Conclusion::Superseded(who) => self.supersede(who, now),
            Conclusion::RetryAfter { direction, wait, error } => {
                let point = match direction {
                    Direction::Do => Point::Forward,
                    Direction::Undo => Point::Back,
                };
                self.wait(wait, WaitReason::Backoff(error), point)
            }
            Conclusion::Next { direction: Direction::Do, outcome, note, .. } => {
                if outcome.is_done() {
                    return self.forward(now);
                }
                let reason =
                    note.map_or_else(|| String::from("a step failed"), |note| note.message);
                self.turn_back(reason)
            }
            Conclusion::Next { step, direction: Direction::Undo, outcome, note } => {
                if outcome.is_done() {
                    return self.back(now);
                }
                let id = &self.plan().steps[step].id;
                let why = note.map_or_else(String::new, |note| format!(": {}", note.message));
                let reason = format!("`{id}` could not be undone{why}");
                self.end(crate::EndState::Stuck, reason)
            }
        }
    }
}

fn poll_wait(polls: u32) -> Duration {
    let grown = POLL.saturating_mul(3_u32.saturating_pow(polls.min(12) - 1))
        / 2_u32.saturating_pow(polls.min(12) - 1);
    grown.min(Duration::from_secs(1))
}
