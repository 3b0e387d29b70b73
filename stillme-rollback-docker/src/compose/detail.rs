//! What the executor observed of a project, as the strategy reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Observation, Release, Result, Secret};

use super::action::Orders;
use super::drift::Standing;
use super::names::ServiceName;
use super::sticky::{Change, Sticky};
use crate::names::ContainerId;

/// The detail of an observation of Compose services. It holds no configuration.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Detail {
    /// What an `up` and its undo would need, of the services that change.
    pub(super) orders: Orders,
    /// The services that run the target already.
    pub(super) there_already: Vec<ServiceName>,
    pub(super) services: BTreeMap<ServiceName, ServiceDetail>,
    /// The containers of the project's other services.
    pub(super) others: Vec<ContainerId>,
    /// Names of containers that an interrupted `up` left.
    pub(super) leftovers: Vec<String>,
    /// Where the configurations differ beside the images.
    pub(super) differences: Vec<String>,
    /// Services that share a namespace with one that changes and are not named.
    pub(super) dependents: Vec<String>,
    /// The tags of ours that are set already, with the image that each names.
    pub(super) protected: BTreeMap<String, String>,
    pub(super) sticky: Sticky,
    /// Whether the kept override is one that a bare `up` reads.
    pub(super) override_is_read: bool,
    pub(super) changes: Vec<Change>,
    /// The commands of an `up` and of its undo, for people.
    pub(super) by_hand: (String, String),
    pub(super) allow_drift: bool,
}

/// What was observed of one service.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ServiceDetail {
    pub(super) from: Release,
    pub(super) to: Release,
    /// The image's name in the files, as Compose resolves it.
    pub(super) said: String,
    pub(super) standing: Standing,
    pub(super) is_up: bool,
    /// How long its containers get to stop, in seconds.
    pub(super) grace: u64,
    pub(super) has_healthcheck: bool,
    /// Whether the target image has a name beside our tag.
    pub(super) target_is_named: bool,
}

impl Detail {
    /// The detail of an observation.
    ///
    /// # Errors
    /// `Corrupt` if it was made by another executor, or for no goal.
    pub(super) fn of(observation: &Observation) -> Result<Self> {
        Self::deserialize(observation.detail.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "read observation",
                "it is not one of Compose services with a goal",
            )
            .with_hint("nothing was touched; observe with ComposeExecutor::observe_for")
        })
    }

    pub(super) fn into_secret(self) -> Secret<Value> {
        // A map with string keys always becomes JSON.
        Secret::new(serde_json::to_value(self).unwrap_or_default())
    }
}
