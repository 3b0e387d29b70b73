//! The container as it is seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, ImageRef, Observation, Release, Result, Secret, Version,
};

use super::action::Verb;
use crate::detail::{self, EngineDetail, text};
use crate::names::{ContainerId, ContainerName};
use crate::recreate::{self, Connect};
use crate::{recipe, scene};

/// What was observed. It holds environment values: it stays in memory.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) name: ContainerName,
    pub(super) engine: EngineDetail,
    pub(super) container: Value,
    pub(super) image: Value,
    /// The names of the engine's containers by id.
    pub(super) names: BTreeMap<String, String>,
    /// Whether its first process does not hear its stop signal.
    pub(super) deaf: bool,
}

impl Seen {
    pub(super) fn of(observation: &Observation) -> Result<Self> {
        Self::deserialize(observation.detail.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "read observation",
                "the observation is not one of a container in an emergency",
            )
            .with_hint("nothing was touched")
        })
    }

    pub(super) fn into_detail(self) -> Secret<Value> {
        // Plain data with string keys always becomes JSON.
        Secret::new(serde_json::to_value(self).unwrap_or_default())
    }

    pub(super) fn id(&self) -> Result<ContainerId> {
        ContainerId::new(text(&self.container, "/Id"))
    }

    pub(super) fn runs(&self) -> bool {
        scene::is_up(text(&self.container, "/State/Status"))
    }

    pub(super) fn is_auto_removed(&self) -> bool {
        self.container.pointer("/HostConfig/AutoRemove") == Some(&Value::Bool(true))
    }

    pub(super) fn network_mode(&self) -> &str {
        text(&self.container, "/HostConfig/NetworkMode")
    }

    /// In seconds. What does not hear the signal would only go on until it is killed.
    pub(super) fn grace(&self) -> u64 {
        if self.deaf { 0 } else { recipe::grace(&self.container) }
    }

    /// The networks that it is on, the primary one first, each with what its user set there.
    pub(super) fn endpoints(&self) -> Result<Vec<Connect>> {
        let source = detail::source(&self.engine, &self.container, &self.image, &self.names)?;
        let itself = detail::replacement(text(&self.container, "/Config/Image"), &self.image);
        Ok(recreate::recreate(&source, &itself)?.endpoints)
    }

    /// Whether what an instruction makes true is seen.
    pub(super) fn shows(&self, verb: &Verb) -> bool {
        let networks = scene::networks(&self.container);
        let is_held = scene::restart_fact(&self.container) == "held";
        match verb {
            Verb::Leave { network, .. } => !networks.contains(network),
            Verb::Join { network, .. } => networks.contains(network),
            Verb::Hold { .. } => is_held,
            Verb::Release { .. } => !is_held,
            Verb::Stop { .. } => !self.runs(),
            Verb::Start { .. } => self.runs(),
        }
    }

    /// What it runs.
    pub(super) fn release(&self) -> Result<Release> {
        let release = Release::new(Version::new(text(&self.container, "/Image"))?);
        // One that was made from an id has no name to show.
        Ok(match text(&self.container, "/Config/Image").parse::<ImageRef>() {
            Ok(image) => release.with_image(image),
            Err(_) => release,
        })
    }
}
