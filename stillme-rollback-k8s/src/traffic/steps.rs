//! What the plans of this kind share: their frame, their refusals, and the steps that scale and wait.

use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::{
    CheckSpec, Condition, Error, ErrorKind, Note, Observation, Phase, Plan, Printable, Release,
    Request, Result, Step, StepId, StepKind, Undo,
};

use super::found::Found;
use super::look::key;
use super::order::{Order, Verb, Which};
use crate::checks::TRAFFIC;

/// A plan without its steps.
pub(super) fn frame(
    strategy: &'static str,
    observation: &Observation,
    request: &Request,
    found: &Found,
) -> Result<Plan> {
    let release = |release: Option<&Release>| {
        release.cloned().ok_or_else(|| refused("the observation has no release"))
    };
    let (from, to) =
        (release(observation.running.as_ref())?, release(observation.releases.first())?);
    let mut plan = Plan::new(strategy, observation.target.clone(), from, to);
    plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
    plan.on_inconclusive = request.on_inconclusive;
    let title = if request.checks.is_empty() {
        "WEAK: only that requests go to its pods alone, which are ready; give a health URL for more"
    } else {
        "requests go to its pods alone, which are ready"
    };
    plan.checks = vec![CheckSpec::new(TRAFFIC, title, Value::Null)];
    plan.checks.extend(request.checks.iter().cloned());
    plan.notes.push(Note::info(format!("{} → {}", found.images.0, found.images.1)));
    plan.notes.extend(found.reverted_by.iter().map(Note::warning));
    plan.notes.extend(found.notes.iter().map(Note::info));
    Ok(plan)
}

/// What is refused before anything is touched.
pub(super) fn check(found: &Found, despite_owner: bool) -> Result<()> {
    if !found.denied.is_empty() {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "plan rollback",
            "what the rollback or its way back needs is not allowed",
        )
        .with_context("not allowed", found.denied.join(", "))
        .with_hint("nothing was touched; docs/kubernetes.md has the Role"));
    }
    if !found.no_room.is_empty() {
        return Err(refused("there is no room for its pods")
            .with_context("quotas", Printable(&found.no_room.join("; ")).to_string())
            .with_hint("nothing was touched; raise the quota, or make room"));
    }
    match found.reverted_by.first() {
        Some(who) if !despite_owner => Err(refused("somebody would take the rollback back")
            .with_context("who", who.clone())
            .with_hint(
                "nothing was touched; go back where it is written, or stop that first and use --despite-owner",
            )),
        _ => Ok(()),
    }
}

/// The step that scales a side. `None` if it has what is wanted.
pub(super) fn scale(order: &Order, which: Which, phase: Phase) -> Result<Option<Step>> {
    let side = order.side(which);
    if side.replicas == side.wanted {
        return Ok(None);
    }
    let (key, name) = match which {
        Which::From => (key::FROM, "scale-down"),
        Which::To => (key::TO, "scale-up"),
    };
    let by_hand = |replicas: i64| {
        format!(
            "kubectl --namespace {} scale deployment/{} --replicas={replicas}",
            order.namespace, side.name
        )
    };
    let step = Step::apply(
        StepId::new(name)?,
        phase,
        StepKind::Observable,
        format!("scale deployment/{} from {} to {} pods", side.name, side.replicas, side.wanted),
        Verb::Scale { which, order: Box::new(order.clone()) }.action(),
    );
    // After the verdict, taking it back is no part of the run any more.
    let undo = match phase {
        Phase::Commit => Undo::Impossible,
        _ => Undo::Restores(is(key, "before")),
    };
    Ok(Some(
        step.expects(is(key, "before"))
            .makes(is(key, "wanted"))
            .undo(undo)
            .by_hand(by_hand(side.wanted), Some(by_hand(side.replicas))),
    ))
}

/// The step that waits until the side that shall serve can.
pub(super) fn await_ready(order: &Order, limit: Duration) -> Result<Step> {
    let step = Step::apply(
        StepId::new("await-ready")?,
        Phase::Prepare,
        StepKind::Observable,
        format!("wait until deployment/{} has {} ready pods", order.to.name, order.to.wanted),
        Verb::AwaitReady { order: Box::new(order.clone()) }.action(),
    );
    Ok(step
        .expects(Condition::new().is_any(key::READY, ["yes", "no"]))
        .makes(is(key::READY, "yes"))
        .with_deadline(limit))
}

pub(super) fn is(key: &str, value: &str) -> Condition {
    Condition::new().is(key, value)
}

pub(super) fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, "plan rollback", why.to_owned())
        .with_hint("nothing was touched")
}
