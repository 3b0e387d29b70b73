//! What a run's containers look like, as facts. Pure: lists and answers go in, facts come out.

use std::collections::BTreeSet;

use serde_json::Value;
use stillme_rollback_core::{Facts, Foreign, Run};

use crate::detail::text;
use crate::engine::ContainerSummary;
use crate::names::{ContainerId, ContainerName, LABEL_RUN, LABEL_STANDS_FOR, Role};

/// The keys of the facts. Their values stand in [`Scene::facts`].
pub(crate) mod key {
    use crate::names::{ContainerId, ImageId};

    /// Who has the service's name: `old`, `new` or `free`.
    pub(crate) const NAME: &str = "name";
    /// The old container: `up`, `down` or `gone`.
    pub(crate) const OLD: &str = "old";
    /// Its restart policy: `kept` or `held`.
    pub(crate) const OLD_RESTART: &str = "old.restart";
    /// Whether the old container, if it runs, has the ports that it should publish: `published` or `missing`. An
    /// engine that was killed, and at its start found a port taken, starts the container later without it.
    pub(crate) const OLD_PORTS: &str = "old.ports";
    /// The new container: `absent`, `created`, `up`, `crashing`, `exited`, `removing` or
    /// `wrong-image`.
    pub(crate) const NEW: &str = "new";
    /// The kept container whose settings the new one gets: `there` or `gone`.
    pub(crate) const ORIGIN: &str = "settings";
    /// Containers of the run beside the new one: `none` or `some`.
    pub(crate) const STRAYS: &str = "strays";
    /// The tag that protects the target image: `set`, `absent` or `moved`.
    pub(crate) const PROTECTED: &str = "protected";

    /// The copy of an old container that its stop deletes: `absent`, `ready`, `needed` (the old one
    /// is gone) or `wrong-image`.
    pub(crate) const STAND_IN: &str = "stand-in";

    /// Whether the new container is on a network: `joined` or `apart`.
    pub(crate) fn network(name: &str) -> String {
        format!("new.network.{name}")
    }

    /// Whether the new container, running, has its place on a network: `taken` or `free`; `unpublished`
    /// on its primary network if the engine did not publish its ports there.
    pub(crate) fn place(name: &str) -> String {
        format!("new.place.{name}")
    }

    /// A container that an earlier run put aside: `there`, `running` or `gone`.
    pub(crate) fn kept(id: &ContainerId) -> String {
        format!("kept.{}", id.short())
    }

    /// A tag that protected the image of a container which is removed: `set`, `absent`, `moved`, or
    /// `needed` as long as any container is of the image.
    pub(crate) fn tag(image: &ImageId) -> String {
        format!("tag.{}", image.short())
    }

    /// Whether the old container is on a network: `joined` or `apart`, or `unpublished` as above.
    pub(crate) fn old_network(name: &str) -> String {
        format!("old.network.{name}")
    }

    /// The private network on which a new container warms up: `absent` or `there`.
    pub(crate) const WARM_NETWORK: &str = "warm-network";
    /// Whether the new container is on it: `joined` or `apart`.
    pub(crate) const NEW_WARM: &str = "new.warm";
    /// Whether the new container is `ready` there, or `cold`; `over` when that is not asked any
    /// more, because the old one has left its place, or the traffic.
    pub(crate) const READY: &str = "new.ready";

    /// Where the proxy's traffic goes: `old`, `new` or `elsewhere`.
    pub(crate) const TRAFFIC: &str = "traffic";

    /// Whether the stand-in is on a network: `joined` or `apart`.
    pub(crate) fn stand_in_network(name: &str) -> String {
        format!("stand-in.network.{name}")
    }
}

/// The containers of a run.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: ContainerName,
    /// The old container, or what stands in for it once it is gone.
    pub(crate) old: Option<ContainerSummary>,
    pub(crate) stand_in: Option<ContainerSummary>,
    pub(crate) new: Option<ContainerSummary>,
    pub(crate) strays: Vec<ContainerSummary>,
    owner: Owner,
}

#[derive(Clone, Debug)]
enum Owner {
    Old,
    New,
    Nobody,
    Other(ContainerSummary),
}

impl Scene {
    /// Finds the run's containers in the list of all.
    pub(crate) fn of(
        run: &Run,
        name: &ContainerName,
        old: &ContainerId,
        all: &[ContainerSummary],
    ) -> Self {
        let ours = run.id.to_string();
        let made: Vec<_> = all
            .iter()
            .filter(|container| container.label(LABEL_RUN) == Some(&ours) && container.id != *old)
            .collect();
        let named = |container: &&&ContainerSummary| container.name.as_ref() == Some(name);
        let new = made.iter().find(named).or_else(|| made.first()).map(|new| (**new).clone());
        let strays = made
            .into_iter()
            .filter(|container| Some(&container.id) != new.as_ref().map(|new| &new.id))
            .cloned()
            .collect();
        let stands_for =
            |container: &&ContainerSummary| container.label(LABEL_STANDS_FOR) == Some(old.as_str());
        let stand_in = all.iter().find(stands_for).cloned();
        let old = all.iter().find(|container| container.id == *old).or(stand_in.as_ref()).cloned();
        let owner = all.iter().find(|container| container.name.as_ref() == Some(name));
        let owner = match owner {
            None => Owner::Nobody,
            Some(container) if Some(&container.id) == old.as_ref().map(|old| &old.id) => Owner::Old,
            Some(container) if Some(&container.id) == new.as_ref().map(|new| &new.id) => Owner::New,
            Some(container) => Owner::Other(container.clone()),
        };
        Self { name: name.clone(), old, stand_in, new, strays, owner }
    }

