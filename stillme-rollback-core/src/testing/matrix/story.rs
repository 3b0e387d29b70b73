//! What went wrong on the way to a place of the matrix. Kept as data: it is put into words for the
//! few bad cases alone.

use std::fmt;
use std::sync::Arc;

use crate::end::EndState;
use crate::engine::Command;
use crate::id::StepId;
use crate::journal::{Direction, Entry, StepOutcome};
use crate::plan::Plan;
use crate::testing::fault::Fault;
use crate::verdict::Outcome;

/// A list of notes that grows at its end and shares its beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Story(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    before: Story,
    note: Note,
}

impl Story {
    /// The story with one more note.
    pub(super) fn and(&self, note: Note) -> Self {
        Self(Some(Arc::new(Line { before: self.clone(), note })))
    }
}

/// A line for each note, and a line break and two spaces behind each.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            Some(Line { before, note }) => write!(f, "{before}{note}\n  "),
            None => Ok(()),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) enum Note {
    /// A call of a command failed.
    Fault { fault: Fault, call: u64, during: During },
    /// The process was killed during a command.
    Crash { crash: Fault, during: During },
    /// The process was killed before or after a record was durable.
    Killed { durable: bool, record: Name },
    /// The run ended.
    Ended(EndState, String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { fault, call, during } => {
                write!(f, "{fault:?} at call {call} of {during}")
            }
            Self::Crash { crash, during } => write!(f, "{crash:?} in {during}"),
            Self::Killed { durable, record } => {
                let when = if *durable { "after" } else { "before" };
                write!(f, "killed {when} {record} is durable")
            }
            Self::Ended(state, reason) => write!(f, "{state}: {reason}"),
        }
    }
}

/// A command that makes calls.
#[derive(Clone, Debug)]
pub(super) enum During {
    Do(StepId),
    Undo(StepId),
    Observe,
    Verify,
    Collect,
    Wait,
}

impl During {
    pub(super) fn of(command: &Command, plan: &Plan) -> Self {
        match command {
            Command::Apply(call) => Self::Do(plan.steps[call.step].id.clone()),
            Command::Undo(call) => Self::Undo(plan.steps[call.step].id.clone()),
            Command::Observe => Self::Observe,
            Command::Verify { .. } => Self::Verify,
            Command::Collect => Self::Collect,
            _ => Self::Wait,
        }
    }
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Do(step) => write!(f, "do {step}"),
            Self::Undo(step) => write!(f, "undo {step}"),
            Self::Observe => f.write_str("observe"),
            Self::Verify => f.write_str("verify"),
            Self::Collect => f.write_str("collect"),
            Self::Wait => f.write_str("wait"),
        }
    }
}

/// What a record is called.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Intent(Direction, StepId, u32),
    Result(Direction, StepId, StepOutcome),
    Verdict(Outcome),
    TurnBack,
    End(EndState),
    Other,
}

impl Name {
    pub(super) fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Intent { step, direction, attempt } => {
                Self::Intent(*direction, step.clone(), *attempt)
            }
            Entry::Result { step, direction, outcome, .. } => {
                Self::Result(*direction, step.clone(), *outcome)
            }
            Entry::Verdict { verdict, .. } => Self::Verdict(verdict.outcome),
            Entry::TurnBack { .. } => Self::TurnBack,
            Entry::End { state, .. } => Self::End(*state),
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intent(direction, step, attempt) => {
                write!(f, "intent {direction:?} {step} {attempt}")
            }
            Self::Result(direction, step, outcome) => {
                write!(f, "result {direction:?} {step} {outcome:?}")
            }
            Self::Verdict(outcome) => write!(f, "verdict {outcome}"),
            Self::TurnBack => f.write_str("turn-back"),
            Self::End(state) => write!(f, "end {state}"),
            Self::Other => f.write_str("record"),
        }
    }
}
