//! What a run left, as it is seen on the engine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, ImageRef, Observation, Release, Result, Secret, Version,
};

use crate::detail::text;
use crate::inspect::{self, State};
use crate::names::{
    ContainerId, ContainerName, ImageId, LABEL_FROM, LABEL_PROXY, LABEL_RUN, LABEL_STANDS_FOR, Role,
};
use crate::{recipe, scene};

/// The containers that a run left, and who has the service's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Left {
    /// The service's name.
    pub(super) name: ContainerName,
    /// The containers that wait under the temporary name of a run.
    pub(super) waiting: Vec<Seen>,
    /// Who has the service's name.
    pub(super) service: Option<Seen>,
    /// The container that the only waiting one replaces, wherever it is.
    pub(super) old: Option<Seen>,
    /// The containers that the run recreated because they hold on to the service, or that hold on to
    /// another one: a run of that one.
    #[serde(default)]
    pub(super) beside: Vec<String>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) id: ContainerId,
    pub(super) name: ContainerName,
    pub(super) image: ImageId,
    /// What it was made from, as its maker wrote it.
    pub(super) image_name: String,
    pub(super) standing: Standing,
    /// Its restart policy, in the engine's JSON.
    pub(super) policy: Value,
    /// How long it gets to stop, in seconds.
    pub(super) grace: u64,
    /// The run that made it.
    pub(super) run: Option<String>,
    /// The container that it replaces.
    pub(super) from: Option<ContainerId>,
    /// The proxy whose traffic the run was to move to it.
    #[serde(default)]
    pub(super) proxy: Option<String>,
    /// Whether it is a copy that stands in for a container that its stop deleted.
    pub(super) stands_in: bool,
}

/// How a container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// It never ran.
    Created,
    /// It runs, and nothing speaks against it.
    Up,
    /// It runs, and was restarted by its engine or is called unhealthy.
    Doubtful,
    /// It does not run.
    Down,
}

impl Standing {
    pub(super) const fn runs(self) -> bool {
        matches!(self, Self::Up | Self::Doubtful)
    }
}

impl Seen {
    /// A container from the engine's answer.
    pub(super) fn read(container: &Value) -> Result<Self> {
        let label = |name: &str| {
            let labels = container.pointer("/Config/Labels")?;
            labels.get(name)?.as_str().map(str::to_owned)
        };
        let name = inspect::name(container).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "read the engine's answer", "a container has no name")
        })?;
        Ok(Self {
            id: inspect::id(container)?,
            name,
            image: inspect::image_id(container)?,
            image_name: text(container, "/Config/Image").to_owned(),
            standing: standing(container),
            policy: container.pointer("/HostConfig/RestartPolicy").cloned().unwrap_or_default(),
            grace: recipe::grace(container),
            run: label(LABEL_RUN),
            from: label(LABEL_FROM).and_then(|id| ContainerId::new(id).ok()),
            proxy: label(LABEL_PROXY),
            stands_in: label(LABEL_STANDS_FOR).is_some(),
        })
    }

    /// What it runs.
    pub(super) fn release(&self) -> Result<Release> {
        let release = Release::new(Version::new(self.image.as_str())?)
            .with_evidence(Evidence::Kept { instance: self.name.to_string() });
        // One that was made from an id has no name to show.
        Ok(match self.image_name.parse::<ImageRef>() {
            Ok(image) => release.with_image(image),
            Err(_) => release,
        })
    }

    /// Whether its engine does not start it by itself.
    pub(super) fn is_held(&self) -> bool {
        scene::is_held(&self.policy)
    }

    /// Whether it is the one that the run put aside.
    pub(super) fn is_aside(&self) -> bool {
        matches!(self.name.role(), Role::Aside { .. })
    }
}

fn standing(container: &Value) -> Standing {
    let Some(state) = State::of(container) else { return Standing::Down };
    if state.status == "created" {
        return Standing::Created;
    }
    if !scene::is_up(&state.status) {
        return Standing::Down;
    }
    let doubtful = state.status != "running"
        || state.restarts > 0
        || state.health.as_deref() == Some("unhealthy");
    if doubtful { Standing::Doubtful } else { Standing::Up }
}

impl Left {
    /// What an observation holds.
    pub(super) fn of(observation: &Observation) -> Result<Self> {
        Self::deserialize(observation.detail.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "read observation",
                "the observation is not one of what a run left",
            )
            .with_hint("nothing was touched")
        })
    }

    pub(super) fn into_detail(self) -> Secret<Value> {
        // Plain data with string keys always becomes JSON.
        Secret::new(serde_json::to_value(self).unwrap_or_default())
    }
}
