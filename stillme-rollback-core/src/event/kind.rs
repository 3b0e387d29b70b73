//! The kinds of events.

use serde::{Deserialize, Serialize};

use crate::end::EndState;
use crate::fingerprint::Fingerprint;
use crate::id::StepId;
use crate::journal::{Attachment, Direction, ErrorNote, StepOutcome};
use crate::step::{Phase, Step};
use crate::target::{Release, Target};
use crate::verdict::Verdict;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// A run begins or goes on. Announces every step before the first is done.
    RunStarted(Box<RunStarted>),
    /// An attempt at a step begins: its request may be sent from now on.
    StepStarted {
        /// The step.
        step: StepId,
        /// Its phase.
        phase: Phase,
        /// Which attempt, from 1 in each direction.
        attempt: u32,
        /// Forward or back.
        direction: Direction,
    },
    /// A step is over: done, or given up.
    StepFinished {
        /// The step.
        step: StepId,
        /// Which attempt brought the end.
        attempt: u32,
        /// Forward or back.
        direction: Direction,
        /// What became of it, by observation.
        outcome: StepOutcome,
        /// Whether a request of it may still have an effect later.
        #[serde(default)]
        in_doubt: bool,
        /// Milliseconds since the step's first attempt in this life of the run.
        step_elapsed_ms: u64,
        /// Milliseconds since this attempt began in this life of the run.
        attempt_elapsed_ms: u64,
        /// What went wrong, if something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<ErrorNote>>,
    },
    /// An attempt showed no effect; there will be another. How long until then is told by
    /// [`Waiting`](Self::Waiting).
    Retrying {
        /// The step.
        step: StepId,
        /// Which attempt is over.
        attempt: u32,
        /// Forward or back.
        direction: Direction,
        /// Whether its request may still have an effect later.
        #[serde(default)]
        in_doubt: bool,
        /// Milliseconds since this attempt began in this life of the run.
        attempt_elapsed_ms: u64,
        /// What went wrong, if something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<ErrorNote>>,
    },
    /// The run waits: for a step's effect, before another attempt, for late effects at the end.
    Waiting {
        /// The step, if it is one's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
        /// What for: `for the effect of the request`.
        why: String,
        /// How long at most, in milliseconds, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
    },
    /// The verifier is asked.
    Verifying {
        /// The verify step.
        step: StepId,
        /// For the how-manieth time.
        attempt: u32,
    },
    /// The verifier answered.
    VerdictGiven {
        /// The verify step.
        step: StepId,
        /// The verdict with its checks and what they prove.
        verdict: Verdict,
        /// Milliseconds since the step before it was over, in this life of the run.
        step_elapsed_ms: u64,
    },
    /// The run turns back: from now on it undoes.
    TurnedBack {
        /// Why.
        reason: String,
    },
    /// An operator accepted an inconclusive verdict.
    Accepted {
        /// The verify step.
        step: StepId,
        /// Who and why.
        reason: String,
    },
    /// An operator said whether a step that must not be repeated has happened.
    Answered {
        /// The step.
        step: StepId,
        /// Whether it happened.
        happened: bool,
    },
    /// What a failed version left behind is stored.
    EvidenceKept {
        /// The files.
        files: Vec<Attachment>,
        /// What they show, in lines without secrets.
        summary: Vec<String>,
    },
    /// A torn record at the end of the journal was dropped. Nothing that was acknowledged is lost.
    TailRepaired {
        /// How many bytes it had.
        dropped_bytes: u64,
    },
    /// The run stops for now.
    Paused {
        /// Why.
        reason: String,
        /// The commands that go on with it or give it up, each with a shell comment.
        next: Vec<String>,
    },
    /// The end.
    Ended {
        /// The state in which the target is left.
        state: EndState,
        /// Why.
        reason: String,
    },
    /// Events were lost on the way to a slow observer: of this run, or of another that shares it.
    /// Stands outside the numbering, with the `seq` of the last one that was lost.
    Dropped {
        /// How many since the last time this was told.
        count: u64,
    },
    /// Something that a newer version tells and this one does not know.
    #[serde(other)]
    Unknown,
}

/// The opening of a run or of a further life of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunStarted {
    /// What is taken back.
    pub target: Target,
    /// What ran when the plan was made.
    pub from: Release,
    /// What shall run.
    pub to: Release,
    /// The strategy's name.
    pub strategy: String,
    /// The plan's fingerprint.
    pub fingerprint: Fingerprint,
    /// Every step, in order.
    pub steps: Vec<AnnouncedStep>,
    /// Who goes on with it, if it is not its first life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<String>,
}

/// A step before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnnouncedStep {
    /// Its name.
    pub id: StepId,
    /// Its phase.
    pub phase: Phase,
    /// One line for people.
    pub title: String,
    /// Whether an earlier life of the run has done it (and not undone it).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

impl AnnouncedStep {
    pub(super) fn of(step: &Step, done: bool) -> Self {
        Self { id: step.id.clone(), phase: step.phase, title: step.title.clone(), done }
    }
}

/// How much the loss of an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Without it the story is complete: a wait, a further attempt. Dropped first.
    Low,
    /// A turn of the story.
    High,
}

impl EventKind {
    /// How much its loss would matter.
    pub fn priority(&self) -> Priority {
        match self {
            Self::Retrying { .. }
            | Self::Waiting { .. }
            | Self::Verifying { .. }
            | Self::Unknown => Priority::Low,
            // The number of attempts is bounded by time only.
            Self::StepStarted { attempt, .. } if *attempt > 1 => Priority::Low,
            _ => Priority::High,
        }
    }

    /// Whether nothing follows it in this life of the run: it ended or paused.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Paused { .. })
    }
}
