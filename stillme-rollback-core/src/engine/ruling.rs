//! Decisions about one attempt at one step: pure functions of what was seen and what was answered.

use std::time::Duration;

use crate::error::{Disposition, Error, ErrorKind};
use crate::facts::{Condition, Facts};
use crate::journal::{Direction, ErrorNote, StepOutcome};
use crate::step::{Step, StepKind, Undo};

/// An error of a call as the machine keeps it: text, kind and disposition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallError {
    /// The text of the whole chain.
    pub note: ErrorNote,
    /// What went wrong.
    pub kind: ErrorKind,
    /// What may be done.
    pub disposition: Disposition,
}

impl From<&Error> for CallError {
    fn from(error: &Error) -> Self {
        Self { note: error.into(), kind: error.kind(), disposition: error.disposition() }
    }
}

/// What an attempt may still spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Whether another attempt may follow.
    pub(super) attempts_left: bool,
    /// Whether there is time to wait.
    pub(super) time_left: bool,
    /// Whether there is nothing else left to try: on the way back, and behind a step that can't be
    /// undone. Then every error is worth another attempt.
    pub(super) insist: bool,
}

/// What follows from an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Send the request.
    Act,
    /// The step stands as it should.
    Done(StepOutcome),
    /// The request was taken; its effect is not there yet: look again.
    Poll,
    /// No effect: another attempt, with its own intent.
    Retry { in_doubt: bool, not_before: Option<Duration>, error: ErrorNote },
    /// No effect, and no further attempt.
    Fail { in_doubt: bool, error: ErrorNote },
    /// Nobody can see whether it happened, and it must not happen twice.
    Ask,
    /// Somebody else deployed.
    Foreign(String),
}

/// The condition that an attempt in this direction brings about, if it can be observed.
pub(super) fn goal(step: &Step, direction: Direction) -> Option<&Condition> {
    match (direction, &step.undo) {
        (Direction::Do, _) => Some(&step.makes).filter(|makes| !makes.is_empty()),
        (Direction::Undo, Undo::Restores(condition)) => Some(condition),
        (Direction::Undo, Undo::Nothing | Undo::Impossible) => None,
    }
}

/// Before the request: is it needed, and is the world as the step expects?
pub(super) fn before(step: &Step, direction: Direction, repeated: bool, facts: &Facts) -> Ruling {
    if goal(step, direction).is_some_and(|goal| goal.holds(facts)) {
        let outcome = if repeated { StepOutcome::Adopted } else { StepOutcome::AlreadyDone };
        return Ruling::Done(outcome);
    }
    match direction {
        // An undo starts from wherever the failure left things.
        Direction::Undo => Ruling::Act,
        Direction::Do if step.expects.holds(facts) => Ruling::Act,
        Direction::Do => Ruling::Fail { in_doubt: false, error: unexpected(step, facts) },
    }
}

/// After the request: what does the observation say, whatever the answer was?
pub(super) fn after(
    step: &Step,
    direction: Direction,
    answer: &Result<(), CallError>,
    facts: &Facts,
    budget: Budget,
) -> Ruling {
    if let Err(error) = answer
        && error.kind == ErrorKind::Panicked
    {
        return panicked(step, direction, error, budget);
    }
    let Some(goal) = goal(step, direction) else {
        return unobservable(step, answer, budget);
    };
    if goal.holds(facts) {
        return Ruling::Done(if answer.is_ok() {
            StepOutcome::Changed
        } else {
            StepOutcome::Adopted
        });
    }
    let astray = direction == Direction::Do && !step.expects.holds(facts);
    if astray {
        let in_doubt =
            answer.as_ref().is_err_and(|error| error.disposition == Disposition::InDoubt);
        return Ruling::Fail { in_doubt, error: gone_astray(step, answer, facts) };
    }
    match answer {
        Ok(()) if budget.time_left => Ruling::Poll,
        Ok(()) => give_up_or_retry(budget, late(step, facts)),
        Err(error) => failed_call(step, direction, error, budget),
    }
}

