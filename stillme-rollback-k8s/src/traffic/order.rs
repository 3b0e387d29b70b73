//! What a plan of this kind is about, and its steps' instructions, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, Result, Run, Step, Work};

use crate::names::{Namespace, ObjectName, Uid};

/// A Deployment by what can't be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) name: ObjectName,
    pub(crate) uid: Uid,
    /// The keyed digest of its template.
    pub(crate) digest: String,
    /// The hash of its pods.
    pub(crate) hash: String,
    /// How many pods it had when the plan was made.
    pub(crate) replicas: i64,
    /// How many it shall have while requests are moved to it, or after they were moved away.
    pub(crate) wanted: i64,
    /// Whether an autoscaler decides how many it has, as soon as it has one.
    #[serde(default)]
    pub(crate) autoscaled: bool,
}

/// What a Service selects by: the one key that tells the sides apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) service: ObjectName,
    pub(crate) uid: Uid,
    pub(crate) key: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// The digest of all else that it selects by.
    pub(crate) rest: String,
    /// The run that pointed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
}

/// What a plan orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) namespace: Namespace,
    /// What serves now and shall not.
    pub(crate) from: Side,
    /// What shall serve.
    pub(crate) to: Side,
    /// The Service that is pointed elsewhere; none where both sides are behind the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<Pointer>,
}

/// Which side a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Which {
    From,
    To,
}

/// One step's instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "arguments", rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Scales a side to what is wanted of it; the first step has the whole order.
    Scale { which: Which, order: Box<Order> },
    /// Waits until the side that shall serve is ready.
    AwaitReady { order: Box<Order> },
    /// Points the Service to it.
    Point,
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
    /// `Unsupported` if the step is not one of these.
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
    /// `Unsupported` if the plan is none of these.
    pub(crate) fn of(run: &Run) -> Result<Self> {
        for step in run.plan.steps.iter().filter(|step| !step.is_verdict()) {
            match Verb::of(step)? {
                Verb::Scale { order, .. } | Verb::AwaitReady { order } => return Ok(*order),
                Verb::Point => {}
            }
        }
        Err(unknown("a plan without an order"))
    }

    pub(crate) const fn side(&self, which: Which) -> &Side {
        match which {
            Which::From => &self.from,
            Which::To => &self.to,
        }
    }
}

fn unknown(verb: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "read step", format!("`{verb}` is no step of this version"))
        .with_hint("use the version that made the plan")
}
