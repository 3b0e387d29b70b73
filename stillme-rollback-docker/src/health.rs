//! The verdicts that an engine can give by itself: its health check, run at once instead of at its
//! next interval, and the weak one of a container that keeps running.
//!
//! Both look at the container that the run made, found by its label, whatever its name is by now.

mod healthcheck;
mod port;
mod probe;
mod state;

use serde_json::Value;
use stillme_rollback_core::{Check, Outcome, Result, Run, RunId, Secret, Verdict};

pub use self::healthcheck::HealthcheckVerifier;
pub(crate) use self::port::accepts;
pub use self::probe::Probe;
pub use self::state::StateVerifier;
use crate::engine::{ContainerFilter, Engine};
use crate::inspect::State;
use crate::names::{ContainerId, LABEL_RUN};

/// The container that a run made.
enum Made {
    One(ContainerId, Box<Secret<Value>>),
    None,
    Several(usize),
}

async fn find(engine: &dyn Engine, run: &Run, named: Option<&ContainerId>) -> Result<Made> {
    let Some(named) = named else { return find_made(engine, run.id).await };
    let found = engine.inspect_container(&named.into()).await?;
    Ok(found.map_or(Made::None, |container| Made::One(named.clone(), Box::new(container))))
}

async fn find_made(engine: &dyn Engine, run: RunId) -> Result<Made> {
    let filter = ContainerFilter::all().label(LABEL_RUN, &run.to_string());
    let made = engine.list_containers(&filter).await?;
    match made.as_slice() {
        [] => Ok(Made::None),
        [one] => match engine.inspect_container(&(&one.id).into()).await? {
            Some(container) => Ok(Made::One(one.id.clone(), Box::new(container))),
            None => Ok(Made::None),
        },
        several => Ok(Made::Several(several.len())),
    }
}

/// A container that is named, or that a run made, and its state, or the verdict that follows from there
/// being none.
async fn look(
    engine: &dyn Engine,
    run: &Run,
    named: Option<&ContainerId>,
    check: &str,
) -> Result<std::result::Result<(ContainerId, Box<Secret<Value>>, State), Verdict>> {
    let (outcome, evidence) = match find(engine, run, named).await? {
        Made::One(id, container) => match State::of(container.expose()) {
            Some(state) => return Ok(Ok((id, container, state))),
            None => (Outcome::Inconclusive, "the engine shows no state of it".to_owned()),
        },
        Made::None if named.is_some() => (Outcome::Fail, "the container is gone".to_owned()),
        Made::None => (Outcome::Fail, "the container that the run made is gone".to_owned()),
        Made::Several(n) => {
            (Outcome::Inconclusive, format!("{n} containers say that the run made them"))
        }
    };
    Ok(Err(single(Check::new(check, outcome, evidence))))
}

/// Why a container that should run does not, if so. It was made by the run and started once, so that
/// one restart is a crash.
fn not_running(state: &State) -> Option<String> {
    if state.restarts > 0 {
        return Some(format!(
            "it crashed and was restarted {} times{}",
            state.restarts,
            ending(state)
        ));
    }
    if !state.running {
        return Some(format!("it is {}{}", state.status, ending(state)));
    }
    None
}

fn ending(state: &State) -> String {
    match (state.out_of_memory, state.exit_code) {
        (true, _) => ", killed for want of memory".to_owned(),
        (false, 0) if state.running => String::new(),
        (false, code) => format!(", last exit code {code}"),
    }
}

fn single(check: Check) -> Verdict {
    Verdict::of(vec![check])
}

#[cfg(test)]
mod tests;
