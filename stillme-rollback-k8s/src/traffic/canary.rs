//! The strategy `canary`: the canary beside a stable Deployment gets no more requests.

use stillme_rollback_core::{
    Note, Observation, Phase, Plan, PlanRefusal, Request, Result, Step, StepId, Strategy,
};

use super::found::Found;
use super::look::key;
use super::order::Which;
use super::steps::{await_ready, check, frame, is, refused, scale};

/// Away from the canary: the stable Deployment gets as many pods as both had, and is ready, before the canary is scaled
/// to none.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Canary {
    despite_owner: bool,
}

impl Canary {
    /// The strategy.
    pub const fn new() -> Self {
        Self { despite_owner: false }
    }

    /// Also where somebody takes it back by himself (Argo CD, Flux), which is refused otherwise.
    #[must_use]
    pub const fn despite_owner(mut self) -> Self {
        self.despite_owner = true;
        self
    }
}

impl Strategy for Canary {
    fn name(&self) -> &'static str {
        "canary"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let found = Found::of(observation)?;
        let order = found.order.clone();
        if order.from.replicas == 0 {
            return Err(match observation.releases.first() {
                Some(there) => PlanRefusal::AlreadyThere(there.clone()),
                None => refused("the canary has no pods").into(),
            });
        }
        check(&found, self.despite_owner)?;
        if order.from.autoscaled {
            return Err(refused("an autoscaler scales the canary")
                .with_context("canary", order.from.name.as_str())
                .with_hint("nothing was touched; delete the autoscaler of the canary first")
                .into());
        }
        let mut plan = frame(self.name(), observation, request, &found)?;
        plan.expected_outage = "none: requests under way at the canary end there".to_owned();
        plan.notes.push(Note::info(format!(
            "deployment/{} keeps its template: what deploys to it next brings it back",
            order.from.name
        )));
        plan.starts = is(key::FROM, "before");
        plan.steps.extend(scale(&order, Which::To, Phase::Prepare)?);
        plan.steps.push(await_ready(&order, request.deadline)?);
        plan.steps.extend(scale(&order, Which::From, Phase::Switch)?);
        plan.steps.push(Step::verdict(
            StepId::new("verdict")?,
            "see whether it works",
            request.deadline,
        ));
        plan.check()?;
        Ok(plan)
    }
}
