//! What an `up` that was killed leaves, and how it is put in order before the next one.
//!
//! The first generation renames the old container to `<id12>_name`, and its next `up` takes that from
//! there. A current one names the new container so; its next `up` starts that and leaves it its name,
//! under which nobody finds it, and a later `up` puts one more prefix before it (docker/compose#13391).

use stillme_rollback_core::Result;

use super::labels::Replica;
use crate::engine::Engine;
use crate::names::{ContainerId, ContainerName};

/// One request that puts a leftover in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// It gets the name that it was to have, which nobody has.
    Rename(ContainerId, ContainerName),
    /// It never ran, and another one has its name: the next `up` makes it anew.
    Remove(ContainerId),
}

impl Repair {
    /// Sends the request.
    pub(super) async fn make(&self, engine: &dyn Engine) -> Result<()> {
        match self {
            Self::Rename(id, name) => engine.rename_container(id, name).await.map(drop),
            Self::Remove(id) => engine.remove_container(id, false).await.map(drop),
        }
    }
}

/// What puts the leftovers among these containers in order. What is not listed is left to Compose.
pub(super) fn repairs<'a>(replicas: impl Iterator<Item = &'a Replica> + Clone) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for leftover in replicas.clone().filter(|replica| replica.is_leftover()) {
        let Some(name) = leftover.name_at_rest() else { continue };
        let is_taken = replicas.clone().any(|replica| replica.name == name)
            || repairs
                .iter()
                .any(|made| matches!(made, Repair::Rename(_, taken) if taken.as_str() == name));
        if is_taken && leftover.state == "created" {
            repairs.push(Repair::Remove(leftover.id.clone()));
        } else if !is_taken && let Ok(name) = ContainerName::new(name) {
            repairs.push(Repair::Rename(leftover.id.clone(), name));
        }
    }
    repairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::labels::tests::replica;

    #[test]
    fn each_leftover_gets_what_it_needs() {
        let prefixed = "0123456789ab_shop-web-1";
        let nested = "ba9876543210_0123456789ab_shop-web-1";
        let rename = |id| Some((id, "shop-web-1"));
        // The containers as (name, state); which is renamed, which is removed.
        for (containers, renamed, removed) in [
            (vec![("shop-web-1", "running")], None, None),
            (vec![(prefixed, "created")], rename(0), None),
            (vec![(prefixed, "running")], rename(0), None),
            (vec![(nested, "exited")], rename(0), None),
            (vec![("shop-web-1", "running"), (prefixed, "created")], None, Some(1)),
            (vec![(prefixed, "created"), (nested, "created")], rename(0), Some(1)),
            // Both ran: which of them is to go is Compose's to say.
            (vec![("shop-web-1", "created"), (prefixed, "exited")], None, None),
            (
                vec![("shop_web_1", "running"), ("fedcba987654_shop_db_1", "up")],
                Some((1, "shop_db_1")),
                None,
            ),
        ] {
            let all: Vec<_> = (0_u8..)
                .zip(&containers)
                .map(|(n, (name, state))| replica(n, name, state))
                .collect();
            let id = |n: usize| all[n].id.clone();
            let renamed = renamed.map(|(n, name)| Repair::Rename(id(n), name.parse().unwrap()));
            let expected: Vec<_> =
                renamed.into_iter().chain(removed.map(|n| Repair::Remove(id(n)))).collect();
            assert_eq!(repairs(all.iter()), expected, "{containers:?}");
        }
    }
}
