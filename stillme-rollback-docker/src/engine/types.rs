//! What goes into an engine's calls and comes out of them, where it is not the engine's JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde_json::Value;
use stillme_rollback_core::Secret;

use crate::names::{ContainerId, ContainerName, ImageId};

/// Whether a call changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// It did.
    Yes,
    /// It was so already.
    Already,
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineInfo {
    /// The engine's identity, which does not depend on the way to it.
    pub id: String,
    /// Its version: `20.10.24`.
    pub version: String,
    /// The version of the API that is spoken with it: `1.41`.
    pub api: String,
    /// The operating system of its containers: `linux`.
    pub os: String,
    /// Its architecture, as images spell it: `amd64`.
    pub arch: String,
    /// Whether images are kept in containerd's store, where an image's id is the digest of its
    /// manifest or index instead of its configuration.
    pub containerd_store: bool,
    /// The name of its machine: containers on the host's network have it as theirs.
    pub host_name: String,
    /// The runtime that containers get which ask for none: `runc`.
    pub default_runtime: String,
}

impl EngineInfo {
    /// An engine of this identity, of which nothing else is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            version: String::new(),
            api: String::new(),
            os: String::new(),
            arch: String::new(),
            containerd_store: false,
            host_name: String::new(),
            default_runtime: String::new(),
        }
    }
}

/// Which containers to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerFilter {
    /// Labels that they must have: name, and value if it matters.
    pub labels: Vec<(String, Option<String>)>,
    /// Also those that do not run.
    pub stopped_too: bool,
}

impl ContainerFilter {
    /// All containers, running or not.
    pub fn all() -> Self {
        Self { labels: Vec::new(), stopped_too: true }
    }

    /// Only those that run.
    pub fn running() -> Self {
        Self::default()
    }

    /// The same filter, and they must have this label with this value.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// The same filter, and they must have this label.
    #[must_use]
    pub fn has_label(mut self, name: &str) -> Self {
        self.labels.push((name.to_owned(), None));
        self
    }
}

/// A container in a list.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerSummary {
    /// Its id.
    pub id: ContainerId,
    /// Its name. `None` while it is being removed, or if it has none that is valid.
    pub name: Option<ContainerName>,
    /// The id of its image.
    pub image_id: Option<ImageId>,
    /// The image's name as the engine shows it: a reference, or an id if the tag has moved on.
    pub image: String,
    /// `created`, `running`, `exited`, …
    pub state: String,
    /// Its labels. Values may be secrets.
    pub labels: BTreeMap<String, String>,
    /// When it was created, in seconds since 1970.
    pub created: i64,
}

impl ContainerSummary {
    /// A container of this id, of which nothing else is known.
    pub fn new(id: ContainerId) -> Self {
        Self {
            id,
            name: None,
            image_id: None,
            image: String::new(),
            state: String::new(),
            labels: BTreeMap::new(),
            created: 0,
        }
    }

    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

impl fmt::Debug for ContainerSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSummary")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("image", &self.image)
            .field("state", &self.state)
            .field("labels", &self.labels.keys())
            .finish_non_exhaustive()
    }
}

/// A container to be created.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewContainer {
    /// Its name.
    pub name: ContainerName,
    /// `os/arch[/variant]`, where the image must be of that.
    pub platform: Option<String>,
    /// Its settings, in the engine's JSON.
    pub body: Secret<Value>,
}

impl NewContainer {
    /// A container of this name with these settings.
    pub fn new(name: ContainerName, body: Secret<Value>) -> Self {
        Self { name, platform: None, body }
    }

    /// The same container, of an image for this platform only.
    #[must_use]
    pub fn for_platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }
}

/// A bridge network to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewNetwork {
    /// Its name.
    pub name: String,
    /// Nobody outside of it can be reached from it, nor it from there: no port is published.
    pub internal: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl NewNetwork {
    /// A network of this name without a way in or out.
    pub fn internal(name: impl Into<String>) -> Self {
        Self { name: name.into(), internal: true, labels: BTreeMap::new() }
    }

    /// The same network with one more label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl fmt::Debug for NewContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewContainer")
            .field("name", &self.name)
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}

/// A container that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// What the engine warned of.
    pub warnings: Vec<String>,
}

impl Created {
    /// A container that was created without a warning.
    pub fn new(id: ContainerId) -> Self {
        Self { id, warnings: Vec::new() }
    }
}

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageSummary {
    /// Its id.
    pub id: ImageId,
    /// Its references with tags.
    pub tags: Vec<String>,
    /// Its references with digests.
    pub digests: Vec<String>,
    /// When it was built, in seconds since 1970, as its builder says.
    pub created: i64,
}

impl ImageSummary {
    /// An image of this id, of which nothing else is known.
    pub fn new(id: ImageId) -> Self {
        Self { id, tags: Vec::new(), digests: Vec::new(), created: 0 }
    }
}

/// A path that a container changed in its own files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathChange {
    /// The path.
    pub path: String,
    /// What was done with it.
    pub kind: PathChangeKind,
}

/// What was done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathChangeKind {
    /// It was there, and is another now.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
}

impl PathChange {
    /// A change of a path.
    pub fn new(path: impl Into<String>, kind: PathChangeKind) -> Self {
        Self { path: path.into(), kind }
    }
}

/// A window of time on the engine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventWindow {
    /// Its begin.
    pub since: SystemTime,
    /// Its end. The engine answers once this is past.
    pub until: SystemTime,
}

impl EventWindow {
    /// From `since` to `until`.
    pub fn new(since: SystemTime, until: SystemTime) -> Self {
        Self { since, until }
    }
}
