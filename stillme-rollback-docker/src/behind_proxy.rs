//! The strategy `behind-proxy`: the new container runs beside the old one, and a proxy's traffic is moved
//! from one to the other.

mod preflight;
mod steps;

use std::time::Duration;

use stillme_rollback_core::{
    HashKey, Note, Observation, Plan, PlanRefusal, Request, Result, Strategy,
};

use crate::action::Verb;
use crate::groundwork::{Groundwork, Wishes};
use crate::recipe::{GENERATIONS, Recipe};

/// Move the traffic of a proxy: no outage, and no request that is cut.
///
/// The new container is started beside the old one, on the same networks, and is shown to be ready. Then
/// a [`TrafficSwitch`](crate::TrafficSwitch) points the proxy's new requests to it, the verdict decides,
/// the old one finishes its requests and is stopped and kept. A version that never gets ready gets no
/// request. One that fails its verdict loses the traffic again, finishes what it has, and is stopped.
///
/// The executor must have been given the switch:
/// [`with_traffic_switch`](crate::DockerExecutor::with_traffic_switch).
///
/// The price: for a while both versions run, with everything that they do beside answering requests. So it
/// refuses what two containers can't have at once (a fixed host port, a static address), and what could be
/// harmed, as far as it can be seen from outside; queue consumers and migrations at boot can't be.
#[derive(Clone, Debug)]
pub struct BehindProxy {
    key: HashKey,
    allowed: Allowed,
    drain: Duration,
    generations: usize,
}

/// What is refused unless somebody says otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Allowed {
    shared_writes: bool,
    shared_aliases: bool,
}

/// As long as proxies of this kind give requests by themselves.
const DRAIN: Duration = Duration::from_secs(30);

impl BehindProxy {
    /// The name of this strategy, as plans spell it.
    pub const NAME: &'static str = "behind-proxy";

    /// The strategy with the key of the hashes in its plans, the same as its executor's.
    pub const fn new(key: HashKey) -> Self {
        let allowed = Allowed { shared_writes: false, shared_aliases: false };
        Self { key, allowed, drain: DRAIN, generations: GENERATIONS }
    }

    /// Also containers that can write to what they share with the new one: both run at once for a
    /// while.
    #[must_use]
    pub const fn allow_shared_writes(mut self) -> Self {
        self.allowed.shared_writes = true;
        self
    }

    /// Also containers with network aliases. Who reaches the service by one goes past the proxy, and
    /// for a while may find either version, the new one before it is ready.
    #[must_use]
    pub const fn allow_shared_aliases(mut self) -> Self {
        self.allowed.shared_aliases = true;
        self
    }

    /// Gives requests under way so long, in whole seconds, before the container that has them is
    /// stopped: 30 s unless said otherwise.
    #[must_use]
    pub const fn draining_for(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// The name of the switch that a plan moves traffic with, if it does: who resumes a run makes the
    /// same one again.
    pub fn switch_of(plan: &Plan) -> Option<String> {
        plan.steps.iter().find_map(|step| match Verb::of(step) {
            Ok(Verb::PointTraffic { switch, .. }) => Some(switch),
            _ => None,
        })
    }

    /// Keeps so many old containers, this run's own included: two unless said otherwise. At least the one
    /// that this run goes away from stays; volumes are never removed.
    #[must_use]
    pub const fn keeping(mut self, generations: usize) -> Self {
        self.generations = generations;
        self
    }
}

impl Strategy for BehindProxy {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let ground = Groundwork::of(observation, request, &self.key, Wishes::PLAIN)?;
        let (proxy, gate) = preflight::check(&ground, self.allowed)?;
        let mut plan = ground.plan(Self::NAME, observation, request);
        let seconds = self.drain.as_secs();
        plan.expected_outage = format!(
            "none: new requests go to the new container at once; those under way are finished, in at most {seconds} s each"
        );
        plan.notes.push(Note::info(format!("the traffic is moved by {}", proxy.switch)));
        plan.notes.push(Note::warning(
            "both versions run at once for a while: not for services that consume a queue or migrate data at boot",
        ));
        plan.notes.push(Note::info(format!(
            "in-flight requests cut: no, unless one takes longer than {seconds} s"
        )));
        let recipe = Recipe::of(&ground, &self.key, request.deadline);
        plan.starts = recipe.starts().is(crate::scene::key::TRAFFIC, "old");
        plan.steps = steps::steps(&recipe, proxy, &gate, seconds)?;
        plan.steps.extend(recipe.retire(self.generations)?);
        plan.check()?;
        Ok(plan)
    }
}
