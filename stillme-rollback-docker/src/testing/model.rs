//! Containers, images and tags, with the rules of an engine that a rollback depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use stillme_rollback_core::testing::Model;
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::call::{DockerCall, DockerReply};
use super::settings::Settings;
use super::traffic::ModelProxy;
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
    /// The networks that it is on.
    pub networks: Arc<BTreeSet<String>>,
    /// Whether the port is its own. An engine that has published it once keeps it so for as long as
    /// the container is on any network, also on one without a way out.
    pub has_port: bool,
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

/// An engine's state. One port, which every container publishes while it runs on a network with a way
/// out: only one can. Or a proxy, which sends its traffic to one of them; then nothing is published.
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
    /// Images whose own health check fails.
    pub unready: Vec<String>,
    /// The networks by name, and whether there is a way out of them.
    pub networks: Arc<BTreeMap<String, bool>>,
    /// The proxy that has the service's traffic, if there is one.
    pub proxy: Option<ModelProxy>,
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
        model.networks = Arc::new(BTreeMap::from([("bridge".to_owned(), true)]));
        let config = json!({"Image": format!("{service}:v2"), "Env": ["A=1"], "Labels": {}});
        let binding = json!([{"HostIp": "127.0.0.1", "HostPort": "80"}]);
        let host = json!({
            "NetworkMode": "default",
            "RestartPolicy": {"Name": "unless-stopped"},
            "PortBindings": {"80/tcp": binding},
        });
        let id = model.add(service, image_id(2), config, host);
        if let Some(container) = Arc::make_mut(&mut model.containers).get_mut(&id) {
            container.state = ModelState::Running;
            container.has_port = true;
        }
        model
    }

    /// The same engine, but that the container is on these networks, the primary one first.
    #[must_use]
    pub fn with_networks(mut self, names: &[&str]) -> Self {
        let all: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Arc::make_mut(&mut self.networks).extend(all.iter().map(|name| (name.clone(), true)));
        for container in self.containers_mut().values_mut() {
            container.host = container.host.with("NetworkMode", json!(names.first()));
            container.networks = Arc::new(all.clone());
        }
        self
    }

    /// The same engine, but that the container has a health check.
    #[must_use]
    pub fn with_healthcheck(mut self) -> Self {
        for container in self.containers_mut().values_mut() {
            let check = json!({"Test": ["CMD", "/check"]});
            container.config = container.config.with("Healthcheck", check);
        }
        self
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

    /// The same engine, but that a container of this name shares the network of the one that runs.
    #[must_use]
    pub fn with_dependent(mut self, name: &str) -> Self {
        let held = self.containers.iter().find(|(_, container)| container.has_port);
        let Some((id, image)) = held.map(|(id, held)| (id.clone(), held.image.clone())) else {
            return self;
        };
        let config = json!({"Image": &*image, "Env": ["B=1"], "Labels": {}});
        let host = json!({
            "NetworkMode": format!("container:{id}"),
            "RestartPolicy": {"Name": "always"},
        });
        let id = self.add(name, image, config, host);
        if let Some(container) = self.containers_mut().get_mut(&id) {
            container.state = ModelState::Running;
        }
        self
    }

    /// Whether a container has whose namespaces it shares.
    pub fn is_held_up(&self, container: &ModelContainer) -> bool {
        let shared = |mode: &str| container.host[mode].as_str()?.strip_prefix("container:");
        ["NetworkMode", "IpcMode", "PidMode"].into_iter().filter_map(shared).all(|id| {
            self.containers.get(id).is_some_and(|other| other.state == ModelState::Running)
        })
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
        let networks = Arc::new(networks_at_create(&config, &host));
        let id: Arc<str> = format!("{:02x}", self.last_id).repeat(32).into();
        let container = ModelContainer {
            name: name.to_owned(),
            image,
            state: ModelState::Created,
            config: Settings::new(config),
            host: Settings::new(host),
            networks,
            has_port: false,
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

    fn has_way_out(&self, container: &ModelContainer) -> bool {
        container.networks.iter().any(|name| self.networks.get(name) == Some(&true))
    }

    /// The container that serves: the one with the port, or with the proxy's traffic.
    pub fn serving(&self) -> Option<&ModelContainer> {
        if let Some(proxy) = &self.proxy {
            let pointed = self.containers.get(&proxy.to);
            return pointed.filter(|container| container.state == ModelState::Running);
        }
        self.containers.values().find(|container| container.has_port)
    }

    fn refuse_busy(&self, id: &ContainerId) -> Result<()> {
        let busy = self
            .containers
            .iter()
            .any(|(other, container)| &**other != id.as_str() && container.has_port);
        if busy {
            let message = "port is already allocated";
            return Err(Error::new(ErrorKind::Internal, "call engine", message));
        }
        Ok(())
    }

    fn connect(&mut self, network: &str, id: &ContainerId) -> Result<DockerReply> {
        let Some(way_out) = self.networks.get(network).copied() else {
            return Err(Error::new(ErrorKind::NotFound, "call engine", "no such network"));
        };
        let container = self.get(id)?;
        if container.networks.contains(network) {
            return Ok(DockerReply::Already);
        }
        // On it even if its port is refused, as seen on engine 20.10.
        Arc::make_mut(&mut container.networks).insert(network.to_owned());
        let publishes = way_out && container.state == ModelState::Running && !container.has_port;
        if publishes && self.proxy.is_none() {
            self.refuse_busy(id)?;
            self.get(id)?.has_port = true;
        }
        Ok(DockerReply::Done)
    }

    fn disconnect(&mut self, network: &str, id: &ContainerId) -> Result<DockerReply> {
        let container = self.get(id)?;
        let was_on = Arc::make_mut(&mut container.networks).remove(network);
        container.has_port &= !container.networks.is_empty();
        Ok(if was_on { DockerReply::Done } else { DockerReply::Already })
    }

    fn remove_network(&mut self, network: &str) -> Result<DockerReply> {
        let used = self.containers.values().any(|container| {
            container.state == ModelState::Running && container.networks.contains(network)
        });
        if used {
            let message = "the network has active endpoints";
            return Err(Error::new(ErrorKind::Rejected, "call engine", message));
        }
        let was_there = Arc::make_mut(&mut self.networks).remove(network).is_some();
        Ok(if was_there { DockerReply::Done } else { DockerReply::Already })
    }

    fn start(&mut self, id: &ContainerId) -> Result<DockerReply> {
        let broken = self.broken.clone();
        let container = self.get(id)?.clone();
        if container.state == ModelState::Running {
            return Ok(DockerReply::Already);
        }
        if !self.is_held_up(&container) {
            let message = "cannot join the namespace of a container that does not run";
            return Err(Error::new(ErrorKind::Conflict, "call engine", message));
        }
        let has_port = self.has_way_out(&container) && self.proxy.is_none();
        if has_port {
            self.refuse_busy(id)?;
        }
        let container = self.get(id)?;
        container.has_port = has_port;
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
        if let Some(proxy) = &mut self.proxy {
            proxy.lose(id.as_str());
        }
        let container = self.get(id)?;
        container.state = ModelState::Exited;
        container.has_port = false;
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
        if let Some(proxy) = &mut self.proxy {
            proxy.lose(id.as_str());
        }
        Arc::make_mut(&mut self.containers).remove(id.as_str());
        Ok(DockerReply::Done)
    }
}

/// The networks that a create puts a container on.
fn networks_at_create(config: &Value, host: &Value) -> BTreeSet<String> {
    let endpoints = config.pointer("/NetworkingConfig/EndpointsConfig").and_then(Value::as_object);
    let named: BTreeSet<String> =
        endpoints.into_iter().flat_map(|endpoints| endpoints.keys().cloned()).collect();
    if !named.is_empty() {
        return named;
    }
    let mode = match host["NetworkMode"].as_str() {
        None | Some("" | "default") => "bridge",
        Some(mode) => mode,
    };
    BTreeSet::from([mode.to_owned()])
}

impl Model for DockerModel {
    type Call = DockerCall;
    type Reply = DockerReply;

    fn is_write(call: &DockerCall) -> bool {
        !matches!(
            call,
            DockerCall::List
                | DockerCall::Inspect(_)
                | DockerCall::InspectImage(_)
                | DockerCall::InspectNetwork(_)
                | DockerCall::Traffic
        )
    }

    fn perform(&mut self, call: &DockerCall) -> Result<DockerReply> {
        match call {
            DockerCall::List => return Ok(DockerReply::Containers(Arc::clone(&self.containers))),
            DockerCall::Inspect(which) => return Ok(DockerReply::Json(self.inspect(which))),
            DockerCall::InspectImage(which) => {
                return Ok(DockerReply::Json(self.inspect_image(which)));
            }
            DockerCall::InspectNetwork(name) => {
                let network = self
                    .networks
                    .get(name)
                    .map(|way_out| json!({"Name": name, "Driver": "bridge", "Internal": !way_out}));
                return Ok(DockerReply::Json(network));
            }
            DockerCall::CreateNetwork(name) => {
                if self.networks.contains_key(name) {
                    return Ok(DockerReply::Already);
                }
                Arc::make_mut(&mut self.networks).insert(name.clone(), false);
            }
            DockerCall::RemoveNetwork(name) => return self.remove_network(name),
            DockerCall::Traffic => {
                let to = self.proxy.as_ref().map(|proxy| Arc::clone(&proxy.to));
                return Ok(DockerReply::Traffic(to));
            }
            DockerCall::Point(id) => return self.point(id),
            DockerCall::Drain(id) => return self.drain(id),
            DockerCall::Connect(network, id) => return self.connect(network, id),
            DockerCall::Disconnect(network, id) => return self.disconnect(network, id),
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
                let networks: Vec<_> = c.networks.iter().map(String::as_str).collect();
                let on = networks.join(",");
                let port = if c.has_port { "with the port" } else { "" };
                format!("{} {} {} {restart} {on} {port}", c.name, c.image, c.state.as_str())
            })
            .collect();
        lines.sort();
        lines.extend(self.tags.iter().map(|(tag, id)| format!("{tag} {id}")));
        lines.extend(self.networks.keys().map(|name| format!("network {name}")));
        lines.extend(self.proxy.as_ref().map(|proxy| {
            let to = self.serving().map_or("nothing that runs", |container| &container.name);
            let lost = if proxy.lost_requests { ", after requests were lost" } else { "" };
            format!("traffic to {to}{lost}")
        }));
        lines.join("\n")
    }
}
