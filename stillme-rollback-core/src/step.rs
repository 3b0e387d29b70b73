//! One step of a plan.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::facts::Condition;
use crate::id::StepId;

/// The phases of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No effect on users, and only on things that the run itself made. A failure costs no outage.
    Prepare,
    /// The one short moment that users can feel. A run never pauses in the middle of it.
    Switch,
    /// Decides. Changes nothing.
    Verify,
    /// Only after a pass: what can't be undone comes last.
    Commit,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare",
            Self::Switch => "switch",
            Self::Verify => "verify",
            Self::Commit => "commit",
        })
    }
}

/// What may be done when it is not known whether a step's request had its effect. Explicit, without
/// a default: a wrong guess either repeats a payment or loses a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The platform shows whether it is done: observe, then decide.
    Observable,
    /// The receiver knows the [`IdempotencyKey`](crate::IdempotencyKey): send it again.
    Keyed,
    /// A hook or a database step: never repeated by itself. In doubt, the run pauses and asks.
    AtMostOnce,
}

/// How a step is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// There is nothing to take back (a check, or a change that the undo of others covers).
    Nothing,
    /// Afterwards this holds. It must also hold when every earlier step is undone as well: the undo
    /// of "start" is satisfied by an instance that is gone.
    Restores(Condition),
    /// It can't be taken back. Only in [`Phase::Commit`], after everything that can.
    Impossible,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// One mutating request at most, by the [`Executor`](crate::Executor). The text is the
    /// executor's own: it wrote the plan's steps and reads them again.
    Apply(Action),
    /// The [`Verifier`](crate::Verifier) gives its verdict.
    Verdict,
}

/// An executor's instruction: a verb of its own, and what it needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Action {
    /// The verb: `create`, `stop`.
    pub verb: String,
    /// Its arguments. References, ids and hashes; never a secret.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub arguments: serde_json::Value,
}

impl Action {
    /// A verb and its arguments.
    pub fn new(verb: impl Into<String>, arguments: serde_json::Value) -> Self {
        Self { verb: verb.into(), arguments }
    }
}

/// One step: at most one mutating request, what holds before and after it, and how to take it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// Its name, unique within the plan.
    pub id: StepId,
    /// Its phase.
    pub phase: Phase,
    /// What may be done in doubt.
    pub kind: StepKind,
    /// One line for people, in the imperative: `stop web (3f2a…)`.
    pub title: String,
    /// What it does.
    pub work: Work,
    /// What must hold before it.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub expects: Condition,
    /// What it makes true. Empty for a verdict and for steps that no observation shows.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub makes: Condition,
    /// How it is taken back.
    pub undo: Undo,
    /// How long it may take, retries and waiting for its effect included.
    #[serde(with = "millis")]
    pub deadline: Duration,
    /// The command that does it by hand, for the operator of a run that is stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
    /// The command that undoes it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_by_hand: Option<String>,
}

impl Step {
    /// A step that an executor does. Thirty seconds unless [`with_deadline`](Self::with_deadline)
    /// says otherwise.
    pub fn apply(
        id: StepId,
        phase: Phase,
        kind: StepKind,
        title: impl Into<String>,
        action: Action,
    ) -> Self {
        Self {
            id,
            phase,
            kind,
            title: title.into(),
            work: Work::Apply(action),
            expects: Condition::new(),
            makes: Condition::new(),
            undo: Undo::Nothing,
            deadline: Duration::from_secs(30),
            by_hand: None,
            undo_by_hand: None,
        }
    }

    /// The step in which the verifier decides, for at most `deadline`.
    pub fn verdict(id: StepId, title: impl Into<String>, deadline: Duration) -> Self {
        let action = Action::new("verdict", serde_json::Value::Null);
        let mut step = Self::apply(id, Phase::Verify, StepKind::Observable, title, action);
        step.work = Work::Verdict;
        step.deadline = deadline;
        step
    }

    /// The same step with what must hold before it.
    #[must_use]
    pub fn expects(mut self, condition: Condition) -> Self {
        self.expects = condition;
        self
    }

    /// The same step with what it makes true.
    #[must_use]
    pub fn makes(mut self, condition: Condition) -> Self {
        self.makes = condition;
        self
    }

    /// The same step with how it is taken back.
    #[must_use]
    pub fn undo(mut self, undo: Undo) -> Self {
        self.undo = undo;
        self
    }

    /// The same step with another deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same step with the commands that do and undo it by hand.
    #[must_use]
    pub fn by_hand(mut self, command: impl Into<String>, undo: Option<String>) -> Self {
        self.by_hand = Some(command.into());
        self.undo_by_hand = undo;
        self
    }

    /// Whether the verifier decides in this step.
    pub fn is_verdict(&self) -> bool {
        matches!(self.work, Work::Verdict)
    }
}

/// Durations in a plan are whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
