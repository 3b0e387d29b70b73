//! First aid for a container that does harm: off its networks, or stopped; and back.
//!
//! Nothing is removed, so that what it has in memory and on disk can be looked at. Each is a plan like any
//! other, with a run and a journal of its own. No verdict is asked for: what is done is done when it is
//! seen. The way back is a plan as well, made from the plan that was carried out, which names what it
//! took away.

mod action;
mod executor;
mod seen;
mod steps;

use stillme_rollback_core::{
    Error, ErrorKind, Observation, Plan, PlanRefusal, Printable, Request, Result, Strategy,
};

pub use self::executor::EmergencyExecutor;
use self::seen::Seen;

/// Takes a container off all of its networks. It keeps running, and nobody can reach it.
///
/// Refused where the network is not its own (`host`, another container's), and where it is on none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Isolate;

/// Stops a container, so that its engine does not start it again.
///
/// Refused for one that was started with `--rm`, whose stop deletes it, and for one that does not run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop;

/// Takes back what a plan of [`Isolate`] or [`Stop`] did to the same container.
#[derive(Clone, Debug)]
pub struct Return {
    done: Plan,
}

impl Isolate {
    /// The name of this strategy, as plans spell it.
    pub const NAME: &'static str = "isolate";
}

impl Stop {
    /// The name of this strategy, as plans spell it.
    pub const NAME: &'static str = "stop";
}

impl Return {
    /// The name of this strategy, as plans spell it.
    pub const NAME: &'static str = "return";

    /// The way back from a plan that was carried out.
    pub const fn from(done: Plan) -> Self {
        Self { done }
    }
}

/// Whether a strategy is one of these, whose plans [`EmergencyExecutor`] does.
pub fn is_emergency(strategy: &str) -> bool {
    matches!(strategy, Isolate::NAME | Stop::NAME | Return::NAME)
}

impl Strategy for Isolate {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let seen = Seen::of(observation)?;
        let mode = seen.network_mode();
        if matches!(mode, "host" | "none") || mode.starts_with("container:") {
            let why =
                format!("its network mode is `{}`: that is no network of its own", Printable(mode));
            return Err(refused(&why, "`rollback stop` stops it").into());
        }
        let endpoints = seen.endpoints()?;
        if endpoints.is_empty() {
            return Err(refused("it is on no network", "it is isolated already").into());
        }
        Ok(steps::isolate(&seen, &endpoints, observation, request)?)
    }
}

impl Strategy for Stop {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let seen = Seen::of(observation)?;
        if seen.is_auto_removed() {
            let why = "it was started with `--rm`: its stop deletes it, and what it has with it";
            return Err(refused(why, "`rollback isolate` keeps it").into());
        }
        if !seen.runs() {
            return Err(refused("it does not run", "it is stopped already").into());
        }
        Ok(steps::stop(&seen, observation, request)?)
    }
}

impl Strategy for Return {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let seen = Seen::of(observation)?;
        Ok(steps::give_back(&seen, &self.done, observation, request)?)
    }
}

fn refused(why: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Rejected, "plan emergency", why)
        .with_hint(format!("nothing was touched; {hint}"))
}
