//! What a journal holds.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Attachment;
use crate::end::EndState;
use crate::error::{Error, chain};
use crate::facts::Facts;
use crate::fingerprint::Fingerprint;
use crate::id::StepId;
use crate::plan::Plan;
use crate::verdict::Verdict;

/// One record.
///
/// It is written as it is here, and read by [`Chain::read`](super::Chain::read) alone, which checks it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// Its number within the run, from 0.
    pub seq: u64,
    /// Which life of the run wrote it: 1, and one more for each resume.
    pub epoch: u32,
    /// When, for people, in whole milliseconds. Decisions never read it.
    #[serde(serialize_with = "super::rfc3339::serialize", rename = "ts")]
    pub at: SystemTime,
    /// Milliseconds since this life of the run began, monotonic. For people as well.
    pub elapsed_ms: u64,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Record {
    /// A record. What `at` has beyond whole milliseconds is dropped, as it would be on disk.
    pub fn new(seq: u64, epoch: u32, at: SystemTime, elapsed_ms: u64, entry: Entry) -> Self {
        Self { seq, epoch, at: super::rfc3339::to_millis(at), elapsed_ms, entry }
    }
}

/// Forward, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Doing a step.
    Do,
    /// Taking it back.
    Undo,
}

/// What a record says. An entry that this version does not know is an error, never skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// Tag before content: serde reads this without a buffer in between, so numbers of every size survive,
// whatever features of serde_json the rest of a build has switched on.
#[serde(tag = "type", content = "data", rename_all = "kebab-case")]
pub enum Entry {
    /// The run begins.
    Begin {
        /// What it does.
        plan: Arc<Plan>,
        /// The plan's fingerprint.
        fingerprint: Fingerprint,
    },
    /// Another process goes on with the run.
    Resumed {
        /// Who, for people.
        by: String,
    },
    /// A step's request may be sent from now on.
    Intent {
        /// The step.
        step: StepId,
        /// Which attempt, from 1 in each direction.
        attempt: u32,
        /// Forward or back.
        direction: Direction,
    },
    /// What was seen after an attempt.
    Result {
        /// The step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// Forward or back.
        direction: Direction,
        /// What became of it.
        outcome: StepOutcome,
        /// Whether the request may still have an effect later.
        #[serde(default)]
        in_doubt: bool,
        /// What was observed.
        #[serde(default)]
        facts: Facts,
        /// What went wrong, if something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorNote>,
    },
    /// The verifier's verdict.
    Verdict {
        /// The verify step.
        step: StepId,
        /// The verdict.
        verdict: Verdict,
    },
    /// The run turns back, and never turns again.
    TurnBack {
        /// Why.
        reason: String,
    },
    /// An operator accepted an inconclusive verdict.
    Accept {
        /// The verify step.
        step: StepId,
        /// Who and why, for people.
        reason: String,
    },
    /// An operator said whether a step that must not be repeated has happened.
    Answer {
        /// The step.
        step: StepId,
        /// Whether it happened.
        happened: bool,
    },
    /// What a failed version left behind, stored beside the journal.
    Evidence {
        /// The files.
        files: Vec<Attachment>,
        /// What they show, in lines that hold no secrets.
        summary: Vec<String>,
    },
    /// The run stops for now.
    Pause {
        /// Why, and how to go on.
        reason: String,
    },
    /// The end.
    End {
        /// The state that it leaves.
        state: EndState,
        /// Why.
        reason: String,
    },
    /// A torn record at the end was dropped.
    TailRepaired {
        /// How many bytes it had.
        dropped: u64,
    },
}

/// What became of an attempt, by observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// The request was sent and its effect seen.
    Changed,
    /// It was so already: no request was sent.
    AlreadyDone,
    /// The answer was lost or an error, and its effect is there all the same.
    Adopted,
    /// No effect is seen; it will be tried again.
    NotYet,
    /// No effect, and no further attempt.
    Failed,
}

impl StepOutcome {
    /// Whether the step is done.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Changed | Self::AlreadyDone | Self::Adopted)
    }
}

/// An error as it is kept: text of the whole chain, outermost first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorNote {
    /// What happened.
    pub message: String,
    /// What caused it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl ErrorNote {
    /// A note of something that is no [`Error`].
    pub fn text(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new() }
    }
}

impl From<&Error> for ErrorNote {
    fn from(error: &Error) -> Self {
        let mut lines = chain(error);
        let message = lines.remove(0);
        Self { message, causes: lines }
    }
}
