//! Looks at a run's containers, and says what it sees as facts.

use serde_json::Value;
use stillme_rollback_core::{Facts, ImageRef, Result, Run, Secret};

use super::DockerExecutor;
use super::scene::Seen;
use super::traffic;
use crate::action::{Gate, Orders};
use crate::detail::text;
use crate::engine::{ContainerFilter, ContainerSummary};
use crate::names::{ContainerName, ImageId};
use crate::scene::{self, Scene, key};

impl DockerExecutor {
    pub(super) async fn all_facts(&self, run: &Run) -> Result<Facts> {
        let orders = Orders::of(run)?;
        // At once: users wait for the looks between the steps of a switch. The image is asked for in another
        // round, when nobody waits.
        let (seen, warm) =
            tokio::try_join!(self.by_name(run, &orders), self.warm_network(run, &orders))?;
        let (Seen { scene, old, new }, stand_in) = match seen {
            Some(seen) => (seen, None),
            None => self.by_list(run, &orders).await?,
        };
        let nobody_serves = nobody_serves(&scene, old.as_ref(), new.as_ref(), &orders);
        let protected = self.protection(orders.protect.as_ref().filter(|_| !nobody_serves)).await?;
        let mut facts = scene.facts(run.plan.to.version.as_str());
        if scene.old.is_some() {
            // Between the list and this look it may have gone: then it is the next look's business.
            let restart = old.as_ref().map_or("gone", |old| scene::restart_fact(old.expose()));
            let ports = old.as_ref().map_or("missing", |old| scene::ports_fact(old.expose()));
            facts = facts.with(key::OLD_RESTART, restart).with(key::OLD_PORTS, ports);
        }
        facts = with_networks(facts, new.as_ref(), &orders.networks, key::network);
        if let Some(copy) = &orders.stand_in {
            facts = facts.with(key::STAND_IN, scene.stand_in_state(copy.image.as_str()));
            let networks = &orders.stand_in_networks;
            facts = with_networks(facts, stand_in.as_ref(), networks, key::stand_in_network);
        }
        if let Some(standing) = protected {
            facts = facts.with(key::PROTECTED, standing);
        }
        facts = self.dependents_facts(run, &orders, facts).await?;
        if let Some(origin) = &orders.origin {
            let is_there = self.find(&origin.container).await?.is_some();
            facts = facts.with(key::ORIGIN, if is_there { "there" } else { "gone" });
        }
        if !nobody_serves {
            facts = self.retired_facts(&orders, facts).await?;
        }
        if let Some(proxy) = &orders.proxy {
            let seen = traffic::Seen { scene: &scene, old: old.as_ref(), new: new.as_ref() };
            return self.traffic_facts(proxy, &orders, &seen, facts).await;
        }
        match &orders.gate {
            Some(gate) => {
                facts = with_networks(facts, new.as_ref(), &orders.swapped, key::network);
                facts = with_places(facts, old.as_ref(), &orders.swapped, key::old_network, OLD);
                let running = new.as_ref().filter(|new| is_running(new.expose()));
                facts = with_places(facts, running, &orders.swapped, key::place, NEW);
                let warm = if warm { "there" } else { "absent" };
                let facts = facts.with(key::WARM_NETWORK, warm);
                self.warm_facts(run, gate, scene.new.as_ref(), new.as_ref(), facts).await
            }
            None => Ok(facts),
        }
    }

    /// A run's containers whatever became of them, and what stands in for the old one.
    async fn by_list(&self, run: &Run, orders: &Orders) -> Result<(Seen, Option<Secret<Value>>)> {
        let ((scene, _), old) =
            tokio::try_join!(self.listed(run, orders), self.find(&orders.subject.old))?;
        // One that its own stop deleted has another one in its place.
        let is_other = |found: &&ContainerSummary| found.id != orders.subject.old;
        let (other, new, stand_in) = tokio::try_join!(
            self.seen(scene.old.as_ref().filter(is_other)),
            self.seen(scene.new.as_ref()),
            self.seen(scene.stand_in.as_ref().filter(|_| orders.stand_in.is_some())),
        )?;
        let old = match &scene.old {
            Some(found) if found.id == orders.subject.old => old,
            _ => other,
        };
        Ok((Seen { scene, old, new }, stand_in))
    }

    /// What earlier runs put aside and this one removes in the end.
    async fn retired_facts(&self, orders: &Orders, mut facts: Facts) -> Result<Facts> {
        for kept in &orders.retired {
            let found = self.find(kept).await?;
            let standing = match &found {
                None => "gone",
                Some(found) if is_running(found.expose()) => "running",
                Some(_) => "there",
            };
            facts = facts.with(key::kept(kept), standing);
        }
        if orders.unprotected.is_empty() {
            return Ok(facts);
        }
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        for (image, tag) in &orders.unprotected {
            let needed = all.iter().any(|container| container.image_id.as_ref() == Some(image));
            let standing = if needed { "needed" } else { self.tag(image, tag).await? };
            facts = facts.with(key::tag(image), standing);
        }
        Ok(facts)
    }

