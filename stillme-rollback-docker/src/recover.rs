//! What a run left behind, put in order without the run's journal: from the engine alone.
//!
//! A run of `create-first` that died leaves a new container under a name of its own
//! ([`waiting`](crate::ContainerName::waiting)), whose labels name the run and the container that it
//! replaces. That is enough to know where it stood: see [`Recover`]. It is a plan like any other, with
//! a run and a journal of its own, so it can be shown, refused, killed and resumed.

mod action;
mod decide;
mod executor;
mod left;
mod steps;

use stillme_rollback_core::{Observation, Plan, PlanRefusal, Request, Strategy};

use self::decide::{Decision, decide};
pub use self::executor::RecoverExecutor;
use self::left::Left;

/// Puts in order what a run of `create-first` left.
///
/// | what is seen | what it means | what is done |
/// |---|---|---|
/// | no waiting container | the run had ended, or had not begun | nothing |
/// | the new one never started, the old one runs | users felt nothing | the new one is removed |
/// | the new one never started, the old one stands | an outage | the old one is started, the new one removed |
/// | the new one was started, the old one has the name | nobody decided on the new one | the old one is started, the new one removed |
/// | the old one is put aside, the new one runs | a verdict had passed | the new one gets the name, if it still works |
/// | the old one is put aside, the new one does not run | | the old one gets the name back and is started, the new one removed |
/// | the old one is gone, and a copy of it waits (`--rm`) | nobody decided on the new one | nothing: what is started once can't be taken back, so the commands are named |
/// | the new one was started behind a proxy (`behind-proxy`), and would be stopped | it may have the traffic | nothing: the proxy has to be asked, so the commands are named |
/// | the name is somebody else's | they deployed since | nothing: theirs is not touched |
///
/// The old container gets back the restart policy that the new one has, which is a copy of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recover {
    back: bool,
}

impl Recover {
    /// As the table says.
    pub const fn new() -> Self {
        Self { back: false }
    }

    /// Back to the old container, also where the new one could get the name.
    pub const fn taking_back() -> Self {
        Self { back: true }
    }

    /// The name of this strategy, as plans spell it.
    pub const NAME: &'static str = "recover";
}

impl Strategy for Recover {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let left = Left::of(observation)?;
        let decision = decide(&left, self.back)?;
        if decision == Decision::Nothing
            && let Some(running) = &observation.running
        {
            return Err(PlanRefusal::AlreadyThere(running.clone()));
        }
        let plan = steps::plan(observation, &left, decision, request)?;
        plan.check()?;
        Ok(plan)
    }
}
