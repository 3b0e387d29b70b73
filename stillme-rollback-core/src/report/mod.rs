//! The report of a run: its story and its end, the same live and from a journal.
//!
//! A report is a pure function of the journal's records, so that what a tool prints when a run ends
//! and what `rollback show` prints a year later can't differ.
//!
//! # No secrets
//! Reports are made of journal records, whose types can't hold a [`Secret`](crate::Secret): a
//! secret has no `Debug` and no `Serialize`, and every report has both. A type with a secret in it
//! can't even be written down:
//!
//! ```compile_fail
//! #[derive(Debug, serde::Serialize)]
//! struct Leak {
//!     report: stillme_rollback_core::report::Report,
//!     token: stillme_rollback_core::Secret<String>,
//! }
//! ```
//!
//! ```
//! #[derive(Debug, serde::Serialize)]
//! struct NoLeak {
//!     report: stillme_rollback_core::report::Report,
//!     token: String,
//! }
//! ```

pub(crate) mod commands;
mod fold;
pub(crate) mod moment;
#[cfg(test)]
pub(crate) mod story;
mod text;

use serde::{Deserialize, Serialize};

use crate::end::EndState;
use crate::error::Result;
use crate::facts::Foreign;
use crate::fingerprint::Fingerprint;
use crate::id::{RunId, StepId};
use crate::journal::{Attachment, ErrorNote, Record, StepOutcome};
use crate::plan::Purpose;
use crate::step::Phase;
use crate::target::{Release, Target};
use crate::verdict::Verdict;

pub(crate) use self::fold::Fold;

/// The exit code of a run that has no end yet: that of any error.
const UNFINISHED_EXIT_CODE: u8 = 1;

/// What a run did, what it left, and what is left to do.
///
/// `Display` is for people: its first line is the verdict on the whole. The JSON is stable: fields
/// are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// The state in which it left the target. `None` while it works, and after a crash.
    pub state: Option<EndState>,
    /// The exit code of that state; 1 without one.
    pub exit_code: u8,
    /// Why it ended or paused.
    pub reason: Option<String>,
    /// What was to be taken back.
    pub target: Target,
    /// What ran before.
    pub from: Release,
    /// What was to run.
    pub to: Release,
    /// The strategy's name.
    pub strategy: String,
    /// What it did, if it took nothing back to another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The plan's fingerprint.
    pub fingerprint: Fingerprint,
    /// When it began, in milliseconds since 1970 (UTC).
    pub began_ms: u64,
    /// When its latest record was written, in milliseconds since 1970 (UTC).
    pub latest_ms: u64,
    /// How long its lives lasted together, in milliseconds.
    pub elapsed_ms: u64,
    /// Its lives: one, and one more for each resume.
    pub lives: Vec<Life>,
    /// Its steps, in the plan's order.
    pub steps: Vec<StepReport>,
    /// The latest verdict.
    pub verdict: Option<Verdict>,
    /// How sure it is that the version that it went to works.
    pub assurance: Assurance,
    /// Who accepted an inconclusive verdict, and why.
    pub accepted: Option<String>,
    /// Why it turned back, if it did.
    pub turned_back: Option<String>,
    /// What was found of somebody else's deploy.
    pub foreign: Option<Foreign>,
    /// What a failed version left behind.
    pub evidence: Vec<Attachment>,
    /// What that shows, in lines without secrets.
    pub evidence_summary: Vec<String>,
    /// The bytes of a torn record that was dropped from the end of the journal.
    pub repaired_bytes: u64,
    /// What is left to do by hand, in this order: lines for a shell, comments begin with `#`.
    pub remaining: Vec<String>,
    /// What can be done next: lines for a shell, comments begin with `#`.
    pub next: Vec<String>,
}

impl Report {
    /// The report of a run from its records.
    ///
    /// # Errors
    /// `Corrupt` naming the record that can't follow the ones before it.
    pub fn from_records(run: RunId, records: &[Record]) -> Result<Self> {
        fold::report(run, records)
    }
}

/// One life of a run: from its begin or a resume to its end, pause or crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Life {
    /// Its number, from 1.
    pub epoch: u32,
    /// Who resumed it. `None` for the first.
    pub by: Option<String>,
    /// When it began, in milliseconds since 1970 (UTC).
    pub began_ms: u64,
    /// How long it lasted by its latest record, in milliseconds.
    pub elapsed_ms: u64,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepReport {
    /// Its name.
    pub id: StepId,
    /// Its phase.
    pub phase: Phase,
    /// One line for people.
    pub title: String,
    /// Whether the verifier decided in it.
    pub is_verdict: bool,
    /// Where it stands.
    pub standing: Standing,
    /// What became of the latest attempt at doing it.
    pub outcome: Option<StepOutcome>,
    /// How many attempts at doing it there were; for a verdict, how many answers.
    pub attempts: u32,
    /// How long doing it took, over all lives, in milliseconds.
    pub elapsed_ms: u64,
    /// How many attempts at undoing it there were.
    pub undo_attempts: u32,
    /// How long undoing it took, over all lives, in milliseconds.
    pub undo_elapsed_ms: u64,
    /// Whether a request of it may still have an effect that nobody saw.
    pub in_doubt: bool,
    /// The latest thing that went wrong with it, even if it went well later.
    pub error: Option<ErrorNote>,
}

/// Where a step stands, as far as the journal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Standing {
    /// Nothing was sent.
    NotReached,
    /// Something was sent and no result was written; or the verifier is undecided.
    Unfinished,
    /// It is done, or its verdict passed or was accepted.
    Done,
    /// It failed, or its verdict did.
    Failed,
    /// It was taken back.
    Undone,
    /// Taking it back failed for good.
    UndoFailed,
}

/// How sure a run is that the version that it went to works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Assurance {
    /// There was no verdict.
    None,
    /// Every check passed.
    Verified,
    /// Every check passed, and at least one says itself that it proves little.
    Weak,
    /// An operator accepted a verdict that proved nothing.
    Accepted,
    /// The verdict stayed inconclusive.
    Unproven,
    /// The verdict was that it does not work.
    Failed,
}

#[cfg(test)]
mod tests;
