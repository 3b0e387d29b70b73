//! Looks at a container before there is a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use stillme_rollback_core::{Goal, Observation, Result, Target};

use super::{DockerExecutor, names};
use crate::deaf;
use crate::dependents::Dependent;
use crate::detail::{Detail, EngineDetail, Held, Kept, text};
use crate::engine::{ContainerFilter, ContainerSummary};
use crate::groundwork::record_of;
use crate::health::accepts;
use crate::images::protecting_tag;
use crate::inspect;
use crate::names::{ContainerId, ContainerName, ContainerRef, ImageId, Role};
use crate::scene;
use crate::versions::{History, Wanted, history, resolve};

impl DockerExecutor {
    /// The target that a container is: the same however its engine was reached.
    ///
    /// # Errors
    /// Whatever kept the engine from saying who it is.
    pub async fn target(&self, name: &ContainerName) -> Result<Target> {
        // Older engines have an id of 12 groups with colons; both forms are one word.
        Target::new("docker", &self.engine.info().await?.id, name.as_str())
    }

    /// Looks at a container and finds the release that is wanted: what a plan is made of.
    ///
    /// # Errors
    /// `NotFound` if there is no such container or release, with what there is; `Rejected` for an
    /// image of another repository. Nothing was touched.
    pub async fn observe_for(
        &self,
        target: &Target,
        wanted: &Wanted,
    ) -> Result<(Observation, Goal)> {
        let name = ContainerName::new(target.name())?;
        let history = history(self.engine.as_ref(), &name, &self.records).await?;
        let release = resolve(self.engine.as_ref(), &history, wanted).await?;
        let image = ImageId::new(release.version.as_str())?;
        let observation = self.observation(target, &name, history, &[image]).await?;
        Ok((observation, Goal::Release(release)))
    }

    /// Looks at a container and everything that it could go back to.
    pub(super) async fn observe_all(&self, target: &Target) -> Result<Observation> {
        let name = ContainerName::new(target.name())?;
        let history = history(self.engine.as_ref(), &name, &self.records).await?;
        let all = history.releases.iter();
        let images: Vec<_> =
            all.filter_map(|release| ImageId::new(release.version.as_str()).ok()).collect();
        self.observation(target, &name, history, &images).await
    }

    async fn observation(
        &self,
        target: &Target,
        name: &ContainerName,
        history: History,
        images: &[ImageId],
    ) -> Result<Observation> {
        let container = self.inspect(&history.container).await?.expose().clone();
        let image = self.inspect_image(text(&container, "/Image")).await?.expose().clone();
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let kept = kept(name, &all);
        let held = self.held(&history.container, name, &all).await?;
        let kept_containers = self.kept_containers(&kept).await?;
        let kept_images = kept_containers.values().map(inspect::image_id);
        let protected: Result<BTreeSet<_>> =
            images.iter().cloned().map(Ok).chain(kept_images).collect();
        let detail = Detail {
            engine: EngineDetail::of(&self.engine.info().await?),
            changed_files: self.changed_files(&history.container).await,
            leftovers: leftovers(name, &all),
            names: names(&all),
            protected: self.protected(name, &protected?).await?,
            images: self.images(images).await?,
            dependents: held.iter().map(|held| held.dependent.clone()).collect(),
            held,
            deaf: is_deaf(&container, &history.container),
            kept_containers,
            kept,
            network_drivers: self.network_drivers(&container).await?,
            reachable_ports: reachable_ports(&container).await,
            proxy: self.proxy(&history.container, name, &container).await?,
            previous: history.previous,
            container,
            image,
        };
        let mut observation = Observation::new(target.clone());
        let mut running = history.running;
        running.settings = record_of(&detail, &self.key).map(Box::new);
        observation.running = Some(running);
        observation.releases = history.releases;
        observation.detail = detail.into_secret();
        Ok(observation)
    }

    /// The containers that hold on to this one. Each has to be asked: a list does not tell.
    async fn held(
        &self,
        id: &ContainerId,
        name: &ContainerName,
        all: &[ContainerSummary],
    ) -> Result<Vec<Held>> {
        let mut others = Vec::new();
        for other in all.iter().filter(|other| other.id != *id) {
            // One that was put aside has its dependents' place no more than they have its.
            let role = other.name.as_ref().map(ContainerName::role);
            if !matches!(role, Some(Role::Service)) {
                continue;
            }
            others.extend(self.find(&other.id).await?);
        }
        let mut held = Vec::new();
        for other in &others {
            let container = other.expose();
            let Some(dependent) = Dependent::of(container, id, name) else { continue };
            let (its_id, its_name) = (inspect::id(container)?, inspect::name(container));
            let Some(its_name) = its_name else { continue };
            let in_turn = others.iter().map(|third| third.expose());
            held.push(Held {
                dependent,
                image: self.inspect_image(text(container, "/Image")).await?.expose().clone(),
                dependents: in_turn
                    .filter_map(|third| Dependent::of(third, &its_id, &its_name))
                    .collect(),
                unfinished: !leftovers(&its_name, all).is_empty(),
                kept: kept(&its_name, all),
                container: container.clone(),
            });
        }
        Ok(held)
    }

