//! The strategy `warm-swap`: the new container is started and ready on a private network before the
//! old one is touched; then the two change places on the service's networks.

mod preflight;
mod steps;

use stillme_rollback_core::{
    HashKey, Note, Observation, Plan, PlanRefusal, Request, Result, Strategy,
};

use crate::groundwork::{Groundwork, Wishes};
use crate::origin::Whose;
use crate::recipe::{GENERATIONS, Recipe};

/// Warm up, then change places.
///
/// The outage is that of taking one container off its networks and putting another one on: about
/// 0.3 s, whatever the boot time. A new version that can't boot costs nothing. While they change
/// places the old container keeps running, so the way back is as short.
///
/// The price: for a while both versions run, without a way out of the private network for the new
/// one, and connections that are open at the switch are cut. So it refuses what could be harmed by
/// that, as far as it can be seen from outside; queue consumers, migrations at boot and a need for
/// the world outside at boot can't be.
#[derive(Clone, Debug)]
pub struct WarmSwap {
    key: HashKey,
    shared_writes: bool,
    generations: usize,
    wishes: Wishes,
}

impl WarmSwap {
    /// The name of this strategy, as plans spell it.
    pub const NAME: &'static str = "warm-swap";

    /// The strategy with the key of the hashes in its plans, the same as its executor's.
    pub const fn new(key: HashKey) -> Self {
        Self { key, shared_writes: false, generations: GENERATIONS, wishes: Wishes::PLAIN }
    }

    /// Also containers that can write to what they share with the new one: both run at once for a
    /// while.
    #[must_use]
    pub const fn allow_shared_writes(mut self) -> Self {
        self.shared_writes = true;
        self
    }

    /// Takes the settings back as well, to those of the release's kept container: to the same image with
    /// other settings, too. Refused when that container is gone, for only it has the values.
    #[must_use]
    pub const fn with_config(mut self) -> Self {
        self.wishes.whose = Whose::Release;
        self
    }

    /// Keeps so many old containers, this run's own included: two unless said otherwise. At least the one
    /// that this run goes away from stays; volumes are never removed.
    #[must_use]
    pub const fn keeping(mut self, generations: usize) -> Self {
        self.generations = generations;
        self
    }
}

impl Strategy for WarmSwap {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let ground = Groundwork::of(observation, request, &self.key, self.wishes)?;
        let gate = preflight::check(&ground, self.shared_writes)?;
        let mut plan = ground.plan(self.name(), observation, request);
        plan.expected_outage = String::from(
            "about 0.3 s, whatever the boot time; connections that are open then are cut",
        );
        plan.notes.push(Note::warning(
            "both versions run at once for a while, the new one on a private network without a way out: not for services that consume a queue, migrate data at boot, or need the outside to boot",
        ));
        plan.notes.push(Note::warning(
            "in-flight requests cut: yes, the connections go with the old container's networks",
        ));
        let recipe = Recipe::of(&ground, &self.key, request.deadline);
        plan.starts = recipe.starts();
        plan.steps = steps::steps(&recipe, &gate)?;
        plan.steps.extend(recipe.retire(self.generations)?);
        plan.check()?;
        Ok(plan)
    }
}
