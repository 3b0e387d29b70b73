//! The verbs of this crate's plans: what a step tells the executor, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, Result, Run, Step, Work};

use crate::history::Revision;
use crate::names::{ObjectName, Uid};

/// A version of a workload, by what can't be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// The hash that names it.
    pub(crate) hash: String,
    /// Its number when the plan was made.
    pub(crate) number: i64,
    /// What keeps its template.
    pub(crate) kept_in: ObjectName,
    /// The uid of that.
    pub(crate) uid: Uid,
    /// The keyed digest of its template.
    pub(crate) digest: String,
}

impl From<&Revision> for Version {
    fn from(revision: &Revision) -> Self {
        Self {
            hash: revision.hash.clone(),
            number: revision.number,
            kept_in: revision.name.clone(),
            uid: revision.uid.clone(),
            digest: revision.digest.clone(),
        }
    }
}

/// What annotations of ours said before a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left: Option<String>,
}

/// What a plan is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// What runs now.
    pub(crate) from: Version,
    /// What shall run.
    pub(crate) to: Version,
    /// What our annotations said before.
    #[serde(default)]
    pub(crate) before: Marks,
}

/// One step's instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "arguments", rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Puts a version's template into the workload.
    SetTemplate(Box<Order>),
    /// Notes that a version was verified.
    MarkVerified { hash: String },
}

impl Verb {
    /// The instruction as a plan keeps it.
    pub(crate) fn action(&self) -> Action {
        // An enum of plain data always becomes JSON.
        let value = serde_json::to_value(self).unwrap_or_default();
        let verb = value.get("verb").and_then(Value::as_str).unwrap_or_default().to_owned();
        Action::new(verb, value.get("arguments").cloned().unwrap_or_default())
    }

    /// The instruction of a step.
    ///
    /// # Errors
    /// `Unsupported` if the step is not one of this crate.
    pub(crate) fn of(step: &Step) -> Result<Self> {
        let Work::Apply(action) = &step.work else { return Err(unknown("a verdict")) };
        let value = serde_json::json!({ "verb": action.verb, "arguments": action.arguments });
        serde_json::from_value(value).map_err(|_| unknown(&action.verb))
    }
}

impl Order {
    /// What a run's plan orders.
    ///
    /// # Errors
    /// `Unsupported` if the plan is not one of this crate.
    pub(crate) fn of(run: &Run) -> Result<Self> {
        for step in run.plan.steps.iter().filter(|step| !step.is_verdict()) {
            if let Verb::SetTemplate(order) = Verb::of(step)? {
                return Ok(*order);
            }
        }
        Err(Error::new(ErrorKind::Unsupported, "read plan", "the plan sets no template")
            .with_hint("use the version that made the plan"))
    }
}

fn unknown(verb: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "read step", format!("`{verb}` is no step of this version"))
        .with_hint("use the version that made the plan")
}

#[cfg(test)]
mod tests {
    use stillme_rollback_core::{Phase, StepId, StepKind};

    use super::*;

    fn version(hash: &str) -> Version {
        Version {
            hash: hash.to_owned(),
            number: 1,
            kept_in: ObjectName::new(format!("web-{hash}")).unwrap(),
            uid: Uid::new("u"),
            digest: "d".to_owned(),
        }
    }

    #[test]
    fn every_verb_survives_a_plan() {
        let before = Marks { run: Some("r".to_owned()), left: None };
        for verb in [
            Verb::SetTemplate(Box::new(Order { from: version("a"), to: version("b"), before })),
            Verb::MarkVerified { hash: "b".to_owned() },
        ] {
            let id = StepId::new("x").unwrap();
            let step = Step::apply(id, Phase::Switch, StepKind::Observable, "x", verb.action());
            let text = serde_json::to_string(&step).unwrap();
            assert_eq!(Verb::of(&serde_json::from_str(&text).unwrap()).unwrap(), verb);
        }
    }
}
