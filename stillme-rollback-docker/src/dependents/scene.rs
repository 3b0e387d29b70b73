//! What a dependent's containers look like, as facts. Pure.

use serde_json::Value;
use stillme_rollback_core::{Facts, Run};

use super::act::{Holder, Order};
use crate::engine::ContainerSummary;
use crate::names::{ContainerId, LABEL_BESIDE, LABEL_FROM};
use crate::scene;

/// The keys of a dependent's facts.
pub(crate) mod key {
    use crate::names::ContainerId;

    fn of(id: &ContainerId, what: &str) -> String {
        format!("dependent.{}.{what}", id.short())
    }

    /// The old one: `up`, `down` or `gone`.
    pub(crate) fn old(id: &ContainerId) -> String {
        of(id, "old")
    }

    /// Its restart policy: `kept`, `held` or `gone`.
    pub(crate) fn restart(id: &ContainerId) -> String {
        of(id, "restart")
    }

    /// The new one: `absent`, `created`, `up`, `crashing`, `exited` or `wrong-image`.
    pub(crate) fn new(id: &ContainerId) -> String {
        of(id, "new")
    }

    /// Who has its name: `old`, `new`, `free`, `other`; `lost` if the old one is gone and nobody of ours
    /// has it.
    pub(crate) fn name(id: &ContainerId) -> String {
        of(id, "name")
    }

    /// Containers of the run beside the new one: `none` or `some`.
    pub(crate) fn strays(id: &ContainerId) -> String {
        of(id, "strays")
    }
}

/// A dependent's containers in a run.
#[derive(Clone, Debug)]
pub(crate) struct Cast<'a> {
    pub(crate) old: Option<&'a ContainerSummary>,
    pub(crate) new: Option<&'a ContainerSummary>,
    pub(crate) strays: Vec<&'a ContainerSummary>,
    owner: Option<&'a ContainerId>,
}

impl<'a> Cast<'a> {
    /// Finds them in the list of all.
    pub(crate) fn of(run: &Run, holder: &Holder, all: &'a [ContainerSummary]) -> Self {
        let ours = run.id.to_string();
        let made: Vec<_> = all
            .iter()
            .filter(|container| {
                container.label(LABEL_BESIDE) == Some(&ours)
                    && container.label(LABEL_FROM) == Some(holder.id.as_str())
            })
            .collect();
        let named = |container: &&&ContainerSummary| container.name.as_ref() == Some(&holder.name);
        let new = made.iter().find(named).or_else(|| made.first()).copied();
        let is_new = |container: &ContainerSummary| new.is_some_and(|new| new.id == container.id);
        Self {
            old: all.iter().find(|container| container.id == holder.id),
            new,
            strays: made.iter().filter(|container| !is_new(container)).copied().collect(),
            owner: all
                .iter()
                .find(|container| container.name.as_ref() == Some(&holder.name))
                .map(|container| &container.id),
        }
    }

    /// The facts. `old` is what the engine shows of the old one.
    pub(crate) fn facts(&self, order: &Order, old: Option<&Value>, facts: Facts) -> Facts {
        let id = &order.holder.id;
        let state = match self.old {
            None => "gone",
            Some(old) if scene::is_up(&old.state) => "up",
            Some(_) => "down",
        };
        facts
            .with(key::old(id), state)
            .with(key::restart(id), old.map_or("gone", scene::restart_fact))
            .with(key::new(id), self.new_state(order.copy.image.as_str()))
            .with(key::name(id), self.name(id))
            .with(key::strays(id), if self.strays.is_empty() { "none" } else { "some" })
    }

    fn new_state(&self, image: &str) -> &'static str {
        let Some(new) = self.new else { return "absent" };
        if new.image_id.as_ref().is_some_and(|id| id.as_str() != image) {
            return "wrong-image";
        }
        match new.state.as_str() {
            "created" => "created",
            "running" | "paused" => "up",
            "restarting" => "crashing",
            _ => "exited",
        }
    }

    fn name(&self, old: &ContainerId) -> &'static str {
        match self.owner {
            Some(owner) if owner == old => "old",
            Some(owner) if self.new.is_some_and(|new| new.id == *owner) => "new",
            Some(_) => "other",
            None if self.old.is_none() => "lost",
            None => "free",
        }
    }
}
