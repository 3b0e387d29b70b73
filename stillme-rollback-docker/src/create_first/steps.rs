//! The steps of `create-first`.

use std::time::Duration;

use stillme_rollback_core::{Condition, Phase, Result, Step, Undo};

use super::dependents::Steps;
use super::stand_in::StandIn;
use crate::action::Verb;
use crate::recipe::{Recipe, is};
use crate::scene::key;

/// The steps in their order. `stand_in`: where the stop of the old container deletes it.
pub(super) fn steps(recipe: &Recipe<'_>, stand_in: Option<&StandIn>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    steps.extend(recipe.protect()?);
    steps.push(recipe.create()?);
    for (index, connect) in recipe.ground.recreated.connects.iter().enumerate() {
        steps.push(recipe.connect(index, &connect.network)?);
    }
    let dependents = Steps::of(recipe, &recipe.ground.dependents);
    for dependent in &dependents {
        steps.push(dependent.create()?);
    }
    if let Some(stand_in) = stand_in {
        steps.push(create_stand_in(recipe, stand_in)?);
        for (index, network) in stand_in.networks.iter().enumerate() {
            steps.push(connect_stand_in(recipe, index, network)?);
        }
    }
    steps.push(recipe.hold()?);
    for dependent in &dependents {
        steps.extend(dependent.hold()?);
    }
    if stand_in.is_some() {
        steps.push(keep_name(recipe)?);
    }
    for dependent in dependents.iter().rev() {
        steps.extend(dependent.stop()?);
    }
    steps.push(stop_old(recipe, stand_in)?);
    steps.push(recipe.start_new(Phase::Switch, is(key::OLD, "down"))?);
    for dependent in &dependents {
        steps.extend(dependent.start()?);
    }
    steps.push(recipe.verdict()?);
    steps.push(recipe.set_aside()?);
    steps.push(recipe.take_over()?);
    for dependent in &dependents {
        steps.push(dependent.set_aside()?);
        steps.push(dependent.take_over()?);
    }
    steps.push(recipe.clear_strays()?);
    for dependent in &dependents {
        steps.push(dependent.clear_strays()?);
    }
    Ok(steps)
}

fn stop_old(recipe: &Recipe<'_>, stand_in: Option<&StandIn>) -> Result<Step> {
    if stand_in.is_none() {
        return recipe.stop_old(Phase::Switch, recipe.old_as_before());
    }
    let by_hand = format!("docker stop {}", recipe.ground.subject.old.short());
    let step = recipe.stop_old(Phase::Switch, recipe.old_as_before())?;
    Ok(step.by_hand(by_hand, Some(format!("docker start {}", recipe.aside()))))
}

/// The stop deletes the old container, and its name gets free with it. On the way back the copy gets
/// it, by a request of its own: this step is there for its undo.
fn keep_name(recipe: &Recipe<'_>) -> Result<Step> {
    let name = recipe.name();
    let title = format!("see to it that the copy gets the name {name} if it is needed");
    let step = recipe
        .step("keep-name", Phase::Switch, title, &Verb::KeepName)?
        .makes(Condition::new().is_any(key::NAME, ["old", "free", "new"]))
        .undo(Undo::Restores(is(key::NAME, "old")))
        .by_hand(
            format!("docker inspect {}", recipe.aside()),
            Some(format!("docker rename {} {name}", recipe.aside())),
        );
    Ok(step)
}

fn create_stand_in(recipe: &Recipe<'_>, stand_in: &StandIn) -> Result<Step> {
    let title = format!("create a copy of {} as the way back to it", recipe.old());
    let step = recipe
        .step("create-stand-in", Phase::Prepare, title, &stand_in.verb())?
        .expects(is(key::STAND_IN, "absent").is(key::OLD, "up"))
        .makes(Condition::new().is_any(key::STAND_IN, ["ready", "needed"]))
        .undo(Undo::Restores(Condition::new().is_any(key::STAND_IN, ["absent", "needed"])))
        .with_deadline(Duration::from_secs(60))
        .by_hand("rollback resume {run}", Some(format!("docker rm {}", recipe.aside())));
    Ok(step)
}

fn connect_stand_in(recipe: &Recipe<'_>, index: usize, network: &str) -> Result<Step> {
    let verb = Verb::ConnectStandIn { network: network.to_owned() };
    let fact = key::stand_in_network(network);
    let id = format!("connect-stand-in.{}", index + 1);
    let step = recipe
        .step(&id, Phase::Prepare, format!("connect the copy to {network}"), &verb)?
        .expects(is(&fact, "apart"))
        .makes(is(&fact, "joined"))
        .by_hand(format!("docker network connect {network} {}", recipe.aside()), None);
    Ok(step)
}
