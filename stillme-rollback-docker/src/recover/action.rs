//! The verbs of a recovery, as its plan keeps them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, Result, Run, Step, Work};

use crate::names::{ContainerId, ContainerName};

/// What a recovery is about. It stands in every step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    /// The service's name.
    pub(super) name: ContainerName,
    /// The container that the run was to replace, if it is still there.
    pub(super) old: Option<ContainerId>,
    /// The container that the run made.
    pub(super) new: ContainerId,
    /// The name under which it waits.
    pub(super) waiting: ContainerName,
    /// The name under which the old one was put aside, if it was.
    pub(super) aside: Option<ContainerName>,
}

/// One step's instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Stops the new container.
    StopNew,
    /// The old container gets its name back.
    NameOld,
    /// Starts the old container.
    StartOld,
    /// The old container gets its restart policy back.
    ReleaseOld { policy: Value },
    /// The new container gets the name.
    NameNew,
    /// Removes the new container.
    RemoveNew,
}

#[derive(Serialize, Deserialize)]
struct Arguments {
    subject: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Value>,
}

impl Verb {
    const fn word(&self) -> &'static str {
        match self {
            Self::StopNew => "recover-stop-new",
            Self::NameOld => "recover-name-old",
            Self::StartOld => "recover-start-old",
            Self::ReleaseOld { .. } => "recover-release-old",
            Self::NameNew => "recover-name-new",
            Self::RemoveNew => "recover-remove-new",
        }
    }

    /// The instruction as a plan keeps it.
    pub(super) fn action(&self, subject: &Subject) -> Action {
        let policy = match self {
            Self::ReleaseOld { policy } => Some(policy.clone()),
            _ => None,
        };
        let arguments = Arguments { subject: subject.clone(), policy };
        // Plain data with string keys always becomes JSON.
        Action::new(self.word(), serde_json::to_value(arguments).unwrap_or_default())
    }

    /// The instruction of a step, and what it is about.
    pub(super) fn of(step: &Step) -> Result<(Self, Subject)> {
        let Work::Apply(action) = &step.work else { return Err(unknown("a verdict")) };
        let Arguments { subject, policy } =
            Arguments::deserialize(&action.arguments).map_err(|_| unknown(&action.verb))?;
        let verb = match (action.verb.as_str(), policy) {
            ("recover-stop-new", None) => Self::StopNew,
            ("recover-name-old", None) => Self::NameOld,
            ("recover-start-old", None) => Self::StartOld,
            ("recover-release-old", Some(policy)) => Self::ReleaseOld { policy },
            ("recover-name-new", None) => Self::NameNew,
            ("recover-remove-new", None) => Self::RemoveNew,
            (other, _) => return Err(unknown(other)),
        };
        Ok((verb, subject))
    }
}

impl Subject {
    /// What a run's plan is about.
    pub(super) fn of(run: &Run) -> Result<Self> {
        let first = run.plan.steps.iter().find(|step| !step.is_verdict());
        first.ok_or_else(|| unknown("an empty plan")).and_then(Verb::of).map(|(_, subject)| subject)
    }
}

fn unknown(verb: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "read step",
        format!("`{verb}` is no step of a recovery of this version"),
    )
    .with_hint("use the version that made the plan")
}
