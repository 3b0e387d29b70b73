//! What goes in: the container and its image as the engine shows them, and what replaces them.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result, Secret};

use super::api::ApiVersion;
use super::raw::{EMPTY, Object, object, text};

/// What an engine says of itself, as far as it changes what a container looks like.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineFacts {
    /// The API version of the requests, so the shape of what they answer.
    pub api: ApiVersion,
    /// `Name` of `GET /info`: the host name that a container on the host's network shows.
    pub host_name: Option<String>,
    /// `DefaultRuntime` of `GET /info`.
    pub default_runtime: Option<String>,
    /// Whether `CgroupVersion` of `GET /info` is `2`.
    pub cgroup_v2: bool,
}

impl EngineFacts {
    /// An engine of which no more than the API version is known.
    pub const fn new(api: ApiVersion) -> Self {
        Self { api, host_name: None, default_runtime: None, cgroup_v2: false }
    }

    /// The same facts, with the name of the engine's machine.
    #[must_use]
    pub fn with_host_name(mut self, name: impl Into<String>) -> Self {
        self.host_name = Some(name.into());
        self
    }

    /// The same facts, with the runtime that containers get which ask for none.
    #[must_use]
    pub fn with_default_runtime(mut self, runtime: impl Into<String>) -> Self {
        self.default_runtime = Some(runtime.into());
        self
    }

    /// The same facts, of an engine whose limits are those of cgroup v2.
    #[must_use]
    pub const fn with_cgroup_v2(mut self) -> Self {
        self.cgroup_v2 = true;
        self
    }
}

/// A container that is to be created once more.
#[derive(Clone)]
#[non_exhaustive]
pub struct Source {
    /// The answer to `GET /containers/{id}/json`, raw.
    pub container: Secret<Value>,
    /// The answer to `GET /images/{id}/json` for the container's `Image`: the id, not the tag,
    /// which may have moved.
    pub image: Secret<Value>,
    /// The engine that answered.
    pub engine: EngineFacts,
    /// The names of the engine's containers by their ids, without the leading slash: what
    /// `container:<id>` is turned into.
    pub names: BTreeMap<String, String>,
}

impl Source {
    /// A container from the engine's raw answers.
    pub const fn new(container: Secret<Value>, image: Secret<Value>, engine: EngineFacts) -> Self {
        Self { container, image, engine, names: BTreeMap::new() }
    }

    /// The same container with the names of all containers by their ids.
    #[must_use]
    pub fn with_names(mut self, names: BTreeMap<String, String>) -> Self {
        self.names = names;
        self
    }

    /// Whether both answers are what they should be, and of the same image.
    pub(super) fn check(&self) -> Result<()> {
        self.config()?;
        if self.host_config().is_empty() {
            return Err(damaged("the container has no `HostConfig`"));
        }
        if self.id().len() < SHORT_ID {
            return Err(damaged("the container has no `Id`"));
        }
        let (runs, given) = (text(self.inspected(), "Image"), text(entries(&self.image), "Id"));
        if runs == given {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            OPERATION,
            "the image is not the one that the container was made of",
        )
        .with_context("container's image", runs)
        .with_context("given", given)
        .with_hint("nothing was touched; this is a defect of the caller"))
    }

    /// `Config` of the container: the user's settings merged with the image's.
    pub(super) fn config(&self) -> Result<&Object> {
        self.inspected()
            .get("Config")
            .and_then(Value::as_object)
            .ok_or_else(|| damaged("the container has no `Config`"))
    }

    /// `HostConfig` of the container.
    pub(super) fn host_config(&self) -> &Object {
        object(self.inspected(), "HostConfig")
    }

    /// `Config` of the image; empty where an engine leaves it out.
    pub(super) fn image_config(&self) -> &Object {
        object(entries(&self.image), "Config")
    }

    /// The networks by name, as the container is on them.
    pub(super) fn networks(&self) -> &Object {
        object(object(self.inspected(), "NetworkSettings"), "Networks")
    }

    /// The ports that are published now, with the numbers that the engine chose.
    pub(super) fn published_ports(&self) -> &Object {
        object(object(self.inspected(), "NetworkSettings"), "Ports")
    }

    /// The ports that the user asked to publish.
    pub(super) fn port_bindings(&self) -> &Object {
        object(self.host_config(), "PortBindings")
    }

    /// What is mounted.
    pub(super) fn mounts(&self) -> impl Iterator<Item = &Object> {
        self.inspected()
            .get("Mounts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
    }

    /// The container's id.
    pub(super) fn id(&self) -> &str {
        text(self.inspected(), "Id")
    }

    /// The part of the id that engines use as host name and network alias.
    pub(super) fn short_id(&self) -> &str {
        self.id().get(..SHORT_ID).unwrap_or(self.id())
    }

    /// `NetworkMode` as a network's name: what engines call `default` is the bridge.
    pub(super) fn network_mode(&self) -> &str {
        match text(self.host_config(), "NetworkMode") {
            "" | "default" => "bridge",
            mode => mode,
        }
    }

    fn inspected(&self) -> &Object {
        entries(&self.container)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("id", &self.id())
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// What the container is created from instead.
#[derive(Clone)]
#[non_exhaustive]
pub struct Replacement {
    /// The reference for `Config.Image`, readable by people: an id there makes `docker ps`
    /// unreadable. Compare the created container's `Image` with the id that was meant.
    pub image_ref: String,
    /// The answer to `GET /images/{id}/json`, raw.
    pub image: Secret<Value>,
    /// Labels of ours; they replace those of earlier runs.
    pub labels: BTreeMap<String, String>,
    /// Whether ports that the engine chose by itself stay the same. Otherwise it chooses again.
    pub pin_ephemeral_ports: bool,
}

impl Replacement {
    /// A replacement by this image, without labels of ours.
    pub fn new(image_ref: impl Into<String>, image: Secret<Value>) -> Self {
        Self {
            image_ref: image_ref.into(),
            image,
            labels: BTreeMap::new(),
            pin_ephemeral_ports: false,
        }
    }

    /// The same replacement with labels of ours.
    #[must_use]
    pub fn with_labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.labels = labels;
        self
    }

    /// The same replacement, keeping the ports that the engine chose for the old container.
    #[must_use]
    pub const fn with_pinned_ports(mut self) -> Self {
        self.pin_ephemeral_ports = true;
        self
    }

    /// `Config` of the image.
    pub(super) fn image_config(&self) -> &Object {
        object(entries(&self.image), "Config")
    }
}

impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacement").field("image_ref", &self.image_ref).finish_non_exhaustive()
    }
}

const OPERATION: &str = "recreate container";

/// The digits of an id that engines show.
const SHORT_ID: usize = 12;

fn entries(answer: &Secret<Value>) -> &Object {
    answer.expose().as_object().unwrap_or(&EMPTY)
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, OPERATION, what)
        .with_hint("nothing was touched; look with `docker inspect`")
}
