//! The plans of an emergency, and of the way back. Pure.

use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{
    Condition, Error, ErrorKind, Note, Observation, Phase, Plan, Purpose, Request, Result, Step,
    StepId, StepKind, Undo,
};

use super::action::{Subject, Verb};
use super::executor::key;
use super::seen::Seen;
use super::{Isolate, Return, Stop, refused};
use crate::detail::text;
use crate::recipe::{connect_options, is, restart_option};
use crate::recreate::Connect;
use crate::scene;

/// Off all networks, the primary one last: an engine publishes the ports of a container that has left it
/// through the next one.
pub(super) fn isolate(
    seen: &Seen,
    endpoints: &[Connect],
    observation: &Observation,
    request: &Request,
) -> Result<Plan> {
    let subject = Subject { name: seen.name.clone(), id: seen.id()? };
    let verbs = endpoints.iter().rev().map(|on| Verb::Leave {
        network: on.network.clone(),
        endpoint: on.endpoint.expose().clone(),
    });
    let target = &observation.target;
    let mut plan = Plan::new(Isolate::NAME, target.clone(), seen.release()?, seen.release()?);
    plan.purpose = Some(
        Purpose::new(
            format!("take {target} off its networks"),
            format!("ISOLATED {target}: it is on no network and goes on as it was"),
            format!("NOT ISOLATED {target}: it is on its networks as before"),
        )
        .taken_back_by(format!("rollback isolate docker {} --back", seen.name)),
    );
    plan.expected_outage = "from now on until it is taken back: nobody reaches it".to_owned();
    plan.notes = vec![
        Note::warning("connections that are open are cut"),
        Note::info("containers that share its network, if there are any, are cut off with it"),
        Note::info("addresses and ports that the engine chose may be others when it is taken back"),
    ];
    plan.notes.extend(about_compose(seen));
    finish(plan, seen, &subject, verbs, request)
}

/// Held first: an engine that restarts just now would start it again.
pub(super) fn stop(seen: &Seen, observation: &Observation, request: &Request) -> Result<Plan> {
    let subject = Subject { name: seen.name.clone(), id: seen.id()? };
    let policy = seen.container.pointer("/HostConfig/RestartPolicy").cloned();
    let policy = policy.filter(|policy| !scene::is_held(policy));
    let hold = policy.map(|policy| Verb::Hold { policy });
    let verbs = hold.into_iter().chain([Verb::Stop { grace_seconds: seen.grace() }]);
    let target = &observation.target;
    let mut plan = Plan::new(Stop::NAME, target.clone(), seen.release()?, seen.release()?);
    plan.purpose = Some(
        Purpose::new(
            format!("stop {target}"),
            format!("STOPPED {target}: it is kept, and nothing starts it by itself"),
            format!("NOT STOPPED {target}: it runs as before"),
        )
        .taken_back_by(format!("rollback stop docker {} --back", seen.name)),
    );
    plan.expected_outage = "from now on until it is taken back".to_owned();
    plan.notes = vec![Note::warning("what it has in memory is lost")];
    if seen.deaf {
        plan.notes.push(Note::info("it does not handle its stop signal, so it is killed at once"));
    }
    plan.notes.extend(about_compose(seen));
    finish(plan, seen, &subject, verbs, request)
}

/// What a plan did, taken back in reverse.
pub(super) fn give_back(
    seen: &Seen,
    done: &Plan,
    observation: &Observation,
    request: &Request,
) -> Result<Plan> {
    let subject = Subject::of(done)?;
    if subject.id != seen.id()? {
        return Err(refused(
            "it is another container than the one that it was done to, so there is nothing to take back",
            "`docker ps --all` shows what there is",
        )
        .with_context("then", subject.id.short())
        .with_context("now", seen.id()?.short()));
    }
    let verbs: Result<Vec<_>> =
        done.steps.iter().rev().map(|step| Ok(Verb::of(step)?.0.reverse())).collect();
    // Somebody may have taken back some of it by hand, or all.
    let verbs: Vec<_> = verbs?.into_iter().filter(|verb| !seen.shows(verb)).collect();
    if verbs.is_empty() {
        return Err(refused("it is as it was before already", "there is nothing to take back"));
    }
    let target = &observation.target;
    let was = match done.strategy.as_str() {
        Isolate::NAME => "isolated",
        _ => "stopped",
    };
    let mut plan = Plan::new(Return::NAME, target.clone(), seen.release()?, seen.release()?);
    plan.purpose = Some(Purpose::new(
        format!("take back that {target} was {was}"),
        format!("TAKEN BACK: {target} is as it was before it was {was}"),
        format!("NOT TAKEN BACK: {target} is {was}, as before"),
    ));
    plan.expected_outage = "none beyond the present one".to_owned();
    plan.notes = vec![Note::warning("nobody checks that it works: look at the service yourself")];
    finish(plan, seen, &subject, verbs.into_iter(), request)
}

