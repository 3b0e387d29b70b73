//! Containers, images and tags, with the rules of an engine that a rollback depends on.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};
use stillme_rollback_core::testing::Model;
use stillme_rollback_core::{Error, ErrorKind, Result};

use crate::names::{ContainerId, ImageId};

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ModelContainer {
    /// Its name.
    pub name: String,
    /// Its image's id.
    pub image: Arc<str>,
    /// Whether it runs.
    pub state: ModelState,
    /// What it was created from: the body of the create request, with the image's defaults.
    pub config: Settings,
    /// Its `HostConfig`.
    pub host: Settings,
}

/// JSON that is seldom changed and often copied: copies share it, and it is hashed once.
#[derive(Clone)]
pub struct Settings(Arc<Hashed>);

struct Hashed {
    value: Value,
    hash: u64,
}

impl Settings {
    /// Settings from their JSON.
    pub fn new(value: Value) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(Arc::new(Hashed { hash: hasher.finish(), value }))
    }

    /// The same settings with one member replaced.
    #[must_use]
    pub fn with(&self, member: &str, value: Value) -> Self {
        let mut all = self.0.value.clone();
        all[member] = value;
        Self::new(all)
    }
}

impl Deref for Settings {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0.value
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash && self.0.value == other.0.value
    }
}

impl Eq for Settings {}

impl Hash for Settings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

/// Whether a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelState {
    /// It never ran.
    Created,
    /// It runs.
    Running,
    /// It ran.
    Exited,
}

impl ModelState {
    /// The state as engines spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
        }
    }
}

/// An engine's state. One port: only one container can run.
///
/// Copies share what they have in common until it is changed: a crash matrix makes millions of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DockerModel {
    /// The containers by id.
    pub containers: Arc<BTreeMap<Arc<str>, ModelContainer>>,
    /// The images' ids by their references.
    pub tags: Arc<BTreeMap<String, Arc<str>>>,
    /// Images that start and answer, but do not work.
    pub sick: Vec<String>,
    /// Images that exit as soon as they are started.
    pub broken: Vec<String>,
    last_id: u8,
}

/// The id of the image with this number.
fn image_id(number: u8) -> Arc<str> {
    format!("sha256:{}", format!("{number:02x}").repeat(32)).into()
}

impl DockerModel {
    /// An engine with the images `<service>:v1` and `<service>:v2`, on which the container `service`
    /// runs `v2`.
    pub fn with_service(service: &str) -> Self {
        let mut model = Self::default();
        let tags = [(format!("{service}:v1"), image_id(1)), (format!("{service}:v2"), image_id(2))];
        model.tags = Arc::new(BTreeMap::from(tags));
        let config = json!({"Image": format!("{service}:v2"), "Env": ["A=1"], "Labels": {}});
        let host = json!({"NetworkMode": "default", "RestartPolicy": {"Name": "unless-stopped"}});
        let id = model.add(service, image_id(2), config, host);
        if let Some(container) = Arc::make_mut(&mut model.containers).get_mut(&id) {
            container.state = ModelState::Running;
        }
        model
    }

    /// The same engine, but that the container was started with `--rm`.
    #[must_use]
    pub fn with_auto_remove(mut self) -> Self {
        for container in self.containers_mut().values_mut() {
            container.host = container.host.with("AutoRemove", json!(true));
            container.host = container.host.with("RestartPolicy", json!({"Name": "no"}));
        }
        self
    }

    /// The containers, to be changed behind the engine's back.
    pub fn containers_mut(&mut self) -> &mut BTreeMap<Arc<str>, ModelContainer> {
        Arc::make_mut(&mut self.containers)
    }

    /// The id of the image with a tag.
    pub fn image(&self, tag: &str) -> Option<ImageId> {
        self.tags.get(tag).and_then(|id| ImageId::new(&**id).ok())
    }

    /// Adds a container and gives its id.
    pub fn add(&mut self, name: &str, image: Arc<str>, config: Value, host: Value) -> Arc<str> {
        self.last_id += 1;
        let id: Arc<str> = format!("{:02x}", self.last_id).repeat(32).into();
        let container = ModelContainer {
            name: name.to_owned(),
            image,
            state: ModelState::Created,
            config: Settings::new(config),
            host: Settings::new(host),
        };
        Arc::make_mut(&mut self.containers).insert(Arc::clone(&id), container);
        id
    }