    async fn kept_containers(&self, kept: &[Kept]) -> Result<BTreeMap<String, Value>> {
        let mut containers = BTreeMap::new();
        for kept in kept {
            if let Some(container) = self.find(&kept.id).await? {
                containers.insert(kept.id.as_str().to_owned(), container.expose().clone());
            }
        }
        Ok(containers)
    }

    async fn network_drivers(&self, container: &Value) -> Result<BTreeMap<String, String>> {
        let mut drivers = BTreeMap::new();
        for name in scene::networks(container) {
            if let Some(network) = self.engine.inspect_network(&name).await? {
                drivers.insert(name, text(&network, "/Driver").to_owned());
            }
        }
        Ok(drivers)
    }

    async fn images(&self, ids: &[ImageId]) -> Result<BTreeMap<String, Value>> {
        let mut images = BTreeMap::new();
        for id in ids {
            if let Some(image) = self.engine.inspect_image(id.as_str()).await? {
                images.insert(id.as_str().to_owned(), image.expose().clone());
            }
        }
        Ok(images)
    }

    /// Which of the tags that protect these images are set already.
    async fn protected(
        &self,
        name: &ContainerName,
        ids: &BTreeSet<ImageId>,
    ) -> Result<BTreeMap<String, String>> {
        let mut protected = BTreeMap::new();
        for id in ids {
            let tag = protecting_tag(id, name)?;
            if let Some(image) = self.engine.inspect_image(tag.as_str()).await? {
                protected.insert(tag.as_str().to_owned(), text(image.expose(), "/Id").to_owned());
            }
        }
        Ok(protected)
    }

    /// How many files a container changed beside its volumes. An engine that can't say is no reason
    /// not to roll back.
    async fn changed_files(&self, id: &ContainerId) -> usize {
        let changes = self.engine.container_changes(id).await.unwrap_or_default();
        let paths: BTreeSet<_> = changes.iter().map(|change| change.path.as_str()).collect();
        // A folder counts only if nothing in it does: engines list the way to each change.
        let is_way = |path: &str| {
            let inside = format!("{path}/");
            paths.range(inside.as_str()..).next().is_some_and(|next| next.starts_with(&inside))
        };
        paths.iter().filter(|path| !is_way(path)).count()
    }

    pub(super) async fn find(
        &self,
        id: &ContainerId,
    ) -> Result<Option<stillme_rollback_core::Secret<Value>>> {
        self.engine.inspect_container(&ContainerRef::from(id)).await
    }
}

pub(crate) fn is_deaf(container: &Value, id: &ContainerId) -> bool {
    let pid = container.pointer("/State/Pid").and_then(Value::as_u64).filter(|pid| *pid > 0);
    let signal = deaf::signal_number(text(container, "/Config/StopSignal"));
    match (pid, signal) {
        (Some(pid), Some(signal)) => deaf::is_deaf(id, pid, signal),
        _ => false,
    }
}

/// What earlier runs of this container put aside. The list is newest first, and a container that was put
/// aside later was made later.
fn kept(name: &ContainerName, all: &[ContainerSummary]) -> Vec<Kept> {
    let aside = |container: &&ContainerSummary| {
        let role = container.name.as_ref().map(ContainerName::role);
        matches!(role, Some(Role::Aside { base, .. }) if base == name.as_str())
    };
    let seen = |container: &ContainerSummary| Kept {
        id: container.id.clone(),
        name: container.name.as_ref().map_or("", ContainerName::as_str).to_owned(),
        runs: scene::is_up(&container.state),
    };
    all.iter().filter(aside).map(seen).collect()
}

/// The TCP ports that a container publishes and that accept on its own address: only on this machine,
/// and only where its networks can be reached from it.
async fn reachable_ports(container: &Value) -> Vec<u16> {
    let networks = container.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let address = networks
        .into_iter()
        .flatten()
        .find_map(|(_, endpoint)| endpoint.get("IPAddress")?.as_str()?.parse::<IpAddr>().ok());
    let Some(address) = address else { return Vec::new() };
    let mut ports = Vec::new();
    for port in inspect::published_tcp_ports(container) {
        if accepts(SocketAddr::new(address, port)).await {
            ports.push(port);
        }
    }
    ports
}

/// What an unfinished run of this container left.
fn leftovers(name: &ContainerName, all: &[ContainerSummary]) -> Vec<String> {
    let waiting = |container: &ContainerSummary| {
        let left = container.name.as_ref()?;
        let is_it = matches!(left.role(), Role::Waiting { base, .. } if base == name.as_str());
        is_it.then(|| left.as_str().to_owned())
    };
    all.iter().filter_map(waiting).collect()
}
