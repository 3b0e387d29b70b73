//! The choice between the strategies, from what can be seen of a container.

use stillme_rollback_core::{
    Note, Observation, Plan, PlanRefusal, Request, Result, Strategy, chain,
};

use crate::{CreateFirst, WarmSwap};

/// Warm swap where nothing that can be seen speaks against it, else create first. The plan says which
/// and why.
///
/// Warm swap is taken for containers that share nothing which they can write to, and for those with
/// the label `dev.stillme.rollback.strategy=warm-swap`. Whether a service consumes a queue, migrates
/// data when it boots, or needs the outside to boot can't be seen from outside: without the label it
/// is a guess, and the plan's notes say so.
#[derive(Clone, Debug)]
pub struct Auto {
    warm_swap: WarmSwap,
    create_first: CreateFirst,
}

impl Auto {
    /// The choice between these two.
    pub const fn new(warm_swap: WarmSwap, create_first: CreateFirst) -> Self {
        Self { warm_swap, create_first }
    }
}

impl Strategy for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let refused = match self.warm_swap.plan(observation, request) {
            Err(PlanRefusal::Refused(refused)) => refused,
            planned => return planned,
        };
        // What speaks against both is told by the second one.
        let mut plan = self.create_first.plan(observation, request)?;
        let why = chain(&refused).first().cloned().unwrap_or_default();
        plan.notes.push(Note::info(format!("create-first was chosen: {why}")));
        Ok(plan)
    }
}
