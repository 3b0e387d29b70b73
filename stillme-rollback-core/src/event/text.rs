//! Events as one line for people and logs.

use std::fmt::{self, Display};

use super::{EventKind, RunStarted};
use crate::journal::{Direction, ErrorNote, StepOutcome};
use crate::printable::Printable;
use crate::report::moment::Span;

/// One line without a line break, whatever the text of others in it.
impl Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunStarted(started) => started.fmt(f),
            Self::StepStarted { step, attempt, direction, .. } => {
                write!(f, "{}{step}", doing(*direction))?;
                match attempt {
                    1 => Ok(()),
                    _ => write!(f, ", attempt {attempt}"),
                }
            }
            Self::StepFinished { step, direction, outcome, step_elapsed_ms, error, .. } => {
                let (verb, how) = (doing(*direction), word(*outcome));
                write!(f, "{verb}{step}: {how} after {}", Span(*step_elapsed_ms))?;
                because(f, error.as_deref())
            }
            Self::Retrying { step, attempt, direction, error, .. } => {
                let verb = doing(*direction);
                write!(f, "{verb}{step}: attempt {attempt} showed no effect yet")?;
                because(f, error.as_deref())
            }
            Self::Waiting { why, for_ms, .. } => {
                write!(f, "waiting {}", Printable(why))?;
                match for_ms {
                    Some(ms) => write!(f, ", {} at most", Span(*ms)),
                    None => Ok(()),
                }
            }
            Self::Verifying { step, attempt } => write!(f, "{step}: verifying, try {attempt}"),
            Self::VerdictGiven { step, verdict, .. } => {
                write!(f, "{step}: verdict {}", verdict.outcome)?;
                for (index, check) in verdict.checks.iter().enumerate() {
                    let mark = if index == 0 { ": " } else { "; " };
                    write!(f, "{mark}{check}")?;
                }
                Ok(())
            }
            Self::TurnedBack { reason } => write!(f, "turning back: {}", Printable(reason)),
            Self::Accepted { step, reason } => {
                write!(f, "{step}: accepted: {}", Printable(reason))
            }
            Self::Answered { step, happened } => {
                let answer = if *happened { "happened" } else { "did not happen" };
                write!(f, "{step}: {answer}, says the operator")
            }
            Self::EvidenceKept { files, summary } => {
                f.write_str("kept evidence")?;
                let names = files.iter().map(|file| &file.name);
                for (index, text) in names.chain(summary).enumerate() {
                    let mark = if index == 0 { ": " } else { "; " };
                    write!(f, "{mark}{}", Printable(text))?;
                }
                Ok(())
            }
            Self::TailRepaired { dropped_bytes } => {
                write!(f, "dropped a torn record of {dropped_bytes} bytes")
            }
            Self::Paused { reason, .. } => write!(f, "paused: {}", Printable(reason)),
            Self::Ended { state, reason } if reason.is_empty() => write!(f, "{state}"),
            Self::Ended { state, reason } => write!(f, "{state}: {}", Printable(reason)),
            Self::Dropped { count } => write!(f, "{count} events were not shown"),
            Self::Unknown => f.write_str("something that this version can't show"),
        }
    }
}

impl Display for RunStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.resumed_by.is_some() { "going on with" } else { "taking" };
        write!(
            f,
            "{verb} {} back from {} to {} in {} steps",
            self.target,
            self.from,
            self.to,
            self.steps.len()
        )
    }
}

fn doing(direction: Direction) -> &'static str {
    match direction {
        Direction::Do => "",
        Direction::Undo => "undo ",
    }
}

/// An outcome in words that follow a step's name.
pub(crate) fn word(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Changed => "done",
        StepOutcome::AlreadyDone => "was so already",
        StepOutcome::Adopted => "done, though its answer was lost",
        StepOutcome::NotYet => "not yet",
        StepOutcome::Failed => "failed",
    }
}

/// The error and its causes behind a colon.
fn because(f: &mut fmt::Formatter<'_>, error: Option<&ErrorNote>) -> fmt::Result {
    let Some(error) = error else { return Ok(()) };
    write!(f, ": {}", Printable(&error.message))?;
    for cause in &error.causes {
        write!(f, ": {}", Printable(cause))?;
    }
    Ok(())
}
