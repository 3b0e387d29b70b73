//! What a project's containers look like to a run, as facts. Pure: a list goes in, facts come out.

use std::collections::BTreeSet;

use stillme_rollback_core::{Facts, Foreign, HashKey};

use super::action::{Order, Orders};
use super::labels::Replica;
use super::names::ServiceName;

/// The keys of the facts.
pub(super) mod key {
    use super::ServiceName;

    /// Whether a compose command of a run is still at work: `yes` or `no`.
    pub(in crate::compose) const BUSY: &str = "compose.busy";
    /// Containers of the services under the name of a replacement: `none` or `some`.
    pub(in crate::compose) const LEFTOVERS: &str = "leftovers";

    /// The images of a service's containers: `from`, `to`, `mixed`, `none`, `wrong` (ours, of another
    /// image) or `other` (somebody else's).
    pub(in crate::compose) fn image(service: &ServiceName) -> String {
        format!("image.{service}")
    }

    /// The containers of the target image: `none`, `created`, `up`, `crashing` or `exited`.
    pub(in crate::compose) fn new(service: &ServiceName) -> String {
        format!("new.{service}")
    }

    /// The containers of the image before, likewise.
    pub(in crate::compose) fn old(service: &ServiceName) -> String {
        format!("old.{service}")
    }

    /// How many replicas there are.
    pub(in crate::compose) fn replicas(service: &ServiceName) -> String {
        format!("replicas.{service}")
    }

    /// What the target's name in the overlay names: `target`, `moved` or `absent`.
    pub(in crate::compose) fn reference(service: &ServiceName) -> String {
        format!("name.{service}")
    }

    /// A tag that protects an image: `set`, `absent` or `moved`.
    pub(in crate::compose) fn protected(tag: &str) -> String {
        format!("protected.{tag}")
    }

    /// A file that is edited: `before`, `after` or `other`.
    pub(in crate::compose) fn file(path: &str) -> String {
        format!("file.{path}")
    }
}

/// These facts, and those that the list of a project's containers shows.
pub(super) fn facts(
    mut facts: Facts,
    orders: &Orders,
    replicas: &[Replica],
    hashes: &HashKey,
) -> Facts {
    let mut leftovers = false;
    for (service, order) in &orders.services {
        let own: Vec<_> = replicas.iter().filter(|replica| replica.service == *service).collect();
        leftovers |= own.iter().any(|replica| replica.is_leftover());
        let numbers: BTreeSet<_> = own.iter().map(|replica| &replica.number).collect();
        let of = |image: &crate::names::ImageId| {
            state(own.iter().filter(|replica| replica.image.as_ref() == Some(image)))
        };
        facts = facts
            .with(key::image(service), images(order, &own, hashes))
            .with(key::new(service), of(&order.to))
            .with(key::old(service), of(&order.from))
            .with(key::replicas(service), numbers.len().to_string());
    }
    facts = facts.with(key::LEFTOVERS, if leftovers { "some" } else { "none" });
    match foreign(orders, replicas, hashes) {
        Some(foreign) => facts.with_foreign(foreign),
        None => facts,
    }
}

fn images(order: &Order, own: &[&Replica], hashes: &HashKey) -> &'static str {
    let kinds: BTreeSet<_> = own.iter().map(|replica| kind(order, replica, hashes)).collect();
    let has = |kind| kinds.contains(&kind);
    match kinds.len() {
        0 => "none",
        _ if has(Kind::Other) => "other",
        _ if has(Kind::Wrong) => "wrong",
        1 if has(Kind::To) => "to",
        1 => "from",
        _ => "mixed",
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    From,
    To,
    /// It was made from our overlay, and its name named another image by then.
    Wrong,
    Other,
}

fn kind(order: &Order, replica: &Replica, hashes: &HashKey) -> Kind {
    match &replica.image {
        Some(image) if *image == order.to => Kind::To,
        Some(image) if *image == order.from => Kind::From,
        _ if hashes.long_hash(replica.hash.as_bytes()) == order.hash => Kind::Wrong,
        _ => Kind::Other,
    }
}

/// How containers are, the worst of them telling.
fn state<'a>(containers: impl Iterator<Item = &'a &'a Replica>) -> &'static str {
    const WORST_FIRST: [&str; 4] = ["exited", "crashing", "created", "up"];
    let states: BTreeSet<_> = containers
        .map(|container| match container.state.as_str() {
            "running" | "paused" => "up",
            "restarting" => "crashing",
            "created" => "created",
            _ => "exited",
        })
        .collect();
    WORST_FIRST.into_iter().find(|state| states.contains(state)).unwrap_or("none")
}

/// Somebody else's deploy: a container of an image that the run knows nothing of. None at all is not: it
/// can be what a compose command of this run left that was killed while it replaced one, and an `up` makes
/// the container again from its files.
fn foreign(orders: &Orders, replicas: &[Replica], hashes: &HashKey) -> Option<Foreign> {
    for (service, order) in &orders.services {
        let other = replicas
            .iter()
            .filter(|replica| replica.service == *service)
            .find(|replica| kind(order, replica, hashes) == Kind::Other);
        if let Some(other) = other {
            let image = other.image.as_ref().map_or("another image", |image| image.short());
            let id = other.id.short();
            return Some(Foreign::new(format!("`{service}` has container {id} of image {image}")));
        }
    }
    None
}

#[cfg(test)]
mod tests;
