//! What a step says, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, Plan, Result, Step, Work};

use crate::names::{ContainerId, ContainerName};

/// The container, in every step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) name: ContainerName,
    pub(super) id: ContainerId,
}

/// One step's instruction. Each has another one that takes it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum Verb {
    /// Takes the container off a network. The endpoint's settings are its way back.
    Leave { network: String, endpoint: Value },
    /// Connects it again.
    Join { network: String, endpoint: Value },
    /// The engine shall not start it by itself any more.
    Hold { policy: Value },
    /// It gets its restart policy back.
    Release { policy: Value },
    /// Stops it.
    Stop { grace_seconds: u64 },
    /// Starts it again.
    Start { grace_seconds: u64 },
}

#[derive(Serialize, Deserialize)]
struct Arguments {
    subject: Subject,
    #[serde(flatten)]
    verb: Verb,
}

/// What all verbs of this module begin with, so that no other executor takes them for its own.
const PREFIX: &str = "emergency-";

impl Verb {
    const fn word(&self) -> &'static str {
        match self {
            Self::Leave { .. } => "leave",
            Self::Join { .. } => "join",
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
            Self::Stop { .. } => "stop",
            Self::Start { .. } => "start",
        }
    }

    /// What takes it back.
    pub(super) fn reverse(self) -> Self {
        match self {
            Self::Leave { network, endpoint } => Self::Join { network, endpoint },
            Self::Join { network, endpoint } => Self::Leave { network, endpoint },
            Self::Hold { policy } => Self::Release { policy },
            Self::Release { policy } => Self::Hold { policy },
            Self::Stop { grace_seconds } => Self::Start { grace_seconds },
            Self::Start { grace_seconds } => Self::Stop { grace_seconds },
        }
    }

    /// The instruction as a plan keeps it.
    pub(super) fn action(&self, subject: &Subject) -> Action {
        let arguments = Arguments { subject: subject.clone(), verb: self.clone() };
        // Plain data with string keys always becomes JSON.
        let arguments = serde_json::to_value(arguments).unwrap_or_default();
        Action::new(format!("{PREFIX}{}", self.word()), arguments)
    }

    /// The instruction of a step, and what it is about.
    ///
    /// # Errors
    /// `Unsupported` if the step is none of this module.
    pub(super) fn of(step: &Step) -> Result<(Self, Subject)> {
        let Work::Apply(action) = &step.work else { return Err(unknown("a verdict")) };
        if !action.verb.starts_with(PREFIX) {
            return Err(unknown(&action.verb));
        }
        let read = Arguments::deserialize(&action.arguments);
        read.map(|read| (read.verb, read.subject)).map_err(|_| unknown(&action.verb))
    }
}

impl Subject {
    /// What a plan is about.
    pub(super) fn of(plan: &Plan) -> Result<Self> {
        let first = plan.steps.first().ok_or_else(|| unknown("an empty plan"))?;
        Verb::of(first).map(|(_, subject)| subject)
    }
}

/// The networks that a plan's steps are about.
pub(super) fn networks(plan: &Plan) -> Result<Vec<String>> {
    let mut networks = Vec::new();
    for step in &plan.steps {
        if let (Verb::Leave { network, .. } | Verb::Join { network, .. }, _) = Verb::of(step)? {
            networks.push(network);
        }
    }
    Ok(networks)
}

fn unknown(verb: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "read step",
        format!("`{verb}` is no step of an emergency of this version"),
    )
    .with_hint("use the version that made the plan")
}