    async fn seen(&self, container: Option<&ContainerSummary>) -> Result<Option<Secret<Value>>> {
        match container {
            Some(container) => self.find(&container.id).await,
            None => Ok(None),
        }
    }

    /// What shows of a new container that warms up.
    async fn warm_facts(
        &self,
        run: &Run,
        gate: &Gate,
        summary: Option<&ContainerSummary>,
        new: Option<&Secret<Value>>,
        facts: Facts,
    ) -> Result<Facts> {
        let network = ContainerName::warm_network(&run.id);
        let facts =
            with_networks(facts, new, std::slice::from_ref(&network), |_| key::NEW_WARM.to_owned());
        let warms = facts.get(key::NEW_WARM) == Some("joined");
        // Users wait when the old one has left its place: then nothing is asked any more.
        let in_place = facts
            .iter()
            .filter(|(key, _)| key.starts_with("old.network."))
            .all(|(_, standing)| standing != "apart");
        let standing = match (summary, new) {
            (Some(summary), Some(new)) if warms && in_place => {
                let ready = self.is_ready(&summary.id, new.expose(), &network, gate).await?;
                if ready { "ready" } else { "cold" }
            }
            _ => "over",
        };
        Ok(facts.with(key::READY, standing))
    }

    /// Whether the network on which the new container warms up is there, if the plan makes one.
    async fn warm_network(&self, run: &Run, orders: &Orders) -> Result<bool> {
        if orders.gate.is_none() || orders.proxy.is_some() {
            return Ok(false);
        }
        let network = ContainerName::warm_network(&run.id);
        Ok(self.engine.inspect_network(&network).await?.is_some())
    }

    /// The tag that protects the target image.
    async fn protection(
        &self,
        protect: Option<&(ImageId, ImageRef)>,
    ) -> Result<Option<&'static str>> {
        match protect {
            Some((image, tag)) => self.tag(image, tag).await.map(Some),
            None => Ok(None),
        }
    }

    async fn tag(&self, image: &ImageId, tag: &ImageRef) -> Result<&'static str> {
        let found = self.engine.inspect_image(tag.as_str()).await?;
        Ok(match found {
            None => "absent",
            Some(found) if text(found.expose(), "/Id") == image.as_str() => "set",
            Some(_) => "moved",
        })
    }
}

/// Whether users wait just now: both are there, the old one has left its place, and the new one does not have
/// it yet. Then images are not asked for, which takes 25 ms where they are in containerd's store, nor what is
/// removed in the end: no step of a switch wants to know, and all others look when one of them serves, or is
/// gone.
fn nobody_serves(
    scene: &Scene,
    old: Option<&Secret<Value>>,
    new: Option<&Secret<Value>>,
    orders: &Orders,
) -> bool {
    let (Some(old_state), Some(new_state)) = (&scene.old, &scene.new) else { return false };
    if orders.gate.is_none() {
        return !scene::is_up(&old_state.state) && !scene::is_up(&new_state.state);
    }
    let is_apart = |container: Option<&Secret<Value>>| {
        let joined = container.map(|found| scene::networks(found.expose())).unwrap_or_default();
        orders.swapped.iter().any(|network| !joined.contains(network))
    };
    orders.proxy.is_none() && is_apart(old) && is_apart(new)
}

/// How the old container's places are spelled: there, and not there.
const OLD: [&str; 2] = ["joined", "apart"];
/// How the new container's places are spelled.
const NEW: [&str; 2] = ["taken", "free"];

fn is_running(container: &Value) -> bool {
    scene::is_up(text(container, "/State/Status"))
}

/// Whether a container has its places on networks, the primary one first, with its ports.
fn with_places(
    mut facts: Facts,
    container: Option<&Secret<Value>>,
    networks: &[String],
    key: fn(&str) -> String,
    [there, not_there]: [&'static str; 2],
) -> Facts {
    let joined = container.map(|found| scene::networks(found.expose())).unwrap_or_default();
    let published = container
        .is_none_or(|found| scene::is_published(found.expose()) || !is_running(found.expose()));
    for (index, network) in networks.iter().enumerate() {
        let standing = match joined.contains(network) {
            false => not_there,
            true if index == 0 && !published => "unpublished",
            true => there,
        };
        facts = facts.with(key(network), standing);
    }
    facts
}

/// Whether a container is on networks. One that is not there is on none.
fn with_networks(
    mut facts: Facts,
    container: Option<&Secret<Value>>,
    wanted: &[String],
    key: fn(&str) -> String,
) -> Facts {
    let joined = container.map(|found| scene::networks(found.expose())).unwrap_or_default();
    for network in wanted {
        let standing = if joined.contains(network) { "joined" } else { "apart" };
        facts = facts.with(key(network), standing);
    }
    facts
}
