//! What an `up` that was killed leaves, and how it is put in order before the next one and after it.
//!
//! The first generation renames the old container to `<id12>_name`, and its next `up` takes that from
//! there. A current one names the new container so; its next `up` starts that and leaves it its name,
//! under which nobody finds it, and a later `up` puts one more prefix before it (docker/compose#13391).
//!
//! Nothing is removed here: a removal that is late could take the only container that there is by then.
//! Which of two has to go is Compose's to say.

use stillme_rollback_core::Result;

use super::labels::Replica;
use crate::engine::Engine;
use crate::names::{ContainerId, ContainerName};

/// A leftover gets the name that it was to have, which nobody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repair {
    id: ContainerId,
    name: ContainerName,
}

impl Repair {
    /// Sends the request.
    pub(super) async fn make(&self, engine: &dyn Engine) -> Result<()> {
        engine.rename_container(&self.id, &self.name).await.map(drop)
    }
}

/// What puts the leftovers among these containers in order. What is not listed is left to Compose.
pub(super) fn repairs<'a>(replicas: impl Iterator<Item = &'a Replica> + Clone) -> Vec<Repair> {
    let mut repairs: Vec<Repair> = Vec::new();
    for leftover in replicas.clone().filter(|replica| replica.is_leftover()) {
        let Some(name) = leftover.name_at_rest() else { continue };
        let is_taken = replicas.clone().any(|replica| replica.name == name)
            || repairs.iter().any(|made| made.name.as_str() == name);
        if !is_taken && let Ok(name) = ContainerName::new(name) {
            repairs.push(Repair { id: leftover.id.clone(), name });
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
        // The containers as (name, state); which of them gets which name.
        for (containers, renamed) in [
            (vec![("shop-web-1", "running")], None),
            (vec![(prefixed, "created")], rename(0)),
            (vec![(prefixed, "running")], rename(0)),
            (vec![(nested, "exited")], rename(0)),
            (vec![("shop-web-1", "running"), (prefixed, "created")], None),
            (vec![("shop-web-1", "exited"), (prefixed, "created")], None),
            (vec![(prefixed, "created"), (nested, "created")], rename(0)),
            (
                vec![("shop_web_1", "running"), ("fedcba987654_shop_db_1", "up")],
                Some((1, "shop_db_1")),
            ),
        ] {
            let all: Vec<_> = (0_u8..)
                .zip(&containers)
                .map(|(n, (name, state))| replica(n, name, state))
                .collect();
            let expected: Vec<_> = renamed
                .into_iter()
                .map(|(n, name): (usize, &str)| Repair {
                    id: all[n].id.clone(),
                    name: name.parse().unwrap(),
                })
                .collect();
            assert_eq!(repairs(all.iter()), expected, "{containers:?}");
        }
    }
}
