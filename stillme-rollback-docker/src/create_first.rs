//! The strategy `create-first`: the new container is created and checked before the old one is
//! touched, then the old one is stopped and the new one started, and the old one is kept.

mod dependents;
mod stand_in;
mod steps;

use stillme_rollback_core::{
    HashKey, Note, Observation, Plan, PlanRefusal, Request, Result, Strategy,
};

use crate::dependents::Policy;
use crate::groundwork::{Groundwork, Wishes};
use crate::origin::Whose;
use crate::preflight;
use crate::recipe::{self, GENERATIONS, Recipe};

use self::stand_in::StandIn;

/// Create first, then switch.
///
/// The outage is from the stop of the old container until the new one answers: its boot time, and
/// on old engines at least 1.25 s (measured; their network lets the first connections wait for an
/// address that is not known yet).
#[derive(Clone, Debug)]
pub struct CreateFirst {
    key: HashKey,
    auto_remove: bool,
    generations: usize,
    wishes: Wishes,
}

impl CreateFirst {
    /// The strategy with the key of the hashes in its plans, the same as its executor's.
    pub const fn new(key: HashKey) -> Self {
        Self { key, auto_remove: false, generations: GENERATIONS, wishes: Wishes::PLAIN }
    }

    /// Also containers that were started with `--rm`, which are refused otherwise: stopping one
    /// deletes it. A copy of it waits before it is stopped, and is the way back: the same settings,
    /// volumes and networks under another id. It stays behind as the old container does.
    #[must_use]
    pub const fn allow_auto_remove(mut self) -> Self {
        self.auto_remove = true;
        self
    }

    /// Takes the settings back as well, to those of the release's kept container: to the same image with
    /// other settings, too. Refused when that container is gone, for only it has the values.
    #[must_use]
    pub const fn with_config(mut self) -> Self {
        self.wishes.whose = Whose::Release;
        self
    }

    /// Recreates those who hold on to the container (its network, IPC or PID namespace, its volumes, or by
    /// a link), on the new one. Refused otherwise, and for dependents of dependents, and dependents that
    /// were started with `--rm` or belong to a Compose project.
    #[must_use]
    pub const fn recreate_dependents(mut self) -> Self {
        self.wishes.dependents = Policy::Recreate;
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

impl Strategy for CreateFirst {
    fn name(&self) -> &'static str {
        "create-first"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let ground = Groundwork::of(observation, request, &self.key, self.wishes)?;
        let auto_remove = ground.recreated.auto_remove;
        if auto_remove && !self.auto_remove {
            return Err(preflight::auto_remove(&ground.subject.name).into());
        }
        if auto_remove && !ground.dependents.is_empty() {
            // They hold on to its id, and what comes back in its place has another one.
            return Err(preflight::auto_remove_with_dependents(&ground.subject.name).into());
        }
        let stand_in = auto_remove.then(|| StandIn::of(&ground.detail, &self.key)).transpose()?;
        let mut plan = ground.plan(self.name(), observation, request);
        plan.expected_outage = expected_outage(&ground);
        plan.notes.extend(stand_in.iter().map(StandIn::note));
        plan.notes.extend(about_dependents(&ground));
        plan.notes.push(in_flight(&ground));
        let recipe = Recipe::of(&ground, &self.key, request.deadline);
        plan.starts = recipe.starts();
        plan.steps = steps::steps(&recipe, stand_in.as_ref())?;
        plan.steps.extend(recipe.retire(self.generations)?);
        plan.check()?;
        Ok(plan)
    }
}

/// What becomes of requests that are on their way at the switch.
fn in_flight(ground: &Groundwork) -> Note {
    let grace = recipe::grace(&ground.detail.container);
    if !ground.runs() {
        Note::info("in-flight requests cut: no, it does not run")
    } else if ground.detail.deaf {
        Note::warning("in-flight requests cut: yes, it does not hear its stop signal and is killed")
    } else {
        Note::info(format!(
            "in-flight requests cut: no, as far as the service finishes them within {grace} s of its stop signal"
        ))
    }
}

fn about_dependents(ground: &Groundwork) -> Option<Note> {
    let names: Vec<_> = ground.dependents.iter().map(|plan| plan.dependent.to_string()).collect();
    (!names.is_empty()).then(|| {
        Note::warning(format!(
            "these hold on to it and are recreated with it, down for as long and kept beside: {}; the verdict asks no more of them than that they run",
            names.join("; ")
        ))
    })
}

fn expected_outage(ground: &Groundwork) -> String {
    if ground.runs() {
        String::from(
            "from the stop until the new container answers: its boot time, at least about 1.3 s",
        )
    } else {
        String::from("none beyond the present one: the container does not run")
    }
}
