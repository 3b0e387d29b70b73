//! The steps of `warm-swap`.
//!
//! The order on the networks is not free. The old container leaves its primary network last: an
//! engine publishes the ports of a container that has left it again through another one, and the new
//! one would find them taken. The new one joins the primary network first, so that its addresses and
//! routes are those of a fresh container.

use std::time::Duration;

use stillme_rollback_core::{Condition, Phase, Result, Step, Undo};

use crate::action::{Gate, Part, Verb};
use crate::recipe::{Recipe, connect_options, is};
use crate::recreate::Connect;
use crate::scene::key;

/// What the private network is called in commands for people.
const WARM: &str = "stillme-rb-{run8}";

/// The steps in their order.
pub(super) fn steps(recipe: &Recipe<'_>, gate: &Gate) -> Result<Vec<Step>> {
    // Of the same names in the same order, with the settings of each.
    let (networks, olds) = (&recipe.ground.recreated.endpoints, &recipe.ground.old_endpoints);
    let mut steps = Vec::new();
    steps.extend(recipe.protect()?);
    steps.push(make_warm_network(recipe)?);
    steps.push(recipe.create()?);
    for (index, network) in at_create(recipe).enumerate() {
        steps.push(free_new(recipe, index, network)?);
    }
    steps.push(join_warm(recipe)?);
    steps.push(recipe.start_new(Phase::Prepare, is(key::NEW_WARM, "joined"))?);
    steps.push(warm_up(recipe, gate)?);
    steps.push(recipe.hold()?);
    for (index, network) in olds.iter().rev().enumerate() {
        steps.push(leave_old(recipe, index, network)?);
    }
    for (index, network) in networks.iter().enumerate() {
        steps.push(join_new(recipe, index, network)?);
    }
    steps.push(recipe.verdict()?);
    steps.push(leave_warm(recipe)?);
    steps.push(remove_warm_network(recipe)?);
    steps.push(recipe.set_aside()?);
    steps.push(recipe.take_over()?);
    steps.push(recipe.stop_old(Phase::Commit, is(key::OLD, "up"))?);
    steps.push(recipe.clear_strays()?);
    for (index, network) in olds.iter().enumerate() {
        steps.push(return_old(recipe, index, network)?);
    }
    Ok(steps)
}

/// The networks on which the engine puts the new container when it creates it.
fn at_create<'a>(recipe: &'a Recipe<'_>) -> impl Iterator<Item = &'a Connect> {
    let recreated = &recipe.ground.recreated;
    let afterwards = recreated.connects.len();
    recreated.endpoints.iter().take(recreated.endpoints.len() - afterwards)
}

fn make_warm_network(recipe: &Recipe<'_>) -> Result<Step> {
    let title = "make a private network, on which the new container warms up";
    let step = recipe
        .step("make-warm-network", Phase::Prepare, title, &Verb::MakeWarmNetwork)?
        .expects(is(key::WARM_NETWORK, "absent"))
        .makes(is(key::WARM_NETWORK, "there"))
        .undo(Undo::Restores(is(key::WARM_NETWORK, "absent")))
        .by_hand(
            format!("docker network create --internal {WARM}"),
            Some(format!("docker network rm {WARM}")),
        );
    Ok(step)
}

/// It is not started yet, so that this is no more than a note in its settings.
fn free_new(recipe: &Recipe<'_>, index: usize, on: &Connect) -> Result<Step> {
    let network = &on.network;
    let fact = key::network(network);
    let verb = leave(Part::New, on);
    let title = format!("keep the new container off {network} for now");
    let step = recipe
        .step(&format!("free-new.{}", index + 1), Phase::Prepare, title, &verb)?
        .expects(is(&fact, "joined"))
        .makes(is(&fact, "apart"))
        // The undo of the create covers it.
        .undo(Undo::Nothing)
        .by_hand(format!("docker network disconnect {network} {}", recipe.waiting()), None);
    Ok(step)
}

fn join_warm(recipe: &Recipe<'_>) -> Result<Step> {
    let title = "connect the new container to the private network";
    let step = recipe
        .step("join-warm", Phase::Prepare, title, &Verb::JoinWarm)?
        .expects(is(key::NEW_WARM, "apart"))
        .makes(is(key::NEW_WARM, "joined"))
        .undo(Undo::Nothing)
        .by_hand(format!("docker network connect {WARM} {}", recipe.waiting()), None);
    Ok(step)
}

