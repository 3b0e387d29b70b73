//! What a Compose plan's steps tell the executor, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, ImageRef, Result, Run, Step, Work};

use super::command::ComposeId;
use super::definition::Definition;
use super::names::{ServiceName, Services};
use super::overlay::Overlay;
use super::sticky::Change;
use crate::names::ImageId;

/// All that an `up` and its undo need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) compose: ComposeId,
    pub(super) definition: Definition,
    pub(super) services: BTreeMap<ServiceName, Order>,
    /// The `version` that overlays repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<Value>,
}

/// What happens to one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) from: ImageId,
    pub(super) to: ImageId,
    /// The target image's name in the overlay.
    pub(super) reference: String,
    /// The keyed hash of the configuration hash that containers of the target have.
    pub(super) hash: String,
    pub(super) back: Back,
    pub(super) replicas: usize,
}

/// The way back of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Back {
    /// The image's name with which it runs before.
    pub(super) reference: String,
    /// Whether the files alone say that name, so that no overlay is needed.
    pub(super) by_files: bool,
    /// The tag that names the image whatever becomes of its name.
    pub(super) tag: ImageRef,
}

impl Orders {
    /// What a run's plan orders.
    ///
    /// # Errors
    /// `Unsupported` if the plan is none of Compose.
    pub(super) fn of(run: &Run) -> Result<Self> {
        for step in &run.plan.steps {
            if let Ok(Verb::Up(orders)) = Verb::of(step) {
                return Ok(*orders);
            }
        }
        Err(Error::new(ErrorKind::Unsupported, "read plan", "the plan brings no services up")
            .with_hint("use the version that made the plan"))
    }

    /// The services that change.
    pub(super) fn names(&self) -> Result<Services> {
        Services::new(self.services.keys().cloned())
    }

    /// What is laid over the files on the way forward.
    pub(super) fn forward(&self) -> Overlay {
        let begin = Overlay::new(self.version.clone());
        self.services
            .iter()
            .fold(begin, |overlay, (service, order)| overlay.with(service, &order.reference))
    }

    /// How many replicas each service has and keeps.
    pub(super) fn replicas(&self) -> BTreeMap<ServiceName, usize> {
        self.services.iter().map(|(service, order)| (service.clone(), order.replicas)).collect()
    }
}

/// One step's instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "arguments", rename_all = "kebab-case")]
pub(super) enum Verb {
    /// Gives an image a tag of ours, so that no prune takes it.
    ComposeProtect { image: ImageId, tag: ImageRef },
    /// Brings the services up from their target images.
    Up(Box<Orders>),
    /// Edits a file of the project, so that the next `up` keeps the target.
    Persist(Box<Change>),
}

impl Verb {
    /// The instruction as a plan keeps it.
    pub(super) fn action(&self) -> Action {
        // An enum of plain data always becomes JSON.
        let value = serde_json::to_value(self).unwrap_or_default();
        let verb = value.get("verb").and_then(Value::as_str).unwrap_or_default().to_owned();
        Action::new(verb, value.get("arguments").cloned().unwrap_or_default())
    }

    /// The instruction of a step.
    ///
    /// # Errors
    /// `Unsupported` if the step is none of Compose.
    pub(super) fn of(step: &Step) -> Result<Self> {
        let unknown = |verb: &str| {
            let message = format!("`{verb}` is no step of Compose in this version");
            Error::new(ErrorKind::Unsupported, "read step", message)
                .with_hint("use the version that made the plan")
        };
        let Work::Apply(action) = &step.work else { return Err(unknown("a verdict")) };
        let value = serde_json::json!({"verb": action.verb, "arguments": action.arguments});
        serde_json::from_value(value).map_err(|_| unknown(&action.verb))
    }
}