fn finish(
    mut plan: Plan,
    seen: &Seen,
    subject: &Subject,
    verbs: impl Iterator<Item = Verb>,
    request: &Request,
) -> Result<Plan> {
    let steps: Result<Vec<_>> =
        (1..).zip(verbs).map(|(number, verb)| step(subject, number, &verb)).collect();
    plan.steps = steps?;
    // As it is seen, and as each first step expects it.
    plan.starts = plan
        .steps
        .iter()
        .rev()
        .fold(is(key::NAME, "ours"), |all, step| all.overlaid_with(&step.expects));
    plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
    plan.check().map_err(|_| nothing_to_do(seen))?;
    Ok(plan)
}

fn nothing_to_do(seen: &Seen) -> Error {
    Error::new(ErrorKind::Rejected, "plan emergency", "there is nothing to do")
        .with_context("container", seen.name.as_str())
        .with_hint("nothing was touched")
}

fn step(subject: &Subject, number: usize, verb: &Verb) -> Result<Step> {
    let (name, id) = (&subject.name, subject.id.short());
    let shown = format!("{name} ({id})");
    let (word, title) = match verb {
        Verb::Leave { network, .. } => ("leave", format!("take {shown} off {network}")),
        Verb::Join { network, .. } => ("join", format!("connect {shown} to {network}")),
        Verb::Hold { .. } => ("hold", format!("let the engine not restart {shown} by itself")),
        Verb::Release { policy } => {
            let word = restart_option(policy);
            ("release", format!("let the engine restart {shown} again ({word})"))
        }
        Verb::Stop { .. } => ("stop", format!("stop {shown}")),
        Verb::Start { .. } => ("start", format!("start {shown}")),
    };
    let (before, after) = (state(&verb.clone().reverse()), state(verb));
    let action = verb.action(subject);
    let step = Step::apply(
        StepId::new(format!("{word}.{number}"))?,
        Phase::Switch,
        StepKind::Observable,
        title,
        action,
    );
    Ok(step
        .expects(before.clone())
        .makes(after)
        .undo(Undo::Restores(before))
        .with_deadline(Duration::from_secs(60) + grace(verb))
        .by_hand(command(verb, id), Some(command(&verb.clone().reverse(), id))))
}

fn grace(verb: &Verb) -> Duration {
    match verb {
        Verb::Stop { grace_seconds } | Verb::Start { grace_seconds } => {
            Duration::from_secs(*grace_seconds)
        }
        _ => Duration::ZERO,
    }
}

/// What holds when it is done.
fn state(verb: &Verb) -> Condition {
    match verb {
        Verb::Leave { network, .. } => is(&key::network(network), "apart"),
        Verb::Join { network, .. } => is(&key::network(network), "joined"),
        Verb::Hold { .. } => is(key::RESTART, "held"),
        Verb::Release { .. } => is(key::RESTART, "kept"),
        Verb::Stop { .. } => is(key::STATE, "down"),
        Verb::Start { .. } => is(key::STATE, "up"),
    }
}

fn command(verb: &Verb, id: &str) -> String {
    match verb {
        Verb::Leave { network, .. } => format!("docker network disconnect {network} {id}"),
        Verb::Join { network, endpoint } => {
            format!("docker network connect{} {network} {id}", connect_options(endpoint))
        }
        Verb::Hold { .. } => format!("docker update --restart=no {id}"),
        Verb::Release { policy } => {
            format!("docker update --restart={} {id}", restart_option(policy))
        }
        Verb::Stop { grace_seconds } => format!("docker stop -t {grace_seconds} {id}"),
        Verb::Start { .. } => format!("docker start {id}"),
    }
}

fn about_compose(seen: &Seen) -> Option<Note> {
    let project = text(&seen.container, "/Config/Labels/com.docker.compose.project");
    (!project.is_empty()).then(|| {
        Note::warning("it belongs to a Compose project, whose next `up` may start it anew")
    })
}

/// The policy of a container that its engine starts by no means.
pub(super) fn no_restart() -> Value {
    json!({"Name": "no"})
}
