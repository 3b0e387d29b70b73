//! The verbs of this crate's plans: what a step tells the executor, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, Result, Run, Step, Work};

use crate::history::Revision;
use crate::names::{Kind, ObjectName, Uid};

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
    /// The digest of the workload's own template, where it says the same in other words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) live: Option<String>,
}

impl Version {
    /// Whether a workload's template with this digest is this version.
    pub(crate) fn is(&self, digest: &str) -> bool {
        self.digest == digest || self.live.as_deref() == Some(digest)
    }

    /// The value of its pods' label.
    pub(crate) fn pod_label(&self, kind: Kind) -> &str {
        kind.pod_label_of(&self.hash, self.kept_in.as_str())
    }
}

impl From<&Revision> for Version {
    fn from(revision: &Revision) -> Self {
        Self {
            hash: revision.hash.clone(),
            number: revision.number,
            kept_in: revision.name.clone(),
            uid: revision.uid.clone(),
            digest: revision.digest.clone(),
            live: revision.live.clone(),
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
    /// Whether it was paused, which would keep its controller from going back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_paused: bool,
    /// Which pods are for us to replace.
    #[serde(default)]
    pub(crate) ours_to_replace: Replaced,
    /// The pods that are, where the controller replaces none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slots: Vec<Slot>,
}

/// Which pods a run deletes, so that the controller makes them anew from the template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Replaced {
    /// None: the controller replaces them.
    #[default]
    None,
    /// Those that are stuck: not ready, at the version that is left. A StatefulSet waits for them and never replaces
    /// them itself.
    Stuck,
    /// Each one: the workload's strategy is `OnDelete`.
    All,
}

/// A pod's place in its workload, which another pod takes when it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// Where: the name that a StatefulSet gives again, or the node.
    pub(crate) place: String,
    /// The pod that was there when the plan was made.
    pub(crate) pod: ObjectName,
    /// Its uid.
    pub(crate) uid: Uid,
    /// Whether it was ready then.
    pub(crate) ready: bool,
}

/// One step's instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "arguments", rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Puts a version's template into the workload.
    SetTemplate(Box<Order>),
    /// Deletes the pods that are stuck at the version that is left.
    FreeStuckPods,
    /// Deletes a pod whose controller leaves that to others.
    ReplacePod { slot: Slot },
    /// Does nothing; its undo lets the controller make the pod of before again, once the template is back.
    GiveBackPod { slot: Slot },
    /// Lets the controller go to the version without steps, pauses and analyses.
    PromoteFull,
    /// Does nothing; its undo lets the controller go back without them, once the template is back.
    PromoteBack,
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
        let mut value = serde_json::json!({ "verb": action.verb });
        if !action.arguments.is_null() {
            value["arguments"] = action.arguments.clone();
        }
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
            live: None,
        }
    }

    #[test]
    fn every_verb_survives_a_plan() {
        let before = Marks { run: Some("r".to_owned()), left: None };
        let slot = Slot {
            place: "db-0".to_owned(),
            pod: ObjectName::new("db-0").unwrap(),
            uid: Uid::new("p"),
            ready: true,
        };
        for verb in [
            Verb::SetTemplate(Box::new(Order {
                from: version("a"),
                to: version("b"),
                before,
                was_paused: true,
                ours_to_replace: Replaced::All,
                slots: vec![slot.clone()],
            })),
            Verb::FreeStuckPods,
            Verb::PromoteFull,
            Verb::PromoteBack,
            Verb::ReplacePod { slot: slot.clone() },
            Verb::GiveBackPod { slot },
            Verb::MarkVerified { hash: "b".to_owned() },
        ] {
            let id = StepId::new("x").unwrap();
            let step = Step::apply(id, Phase::Switch, StepKind::Observable, "x", verb.action());
            let text = serde_json::to_string(&step).unwrap();
            assert_eq!(Verb::of(&serde_json::from_str(&text).unwrap()).unwrap(), verb);
        }
    }
}