    fn get(&mut self, id: &ContainerId) -> Result<&mut ModelContainer> {
        Arc::make_mut(&mut self.containers)
            .get_mut(id.as_str())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "call engine", "no such container"))
    }

    fn refuse_taken(&self, name: &str, except: Option<&ContainerId>) -> Result<()> {
        let taken = self.containers.iter().any(|(id, container)| {
            container.name == name && except.is_none_or(|except| except.as_str() != &**id)
        });
        if taken {
            return Err(Error::new(ErrorKind::Conflict, "call engine", "the name is in use"));
        }
        Ok(())
    }

    fn create(&mut self, name: &str, body: &Value) -> Result<DockerReply> {
        self.refuse_taken(name, None)?;
        let reference = body["Image"].as_str().unwrap_or_default();
        let by_id = self.tags.values().find(|id| ***id == *reference);
        let image = self.tags.get(reference).or(by_id).cloned();
        let image =
            image.ok_or_else(|| Error::new(ErrorKind::NotFound, "call engine", "no such image"))?;
        let mut config = body.clone();
        let host = config["HostConfig"].take();
        let id = self.add(name, image, config, host);
        Ok(DockerReply::Created(id))
    }

    fn start(&mut self, id: &ContainerId) -> Result<DockerReply> {
        let busy = self.containers.iter().any(|(other, container)| {
            &**other != id.as_str() && container.state == ModelState::Running
        });
        let broken = self.broken.clone();
        let container = self.get(id)?;
        if container.state == ModelState::Running {
            return Ok(DockerReply::Already);
        }
        if busy {
            return Err(Error::new(
                ErrorKind::Internal,
                "call engine",
                "port is already allocated",
            ));
        }
        let exits = broken.iter().any(|image| **image == *container.image);
        container.state = ModelState::Running;
        if exits {
            self.end(id)?;
        }
        Ok(DockerReply::Done)
    }

    fn stop(&mut self, id: &ContainerId) -> Result<DockerReply> {
        let container = self.get(id)?;
        if container.state != ModelState::Running {
            return Ok(DockerReply::Already);
        }
        self.end(id)?;
        Ok(DockerReply::Done)
    }

    /// It does not run any more: with `--rm` it is gone.
    fn end(&mut self, id: &ContainerId) -> Result<()> {
        let container = self.get(id)?;
        container.state = ModelState::Exited;
        if container.host["AutoRemove"] == json!(true) {
            Arc::make_mut(&mut self.containers).remove(id.as_str());
        }
        Ok(())
    }

    fn remove(&mut self, id: &ContainerId, force: bool) -> Result<DockerReply> {
        let running = self.get(id)?.state == ModelState::Running;
        if running && !force {
            return Err(Error::new(ErrorKind::Conflict, "call engine", "it is running"));
        }
        Arc::make_mut(&mut self.containers).remove(id.as_str());
        Ok(DockerReply::Done)
    }
}

/// A call, as data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DockerCall {
    /// `GET /containers/json`.
    List,
    /// `GET /containers/{id or name}/json`.
    Inspect(String),
    /// `GET /images/{id or reference}/json`.
    InspectImage(String),
    /// `POST /containers/create`.
    Create(String, Value),
    /// `POST /containers/{id}/start`.
    Start(ContainerId),
    /// `POST /containers/{id}/stop`.
    Stop(ContainerId),
    /// `POST /containers/{id}/rename`.
    Rename(ContainerId, String),
    /// `POST /containers/{id}/update`.
    Restart(ContainerId, Value),
    /// `DELETE /containers/{id}`.
    Remove(ContainerId, bool),
    /// `POST /images/{id}/tag`.
    Tag(ImageId, String),
    /// `DELETE /images/{tag}`.
    Untag(String),
}

/// The reply to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DockerReply {
    /// It is done.
    Done,
    /// It was so already.
    Already,
    /// It is done: the container has this id.
    Created(Arc<str>),
    /// The answer, or nothing of that name.
    Json(Option<Value>),
    /// The containers by id.
    Containers(Arc<BTreeMap<Arc<str>, ModelContainer>>),
}

impl Model for DockerModel {
    type Call = DockerCall;
    type Reply = DockerReply;

    fn is_write(call: &DockerCall) -> bool {
        !matches!(call, DockerCall::List | DockerCall::Inspect(_) | DockerCall::InspectImage(_))
    }

    fn perform(&mut self, call: &DockerCall) -> Result<DockerReply> {
        match call {
            DockerCall::List => return Ok(DockerReply::Containers(Arc::clone(&self.containers))),
            DockerCall::Inspect(which) => return Ok(DockerReply::Json(self.inspect(which))),
            DockerCall::InspectImage(which) => {
                return Ok(DockerReply::Json(self.inspect_image(which)));
            }
            DockerCall::Create(name, body) => return self.create(name, body),
            DockerCall::Start(id) => return self.start(id),
            DockerCall::Stop(id) => return self.stop(id),
            DockerCall::Remove(id, force) => return self.remove(id, *force),
            DockerCall::Rename(id, name) => {
                self.refuse_taken(name, Some(id))?;
                self.get(id)?.name.clone_from(name);
            }
            DockerCall::Restart(id, policy) => {
                let container = self.get(id)?;
                container.host = container.host.with("RestartPolicy", policy.clone());
            }
            DockerCall::Tag(id, tag) => {
                Arc::make_mut(&mut self.tags).insert(tag.clone(), id.as_str().into());
            }
            DockerCall::Untag(tag) => {
                if Arc::make_mut(&mut self.tags).remove(tag).is_none() {
                    return Ok(DockerReply::Already);
                }
            }
        }
        Ok(DockerReply::Done)
    }

    fn view(&self) -> String {
        let mut lines: Vec<_> = self
            .containers
            .values()
            .map(|c| {
                let restart = &c.host["RestartPolicy"]["Name"];
                format!("{} {} {} {restart}", c.name, c.image, c.state.as_str())
            })
            .collect();
        lines.sort();
        lines.extend(self.tags.iter().map(|(tag, id)| format!("{tag} {id}")));
        lines.join("\n")
    }
}

impl DockerModel {
    fn inspect(&self, which: &str) -> Option<Value> {
        let (id, container) =
            self.containers.iter().find(|(id, c)| &***id == which || c.name == which)?;
        Some(json!({
            "Id": &**id,
            "Name": format!("/{}", container.name),
            "Image": &*container.image,
            "Config": &*container.config,
            "HostConfig": &*container.host,
            "State": {"Status": container.state.as_str(), "ExitCode": 0},
            "Mounts": [],
            "NetworkSettings": {"Networks": {"bridge": {}}},
        }))
    }

    fn inspect_image(&self, which: &str) -> Option<Value> {
        let by_tag = self.tags.get(which);
        let id = by_tag.or_else(|| self.tags.values().find(|id| ***id == *which))?;
        Some(json!({"Id": &**id, "Os": "linux", "Architecture": "amd64", "Config": {}}))
    }
}