    /// The facts that the list alone shows.
    pub(crate) fn facts(&self, target_image: &str) -> Facts {
        let name = match &self.owner {
            Owner::Old => "old",
            Owner::New => "new",
            Owner::Nobody => "free",
            Owner::Other(_) => "other",
        };
        let facts = Facts::new()
            .with(key::NAME, name)
            .with(key::OLD, self.old_state())
            .with(key::NEW, self.new_state(target_image))
            .with(key::STRAYS, if self.strays.is_empty() { "none" } else { "some" });
        match self.foreign() {
            Some(foreign) => facts.with_foreign(foreign),
            None => facts,
        }
    }

    /// What the list shows of the stand-in, for plans that make one.
    pub(crate) fn stand_in_state(&self, image: &str) -> &'static str {
        let Some(stand_in) = &self.stand_in else { return "absent" };
        if stand_in.image_id.as_ref().is_some_and(|id| id.as_str() != image) {
            return "wrong-image";
        }
        let is_it = self.old.as_ref().is_some_and(|old| old.id == stand_in.id);
        if is_it { "needed" } else { "ready" }
    }

    fn old_state(&self) -> &'static str {
        match &self.old {
            None => "gone",
            Some(old) if is_up(&old.state) => "up",
            Some(_) => "down",
        }
    }

    fn new_state(&self, target_image: &str) -> &'static str {
        let Some(new) = &self.new else { return "absent" };
        let image = new.image_id.as_ref().map(|id| id.as_str());
        if image.is_some_and(|image| image != target_image) {
            return "wrong-image";
        }
        match new.state.as_str() {
            "created" => "created",
            "running" | "paused" => "up",
            "restarting" => "crashing",
            "removing" => "removing",
            _ => "exited",
        }
    }

    /// Somebody else's work: the name is another container's, or the old container is gone or has
    /// another name though nobody of us did that.
    fn foreign(&self) -> Option<Foreign> {
        let name = &self.name;
        if let Owner::Other(other) = &self.owner {
            let (id, image) = (other.id.short(), &other.image);
            return Some(Foreign::new(format!("`{name}` is now container {id} ({image})")));
        }
        match (&self.old, &self.owner) {
            (_, Owner::New) => None,
            (None, _) => Some(Foreign::new(format!("container `{name}` was removed"))),
            (Some(old), Owner::Nobody) if !is_aside(old, name) => {
                let now = old.name.as_ref().map_or("nameless", |name| name.as_str());
                Some(Foreign::new(format!("container `{name}` was renamed to `{now}`")))
            }
            _ => None,
        }
    }
}

/// Whether a state counts as serving. A container that restarts is one that its engine keeps up.
pub(crate) fn is_up(state: &str) -> bool {
    matches!(state, "running" | "restarting" | "paused")
}

fn is_aside(container: &ContainerSummary, service: &ContainerName) -> bool {
    let role = container.name.as_ref().map(ContainerName::role);
    matches!(role, Some(Role::Aside { base, .. }) if base == service.as_str())
}

/// The restart policy in an inspect answer: `held` when the engine starts it by no means.
pub(crate) fn restart_fact(container: &Value) -> &'static str {
    let policy = container.pointer("/HostConfig/RestartPolicy");
    if policy.is_none_or(is_held) { "held" } else { "kept" }
}

/// Whether a container with this restart policy is started by its engine by no means.
pub(crate) fn is_held(policy: &Value) -> bool {
    matches!(text(policy, "/Name"), "" | "no")
}

/// Whether a running container has the ports that it should publish. An engine that finds one taken
/// refuses, and leaves the container on the network all the same.
pub(crate) fn is_published(container: &Value) -> bool {
    let wants = container
        .pointer("/HostConfig/PortBindings")
        .and_then(Value::as_object)
        .is_some_and(|bindings| !bindings.is_empty());
    let has = container
        .pointer("/NetworkSettings/Ports")
        .and_then(Value::as_object)
        .is_some_and(|ports| ports.values().any(|bound| !bound.is_null()));
    has || !wants
}

/// Whether a container, if it runs, has its ports: `published` or `missing`.
pub(crate) fn ports_fact(container: &Value) -> &'static str {
    let runs = is_up(text(container, "/State/Status"));
    if runs && !is_published(container) { "missing" } else { "published" }
}

/// The networks that a container is on.
pub(crate) fn networks(container: &Value) -> BTreeSet<String> {
    container
        .pointer("/NetworkSettings/Networks")
        .and_then(Value::as_object)
        .map(|networks| networks.keys().cloned().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
