//! What the executor observed, as the strategy reads it: the engine's raw answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Observation, Release, Result, Secret};

use crate::dependents::Dependent;
use crate::engine::EngineInfo;
use crate::names::ContainerId;
use crate::recreate::{ApiVersion, EngineFacts, Replacement, Source};

/// The detail of a Docker [`Observation`]. It holds environment values: it stays in memory.
#[derive(Clone, Serialize, Deserialize)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Detail {
    /// The engine.
    pub engine: EngineDetail,
    /// The container's inspect answer.
    pub container: Value,
    /// The inspect answer of the container's image.
    pub image: Value,
    /// The inspect answers of the images that it could go to, by id.
    pub images: BTreeMap<String, Value>,
    /// The names of the engine's containers by id.
    pub names: BTreeMap<String, String>,
    /// What ran before, if anything proves it.
    pub previous: Option<Release>,
    /// How many files of its own the container changed, which stay behind in it.
    pub changed_files: usize,
    /// The names of containers that an unfinished run left.
    pub leftovers: Vec<String>,
    /// The drivers of the container's networks, by their names.
    #[serde(default)]
    pub network_drivers: BTreeMap<String, String>,
    /// The TCP ports that it publishes and that accept on its own address, as seen from here.
    #[serde(default)]
    pub reachable_ports: Vec<u16>,
    /// The containers that hold on to this one.
    #[serde(default)]
    pub dependents: Vec<Dependent>,
    /// The same containers, as they are recreated.
    #[serde(default)]
    pub held: Vec<Held>,
    /// Whether its first process does not hear its stop signal, as far as that can be told.
    #[serde(default)]
    pub deaf: bool,
    /// The proxy through which its traffic comes, if the executor was given a switch for it.
    #[serde(default)]
    pub proxy: Option<BehindProxy>,
    /// The containers that earlier runs put aside, newest first.
    #[serde(default)]
    pub kept: Vec<Kept>,
    /// Their inspect answers by id: only they have the values of their settings.
    #[serde(default)]
    pub kept_containers: BTreeMap<String, Value>,
    /// The tags that protect images from a prune, with the image that each names.
    pub protected: BTreeMap<String, String>,
}

/// A container that holds on to the one that is taken back.
#[derive(Clone, Serialize, Deserialize)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
#[non_exhaustive]
pub struct Held {
    /// What it shares.
    pub dependent: Dependent,
    /// Its inspect answer.
    pub container: Value,
    /// The inspect answer of its image.
    pub image: Value,
    /// Who holds on to it in turn.
    pub dependents: Vec<Dependent>,
    /// Whether a run of it left something.
    pub unfinished: bool,
    /// What earlier runs put aside of it, newest first.
    pub kept: Vec<Kept>,
}

/// The proxy through which a container's traffic comes, as its switch showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BehindProxy {
    /// The switch's name.
    pub switch: String,
    /// The TCP port on which the container takes the proxy's requests.
    pub port: u16,
    /// Where the traffic goes, if not to the container.
    pub elsewhere: Option<String>,
    /// Whether that port accepts on the container's own address, as seen from here.
    pub reachable: bool,
}

/// A container that an earlier run put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Whether it runs: somebody needs it.
    pub runs: bool,
}

/// What matters of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineDetail {
    /// The version of the API that is spoken.
    pub api: String,
    /// The operating system of its containers.
    pub os: String,
    /// Its architecture.
    pub arch: String,
    /// The name of its machine.
    pub host_name: String,
    /// The runtime of containers that ask for none.
    pub default_runtime: String,
}

impl EngineDetail {
    /// What matters of an engine.
    pub fn of(info: &EngineInfo) -> Self {
        Self {
            api: info.api.clone(),
            os: info.os.clone(),
            arch: info.arch.clone(),
            host_name: info.host_name.clone(),
            default_runtime: info.default_runtime.clone(),
        }
    }

    /// The engine as it says itself, as far as it matters.
    pub(crate) fn info(&self) -> EngineInfo {
        let mut info = EngineInfo::new("");
        info.api.clone_from(&self.api);
        info.os.clone_from(&self.os);
        info.arch.clone_from(&self.arch);
        info
    }

    /// The version of the API as numbers.
    ///
    /// # Errors
    /// `Corrupt` if it is none.
    pub fn api_version(&self) -> Result<ApiVersion> {
        let parsed = self
            .api
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        parsed
            .map(|(major, minor)| ApiVersion::new(major, minor))
            .ok_or_else(|| damaged("the engine's API version is not a version"))
    }
}

impl Detail {
    /// The detail of an observation.
    ///
    /// # Errors
    /// `Corrupt` if the observation was made by another executor.
    pub fn of(observation: &Observation) -> Result<Self> {
        Self::deserialize(observation.detail.expose())
            .map_err(|_| damaged("the observation is not one of a Docker container"))
    }

    /// The same detail as an observation keeps it.
    pub(crate) fn into_secret(self) -> Secret<Value> {
        // A map with string keys always becomes JSON.
        Secret::new(serde_json::to_value(self).unwrap_or_default())
    }

    /// The container's id.
    ///
    /// # Errors
    /// `Corrupt` if the answer has none.
    pub fn id(&self) -> Result<ContainerId> {
        ContainerId::new(text(&self.container, "/Id"))
    }

    /// The container as what is created once more.
    ///
    /// # Errors
    /// `Corrupt` as for [`EngineDetail::api_version`].
    pub fn source(&self) -> Result<Source> {
        source(&self.engine, &self.container, &self.image, &self.names)
    }
}

/// A container as what is created once more.
pub(crate) fn source(
    engine: &EngineDetail,
    container: &Value,
    image: &Value,
    names: &BTreeMap<String, String>,
) -> Result<Source> {
    let facts = EngineFacts::new(engine.api_version()?)
        .with_host_name(&engine.host_name)
        .with_default_runtime(&engine.default_runtime);
    let (container, image) = (Secret::new(container.clone()), Secret::new(image.clone()));
    Ok(Source::new(container, image, facts).with_names(names.clone()))
}

/// What a container is created from instead.
pub(crate) fn replacement(image_ref: &str, image: &Value) -> Replacement {
    Replacement::new(image_ref, Secret::new(image.clone()))
}

/// A text in an answer; empty if there is none.
pub(crate) fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read observation", what).with_hint("nothing was touched")
}
