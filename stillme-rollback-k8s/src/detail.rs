//! What a strategy gets to know of a workload, beside its releases.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result, Secret};

use crate::action::Slot;
use crate::history::History;

/// The workload as the server has it, its history, and what the preflight found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Detail {
    pub(crate) workload: Value,
    pub(crate) history: History,
    pub(crate) preflight: Preflight,
    /// Its pods, where some may be for us to replace.
    pub(crate) pods: Vec<PodSeen>,
}

/// A pod as it was before there is a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PodSeen {
    pub(crate) slot: Slot,
    /// The label that tells its version.
    pub(crate) version: String,
}

/// What was asked of the server before there is a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preflight {
    /// What a step or its undo needs and one may not do.
    pub(crate) denied: Vec<String>,
    /// What could not be looked at, and so is not known.
    pub(crate) not_checked: Vec<String>,
    /// What the server said of the patch, if it refused it.
    pub(crate) rehearsal: Option<String>,
    /// ConfigMaps and Secrets that the target needs and that are not there.
    pub(crate) missing: Vec<String>,
    /// Who scales the workload.
    pub(crate) autoscalers: Vec<String>,
    /// Whether pods could be deleted, where that may be needed.
    pub(crate) may_delete_pods: bool,
}

impl Detail {
    pub(crate) fn into_secret(self) -> Secret<Value> {
        // A struct of plain data always becomes JSON.
        Secret::new(serde_json::to_value(self).unwrap_or_default())
    }

    pub(crate) fn of(detail: &Secret<Value>) -> Result<Self> {
        serde_json::from_value(detail.expose().clone()).map_err(|_| {
            Error::new(
                ErrorKind::InvalidInput,
                "plan rollback",
                "the observation is not one of this crate's executor",
            )
            .with_hint("nothing was touched")
        })
    }
}
