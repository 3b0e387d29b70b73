//! Records as people read them: one line each.

use std::fmt;

use super::record::{Direction, Entry, Record, StepOutcome};
use super::rfc3339;
use crate::printable::Printable;

/// Shows records, one line each: when, how long after the beginning of its process's life, and what.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// use stillme_rollback_core::journal::{Entry, Record, Timeline};
///
/// let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_442_709_123);
/// let pause = Entry::Pause { reason: "asked to".to_owned() };
/// assert_eq!(
///     Timeline(&[Record::new(7, 1, at, 1_250, pause)]).to_string(),
///     "  7  2026-11-23T14:05:09.123Z  life 1 +1.250 s  pause: asked to\n"
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a>(pub &'a [Record]);

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for record in self.0 {
            writeln!(
                f,
                "{:>3}  {}  life {} +{}.{:03} s  {}",
                record.seq,
                rfc3339::format(record.at),
                record.epoch,
                record.elapsed_ms / 1000,
                record.elapsed_ms % 1000,
                record.entry
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    /// One line without anything that steers a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { plan, .. } => write!(
                f,
                "begin: {} back to {} with {}",
                plan.target,
                plan.to,
                Printable(&plan.strategy)
            ),
            Self::Resumed { by } => write!(f, "resumed by {}", Printable(by)),
            Self::Intent { step, attempt, direction } => {
                write!(f, "{direction} {step}, attempt {attempt}")
            }
            Self::Result { step, direction, outcome, in_doubt, facts, error, .. } => {
                write!(f, "{direction} {step}: {outcome}")?;
                if *in_doubt {
                    f.write_str(", in doubt")?;
                }
                let facts = facts.to_string();
                if !facts.is_empty() {
                    write!(f, "; {}", Printable(&facts))?;
                }
                error.iter().try_for_each(|error| write!(f, "; {}", Printable(&error.message)))
            }
            Self::Verdict { verdict, .. } => {
                write!(f, "verdict: {}", verdict.outcome)?;
                verdict.checks.iter().try_for_each(|check| write!(f, "; {check}"))
            }
            Self::TurnBack { reason } => write!(f, "turn back: {}", Printable(reason)),
            Self::Accept { step, reason } => write!(f, "accept {step}: {}", Printable(reason)),
            Self::Answer { step, happened } => {
                let answer = if *happened { "it happened" } else { "it did not happen" };
                write!(f, "answer for {step}: {answer}")
            }
            Self::Evidence { files, .. } => {
                f.write_str("evidence:")?;
                files.iter().try_for_each(|file| write!(f, " {}", Printable(&file.name)))
            }
            Self::Pause { reason } => write!(f, "pause: {}", Printable(reason)),
            Self::End { state, reason } => write!(f, "end: {state}: {}", Printable(reason)),
            Self::TailRepaired { dropped } => {
                write!(f, "dropped a torn record of {dropped} bytes")
            }
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Do => "do",
            Self::Undo => "undo",
        })
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::AlreadyDone => "already done",
            Self::Adopted => "done in spite of a lost answer",
            Self::NotYet => "not yet",
            Self::Failed => "failed",
        })
    }
}