fn warm_up(recipe: &Recipe<'_>, gate: &Gate) -> Result<Step> {
    let by = match (gate.healthcheck, gate.ports.as_slice()) {
        (true, []) => "its health check passes".to_owned(),
        (true, ports) => format!("its health check passes and port {} accepts", list(ports)),
        (false, ports) => format!("port {} accepts", list(ports)),
    };
    let step = recipe
        .step(
            "warm-up",
            Phase::Prepare,
            format!("wait there until {by}"),
            &Verb::WarmUp { gate: gate.clone() },
        )?
        .expects(is(key::NEW, "up"))
        .makes(Condition::new().is_any(key::READY, ["ready", "over"]))
        .undo(Undo::Nothing)
        .with_deadline(recipe.deadline)
        .by_hand(format!("docker exec {} …", recipe.waiting()), None);
    Ok(step)
}

fn list(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn leave_old(recipe: &Recipe<'_>, index: usize, on: &Connect) -> Result<Step> {
    let (network, old) = (&on.network, recipe.ground.subject.old.short());
    let fact = key::old_network(network);
    let title = format!("take {} off {network}", recipe.old());
    let step = recipe
        .step(&format!("leave-old.{}", index + 1), Phase::Switch, title, &leave(Part::Old, on))?
        .expects(is(&fact, "joined").is(key::NEW, "up"))
        .makes(is(&fact, "apart"))
        .undo(Undo::Restores(is(&fact, "joined")))
        .by_hand(
            format!("docker network disconnect {network} {old}"),
            Some(format!(
                "docker network connect{} {network} {old}",
                connect_options(on.endpoint.expose())
            )),
        );
    Ok(step)
}

fn join_new(recipe: &Recipe<'_>, index: usize, on: &Connect) -> Result<Step> {
    let (network, waiting) = (&on.network, recipe.waiting());
    let place = key::place(network);
    let verb = Verb::Join {
        part: Part::New,
        network: network.clone(),
        endpoint: on.endpoint.expose().clone(),
    };
    let title = format!("connect the new container to {network}");
    let step = recipe
        .step(&format!("join-new.{}", index + 1), Phase::Switch, title, &verb)?
        .expects(
            Condition::new()
                .is_any(&place, ["free", "unpublished"])
                .is(&key::old_network(network), "apart"),
        )
        .makes(is(&place, "taken").is(&key::network(network), "joined"))
        // It gives up all of its places at once: off its primary network alone, an engine would
        // publish its ports through the next one, also through the private one.
        .undo(Undo::Restores(is(&place, "free")))
        .with_deadline(Duration::from_secs(60))
        .by_hand(
            format!(
                "docker network connect{} {network} {waiting}",
                connect_options(on.endpoint.expose())
            ),
            Some(format!("docker stop -t 0 {waiting}")),
        );
    Ok(step)
}

/// So that the kept container has all of its settings. It does not run, so this is no more than a note;
/// but started from here it would ask for ports that the new one has, so the run only goes forward.
fn return_old(recipe: &Recipe<'_>, index: usize, on: &Connect) -> Result<Step> {
    let (network, aside) = (&on.network, recipe.aside());
    let fact = key::old_network(network);
    let verb = Verb::Join {
        part: Part::Old,
        network: network.clone(),
        endpoint: on.endpoint.expose().clone(),
    };
    let title = format!("note {network} in the settings of the old container again");
    let step = recipe
        .step(&format!("return-old.{}", index + 1), Phase::Commit, title, &verb)?
        .expects(is(&fact, "apart").is(key::OLD, "down"))
        .makes(is(&fact, "joined"))
        .undo(Undo::Impossible)
        .by_hand(
            format!(
                "docker network connect{} {network} {aside}",
                connect_options(on.endpoint.expose())
            ),
            None,
        );
    Ok(step)
}

fn leave_warm(recipe: &Recipe<'_>) -> Result<Step> {
    let title = "take the new container off the private network";
    let step = recipe
        .step("leave-warm", Phase::Commit, title, &Verb::LeaveWarm)?
        .expects(is(key::NEW_WARM, "joined"))
        .makes(is(key::NEW_WARM, "apart"))
        .undo(Undo::Nothing)
        .by_hand(format!("docker network disconnect {WARM} {}", recipe.waiting()), None);
    Ok(step)
}

fn remove_warm_network(recipe: &Recipe<'_>) -> Result<Step> {
    let step = recipe
        .step(
            "remove-warm-network",
            Phase::Commit,
            "remove the private network",
            &Verb::RemoveWarmNetwork,
        )?
        .expects(is(key::WARM_NETWORK, "there"))
        .makes(is(key::WARM_NETWORK, "absent"))
        .undo(Undo::Nothing)
        .by_hand(format!("docker network rm {WARM}"), None);
    Ok(step)
}

fn leave(part: Part, on: &Connect) -> Verb {
    Verb::Leave { part, network: on.network.clone(), endpoint: on.endpoint.expose().clone() }
}