fn failed_call(step: &Step, direction: Direction, error: &CallError, budget: Budget) -> Ruling {
    let in_doubt = error.disposition == Disposition::InDoubt;
    let not_before = match error.disposition {
        Disposition::RetryAfter(time) => Some(time),
        _ => None,
    };
    if step.kind == StepKind::AtMostOnce && direction == Direction::Do {
        // Observable all the same, and seen not to have happened (yet).
        return if in_doubt {
            Ruling::Ask
        } else {
            Ruling::Fail { in_doubt, error: error.note.clone() }
        };
    }
    let worth_it = error.disposition != Disposition::Permanent && budget.time_left;
    if budget.attempts_left && (worth_it || budget.insist) {
        Ruling::Retry { in_doubt, not_before, error: error.note.clone() }
    } else {
        Ruling::Fail { in_doubt, error: error.note.clone() }
    }
}

fn unobservable(step: &Step, answer: &Result<(), CallError>, budget: Budget) -> Ruling {
    let Err(error) = answer else {
        return Ruling::Done(StepOutcome::Changed);
    };
    let in_doubt = error.disposition == Disposition::InDoubt;
    let retry = step.kind == StepKind::Keyed
        && error.disposition != Disposition::Permanent
        && budget.attempts_left
        && budget.time_left;
    if retry {
        let not_before = match error.disposition {
            Disposition::RetryAfter(time) => Some(time),
            _ => None,
        };
        return Ruling::Retry { in_doubt, not_before, error: error.note.clone() };
    }
    if in_doubt && step.kind == StepKind::AtMostOnce {
        return Ruling::Ask;
    }
    Ruling::Fail { in_doubt, error: error.note.clone() }
}

/// A panic says nothing about the effect, and code that panicked once is not trusted again where
/// there is another way.
fn panicked(step: &Step, direction: Direction, error: &CallError, budget: Budget) -> Ruling {
    match direction {
        Direction::Do if step.kind == StepKind::AtMostOnce => Ruling::Ask,
        _ if budget.insist && budget.attempts_left => {
            Ruling::Retry { in_doubt: true, not_before: None, error: error.note.clone() }
        }
        Direction::Do | Direction::Undo => {
            Ruling::Fail { in_doubt: true, error: error.note.clone() }
        }
    }
}

fn give_up_or_retry(budget: Budget, error: ErrorNote) -> Ruling {
    if budget.insist && budget.attempts_left {
        Ruling::Retry { in_doubt: false, not_before: None, error }
    } else {
        Ruling::Fail { in_doubt: false, error }
    }
}

fn unexpected(step: &Step, facts: &Facts) -> ErrorNote {
    ErrorNote::text(format!(
        "{}: not done, because the target is not as expected: {}",
        step.id,
        sentence(&step.expects, facts)
    ))
}

fn gone_astray(step: &Step, answer: &Result<(), CallError>, facts: &Facts) -> ErrorNote {
    let found = sentence(&step.makes, facts);
    match answer {
        Ok(()) => ErrorNote::text(format!("{}: the request was taken, but {found}", step.id)),
        Err(error) => {
            let mut note = ErrorNote::text(format!("{}: {found}", step.id));
            note.causes.push(error.note.message.clone());
            note.causes.extend(error.note.causes.iter().cloned());
            note
        }
    }
}

fn late(step: &Step, facts: &Facts) -> ErrorNote {
    ErrorNote::text(format!(
        "{}: the request was taken, but within {} s still {}",
        step.id,
        step.deadline.as_secs(),
        sentence(&step.makes, facts)
    ))
}

fn sentence(condition: &Condition, facts: &Facts) -> String {
    let all: Vec<_> = condition.differences(facts).iter().map(ToString::to_string).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests;
