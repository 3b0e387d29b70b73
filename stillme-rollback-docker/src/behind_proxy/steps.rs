//! The steps of `behind-proxy`.
//!
//! Whoever has the traffic runs, and whoever is stopped has none and has finished its requests: the old
//! container at the end, the new one on the way back. The old one keeps its restart policy for as long as
//! the traffic is its own, so that a restart of the engine gives no outage.

use std::time::Duration;

use stillme_rollback_core::{Condition, Phase, Result, Step, StepId, StepKind, Undo};

use crate::action::{Gate, Verb};
use crate::detail::BehindProxy as Found;
use crate::recipe::{Recipe, is};
use crate::scene::key;

/// What a request to the proxy may take beside the waiting for requests under way: its own look at the
/// new container first.
const MARGIN: Duration = Duration::from_secs(60);

/// The steps in their order.
pub(super) fn steps(
    recipe: &Recipe<'_>,
    proxy: &Found,
    gate: &Gate,
    drain_seconds: u64,
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    steps.extend(recipe.protect()?);
    steps.push(recipe.create()?);
    for (index, connect) in recipe.ground.recreated.connects.iter().enumerate() {
        steps.push(recipe.connect(index, &connect.network)?);
    }
    steps.push(start_new(recipe, drain_seconds)?);
    steps.push(warm_up(recipe, proxy, gate)?);
    steps.push(point(recipe, proxy, drain_seconds)?);
    steps.push(recipe.hold()?);
    steps.push(recipe.verdict()?);
    steps.push(recipe.set_aside()?);
    steps.push(recipe.take_over()?);
    steps.push(drain_old(recipe, drain_seconds)?);
    steps.push(recipe.stop_old(Phase::Commit, is(key::OLD, "up"))?);
    steps.push(recipe.clear_strays()?);
    Ok(steps)
}

/// Its undo lets it finish its requests first.
fn start_new(recipe: &Recipe<'_>, drain_seconds: u64) -> Result<Step> {
    let step = recipe.start_new(Phase::Prepare, is(key::TRAFFIC, "old"))?;
    let deadline = step.deadline + Duration::from_secs(drain_seconds);
    Ok(step.with_deadline(deadline))
}

fn warm_up(recipe: &Recipe<'_>, proxy: &Found, gate: &Gate) -> Result<Step> {
    let by = match (gate.healthcheck, gate.ports.is_empty()) {
        (true, true) => "its health check passes".to_owned(),
        (true, false) => format!("its health check passes and port {} accepts", proxy.port),
        (false, _) => format!("port {} accepts", proxy.port),
    };
    let title = format!("wait until {by}");
    let step = recipe
        .step("warm-up", Phase::Prepare, title, &Verb::WarmUp { gate: gate.clone() })?
        .expects(is(key::NEW, "up"))
        .makes(Condition::new().is_any(key::READY, ["ready", "over"]))
        .with_deadline(recipe.deadline)
        .by_hand(format!("docker exec {} …", recipe.waiting()), None);
    Ok(step)
}

fn point(recipe: &Recipe<'_>, proxy: &Found, drain_seconds: u64) -> Result<Step> {
    let Found { switch, port, .. } = proxy;
    let verb = Verb::PointTraffic { switch: switch.clone(), port: *port, drain_seconds };
    let title = format!("point the traffic of {switch} to the new container");
    let step = recipe
        .step("point-traffic", Phase::Switch, title, &verb)?
        .expects(is(key::TRAFFIC, "old").is(key::NEW, "up"))
        .makes(is(key::TRAFFIC, "new"))
        .undo(Undo::Restores(is(key::TRAFFIC, "old")))
        .with_deadline(MARGIN + Duration::from_secs(drain_seconds))
        .by_hand(
            by_hand(proxy, &recipe.waiting()),
            Some(by_hand(proxy, recipe.ground.subject.old.short())),
        );
    Ok(step)
}

/// A proxy's own command would need everything that the proxy knows of the service; so this is for people.
fn by_hand(proxy: &Found, container: &str) -> String {
    format!("# point {} to {container}, port {}", proxy.switch, proxy.port)
}

/// No observation shows it: it is a wait, and waiting again does no harm.
fn drain_old(recipe: &Recipe<'_>, drain_seconds: u64) -> Result<Step> {
    let verb = Verb::DrainOld { limit_seconds: drain_seconds };
    let title = format!("let {} finish its requests, for at most {drain_seconds} s", recipe.old());
    let id = StepId::new("drain-old")?;
    let step = Step::apply(id, Phase::Commit, StepKind::Keyed, title, verb.action())
        .expects(is(key::TRAFFIC, "new"))
        .with_deadline(MARGIN + Duration::from_secs(drain_seconds))
        .by_hand(format!("sleep {drain_seconds}"), None);
    Ok(step)
}
