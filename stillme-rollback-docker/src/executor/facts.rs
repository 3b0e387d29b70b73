//! Looks at a run's containers, and says what it sees as facts.

use stillme_rollback_core::{Facts, Result, Run};

use super::DockerExecutor;
use crate::action::Orders;
use crate::detail::text;
use crate::engine::ContainerSummary;
use crate::scene::{self, key};

impl DockerExecutor {
    pub(super) async fn all_facts(&self, run: &Run) -> Result<Facts> {
        let orders = Orders::of(run)?;
        let (scene, _) = self.scene(run, &orders).await?;
        let mut facts = scene.facts(run.plan.to.version.as_str());
        if let Some(old) = &scene.old {
            // Between the list and this look it may have gone: then it is the next look's business.
            let inspected = self.find(&old.id).await?;
            let restart = inspected.map_or("gone", |old| scene::restart_fact(old.expose()));
            facts = facts.with(key::OLD_RESTART, restart);
        }
        facts =
            self.network_facts(facts, scene.new.as_ref(), &orders.networks, key::network).await?;
        if let Some(copy) = &orders.stand_in {
            facts = facts.with(key::STAND_IN, scene.stand_in_state(copy.image.as_str()));
            let (made, networks) = (scene.stand_in.as_ref(), &orders.stand_in_networks);
            facts = self.network_facts(facts, made, networks, key::stand_in_network).await?;
        }
        self.protection_fact(facts, &orders).await
    }

    /// Whether a container is on the networks that the engine takes one by one.
    async fn network_facts(
        &self,
        mut facts: Facts,
        container: Option<&ContainerSummary>,
        wanted: &[String],
        key: fn(&str) -> String,
    ) -> Result<Facts> {
        let (false, Some(container)) = (wanted.is_empty(), container) else { return Ok(facts) };
        let inspected = self.find(&container.id).await?;
        let joined = inspected.map(|found| scene::networks(found.expose())).unwrap_or_default();
        for network in wanted {
            let standing = if joined.contains(network) { "joined" } else { "apart" };
            facts = facts.with(key(network), standing);
        }
        Ok(facts)
    }

    async fn protection_fact(&self, facts: Facts, orders: &Orders) -> Result<Facts> {
        let Some((image, tag)) = &orders.protect else { return Ok(facts) };
        let found = self.engine.inspect_image(tag.as_str()).await?;
        let standing = match found {
            None => "absent",
            Some(found) if text(found.expose(), "/Id") == image.as_str() => "set",
            Some(_) => "moved",
        };
        Ok(facts.with(key::PROTECTED, standing))
    }
}
