//! The strategy `compose-up`: the compose command brings the services up from their target images, and
//! from the ones before if that fails.

use std::collections::BTreeMap;
use std::time::Duration;

use stillme_rollback_core::{
    Condition, Error, ErrorKind, Evidence, Goal, Note, Observation, Phase, Plan, PlanRefusal,
    Request, Result, Step, StepId, StepKind, Strategy, Undo,
};

use super::action::{Order, Verb};
use super::checks::{self, Wanted};
use super::detail::{Detail, ServiceDetail};
use super::drift::Standing;
use super::names::ServiceName;
use super::scene::key;
use super::sticky::{Change, Sticky};
use crate::images::protecting_tag;
use crate::names::ImageId;

/// What an `up` may take beside the time that containers get to stop.
const UP: Duration = Duration::from_secs(120);

/// Brings Compose services up from another image, and takes them back by the same way.
///
/// What there is to know was looked at by
/// [`ComposeExecutor::observe_for`](super::ComposeExecutor::observe_for).
#[derive(Clone, Copy, Debug, Default)]
pub struct ComposeUp;

impl ComposeUp {
    /// Its name, as plans spell it.
    pub const NAME: &'static str = "compose-up";
}

impl Strategy for ComposeUp {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let detail = Detail::of(observation)?;
        let Goal::Release(to) = &request.to else {
            return Err(refusal(
                ErrorKind::InvalidInput,
                "the goal is not one that was observed for",
            )
            .into());
        };
        let from = observation
            .running
            .clone()
            .ok_or_else(|| refusal(ErrorKind::NotFound, "the services have no containers"))?;
        if detail.orders.services.is_empty() {
            return Err(PlanRefusal::AlreadyThere(to.clone()));
        }
        check(&detail)?;
        let mut plan = Plan::new(Self::NAME, observation.target.clone(), from, to.clone());
        plan.checks.clone_from(&request.checks);
        plan.checks.push(verdict(&detail, request));
        plan.on_inconclusive = request.on_inconclusive;
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.expected_outage = String::from(
            "each replica from its stop until the new one answers: its boot time, and what compose needs in between",
        );
        plan.notes = notes(&detail);
        plan.starts = starts(&detail);
        plan.steps = steps(&detail, request.deadline)?;
        plan.check()?;
        Ok(plan)
    }
}

/// Refuses what can't be done, or must not be done unasked.
fn check(detail: &Detail) -> Result<()> {
    let drifts = drifts(detail);
    if !drifts.is_empty() && !detail.allow_drift {
        return Err(refusal(ErrorKind::Mismatch, drifts.join("; ")).with_hint(
            "nothing was touched; the rollback would bring these changes into effect as well: if that is meant, say --allow-drift; else call it from the shell that deployed, with the same -f, --env-file and --profile",
        ));
    }
    if !detail.differences.is_empty() {
        let message = format!(
            "with other images the files say other things as well: {}",
            detail.differences.join(", ")
        );
        return Err(refusal(ErrorKind::Mismatch, message)
            .with_hint("nothing was touched; a rollback changes images and nothing else"));
    }
    if !detail.dependents.is_empty() {
        let message = format!(
            "other services live in what would be replaced: {}",
            detail.dependents.join(", ")
        );
        return Err(refusal(ErrorKind::Rejected, message)
            .with_hint("nothing was touched; name them as well, so that they go back together"));
    }
    Ok(())
}

fn drifts(detail: &Detail) -> Vec<String> {
    let changing = |name: &&ServiceName| detail.orders.services.contains_key(*name);
    let drift = |name: &ServiceName| match &detail.services.get(name)?.standing {
        Standing::Drifted(drift) => Some(drift.of(name)),
        Standing::Same | Standing::OurImage => None,
    };
    detail.services.keys().filter(changing).filter_map(drift).collect()
}

fn verdict(detail: &Detail, request: &Request) -> stillme_rollback_core::CheckSpec {
    let wanted = |(name, order): (&ServiceName, &Order)| {
        let healthcheck = detail.services.get(name).is_some_and(|service| service.has_healthcheck);
        (name.clone(), Wanted { image: order.to.clone(), replicas: order.replicas, healthcheck })
    };
    let services: BTreeMap<_, _> = detail.orders.services.iter().map(wanted).collect();
    let project = &detail.orders.definition.project;
    checks::of_services(project, services, detail.others.clone(), &request.checks)
}

fn notes(detail: &Detail) -> Vec<Note> {
    let mut notes = Vec::new();
    for drift in drifts(detail) {
        notes.push(Note::warning(format!("drift, allowed: {drift}; what changed comes into effect with this run, and its undo does not take that back")));
    }
    for (name, order) in &detail.orders.services {
        let Some(service) = detail.services.get(name) else { continue };
        if let Some(Evidence::LeftBy { run }) =
            service.to.evidence.iter().find(|evidence| matches!(evidence, Evidence::LeftBy { .. }))
        {
            notes.push(Note::warning(format!(
                "run {run} went away from {} because it was not wanted: going there takes that rollback back",
                service.to
            )));
        }
        notes.push(Note::info(format!(
            "`{name}`: {} to {}, {} replica{}; nothing but the image changes",
            service.from,
            service.to,
            order.replicas,
            if order.replicas == 1 { "" } else { "s" }
        )));
        if !service.is_up {
            notes.push(Note::warning(format!("not all containers of `{name}` run now")));
        }
    }
    for name in &detail.there_already {
        notes.push(Note::info(format!("`{name}` runs the target already and is left alone")));
    }
    if !detail.leftovers.is_empty() {
        notes.push(Note::warning(format!(
            "an `up` was interrupted here and left {}; the next one, of this run, puts that in order",
            detail.leftovers.join(", ")
        )));
    }
    notes.push(stickiness(detail));
    notes.push(Note::info(
        "in-flight requests cut: no, as far as the service finishes them within the grace period of its stop",
    ));
    notes.push(Note::info(
        "no warm swap: compose makes and names the containers itself, and would not know one that was put in place beside it",
    ));
    notes
}

/// What becomes of the rollback with the next `up`. The truth, whichever it is.
fn stickiness(detail: &Detail) -> Note {
    let back: Vec<_> = detail
        .orders
        .services
        .iter()
        .filter_map(|(name, order)| {
            let said = &detail.services.get(name)?.said;
            (*said != order.reference).then(|| format!("{said} for `{name}`"))
        })
        .collect();
    let files = || {
        let paths: Vec<_> =
            detail.changes.iter().map(|change| change.path.display().to_string()).collect();
        if paths.is_empty() { "the file that is kept".to_owned() } else { paths.join(", ") }
    };
    match detail.sticky {
        _ if back.is_empty() && detail.changes.is_empty() => {
            Note::info("sticky: the files name the target already")
        }
        Sticky::None => Note::warning(format!(
            "not sticky: the next `up` deploys {} again; --sticky override, env or file keeps the rollback",
            back.join(", ")
        )),
        Sticky::Override if !detail.override_is_read => Note::warning(format!(
            "sticky only for an `up` that is given `-f {}` behind the other files: without it, it deploys {} again",
            files(),
            back.join(", ")
        )),
        _ if detail.changes.is_empty() => {
            Note::info("sticky: the file that would be edited says the target already")
        }
        Sticky::Override | Sticky::Env | Sticky::File => Note::info(format!(
            "sticky: {} is edited after the verdict, so that the next `up` keeps the target; a copy of what was there is kept",
            files()
        )),
    }
}

fn starts(detail: &Detail) -> Condition {
    let mut starts = Condition::new().is(key::BUSY, "no");
    for (name, order) in &detail.orders.services {
        starts = starts
            .is(&key::image(name), "from")
            .is(&key::replicas(name), &order.replicas.to_string());
    }
    for change in &detail.changes {
        starts = starts.is(&file_key(change), "before");
    }
    starts
}

fn steps(detail: &Detail, deadline: Duration) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for (index, (name, order)) in detail.orders.services.iter().enumerate() {
        let service = detail.services.get(name);
        steps.extend(protect(detail, index, name, order, service)?);
    }
    steps.push(up(detail)?);
    steps.push(Step::verdict(StepId::new("verify")?, "check that all replicas work", deadline));
    for (index, change) in detail.changes.iter().enumerate() {
        steps.push(persist(index, change)?);
    }
    Ok(steps)
}

/// The images of both ways, so that no prune takes them.
fn protect(
    detail: &Detail,
    index: usize,
    name: &ServiceName,
    order: &Order,
    service: Option<&ServiceDetail>,
) -> Result<Vec<Step>> {
    let named = super::names::protected_name(&detail.orders.definition.project, name)?;
    let is_named = service.is_some_and(|service| service.target_is_named);
    let mut steps = Vec::new();
    for (what, image, can_undo) in
        // The tag of the image before stays: by then it may be the only one that names it.
        [("target", &order.to, is_named), ("previous", &order.from, false)]
    {
        let tag = protecting_tag(image, &named)?;
        if detail.protected.get(tag.as_str()).is_some_and(|id| id == image.as_str()) {
            continue;
        }
        let id = format!("protect-{what}.{}", index + 1);
        let fact = key::protected(tag.as_str());
        let verb = Verb::ComposeProtect { image: ImageId::clone(image), tag: tag.clone() };
        let title =
            format!("tag image {} of `{name}` as {tag}, so that no prune takes it", image.short());
        let mut step = Step::apply(
            StepId::new(id)?,
            Phase::Prepare,
            StepKind::Observable,
            title,
            verb.action(),
        )
        .expects(Condition::new().is_any(&fact, ["absent", "moved"]))
        .makes(Condition::new().is(&fact, "set"));
        let by_hand = format!("docker tag {} {tag}", image.short());
        if can_undo {
            step = step
                .undo(Undo::Restores(Condition::new().is_any(&fact, ["absent", "moved"])))
                .by_hand(by_hand, Some(format!("docker rmi --no-prune {tag}")));
        } else {
            step = step.by_hand(by_hand, None);
        }
        steps.push(step);
    }
    Ok(steps)
}

fn up(detail: &Detail) -> Result<Step> {
    let mut expects = Condition::new();
    let mut makes = Condition::new().is(key::BUSY, "no").is(key::LEFTOVERS, "none");
    let mut back = makes.clone();
    let mut grace = 0;
    for (name, order) in &detail.orders.services {
        let replicas = order.replicas.to_string();
        // Also what an interrupted `up` left: the next one goes on from there.
        expects = expects
            .is_any(&key::image(name), ["from", "mixed", "to"])
            .is_any(&key::new(name), ["none", "created", "up"])
            .is(&key::reference(name), "target")
            .is(&key::replicas(name), &replicas);
        makes = makes
            .is(&key::image(name), "to")
            .is(&key::new(name), "up")
            .is(&key::replicas(name), &replicas);
        back = back.is(&key::image(name), "from").is(&key::replicas(name), &replicas);
        let service = detail.services.get(name);
        if service.is_some_and(|service| service.is_up) {
            back = back.is(&key::old(name), "up");
        }
        grace += service.map_or(0, |service| service.grace) * order.replicas as u64;
    }
    let title = |(name, order): (&ServiceName, &Order)| {
        format!("{name} from {} ({})", order.reference, order.to.short())
    };
    let titles: Vec<_> = detail.orders.services.iter().map(title).collect();
    let title = format!("bring up {}", titles.join(", "));
    let verb = Verb::Up(Box::new(detail.orders.clone()));
    let step =
        Step::apply(StepId::new("up")?, Phase::Switch, StepKind::Observable, title, verb.action())
            .expects(expects)
            .makes(makes)
            .undo(Undo::Restores(back))
            .with_deadline(UP + Duration::from_secs(grace))
            .by_hand(detail.by_hand.0.clone(), Some(detail.by_hand.1.clone()));
    Ok(step)
}

fn persist(index: usize, change: &Change) -> Result<Step> {
    let fact = file_key(change);
    let path = change.path.display();
    let verb = Verb::Persist(Box::new(change.clone()));
    let title = format!("edit {path}, so that the next `up` keeps the target");
    let id = StepId::new(format!("persist.{}", index + 1))?;
    let step = Step::apply(id, Phase::Commit, StepKind::Observable, title, verb.action())
        .expects(Condition::new().is(&fact, "before"))
        .makes(Condition::new().is(&fact, "after"))
        .undo(Undo::Restores(Condition::new().is(&fact, "before")))
        .by_hand("rollback resume {run}", None);
    Ok(step)
}

fn file_key(change: &Change) -> String {
    key::file(&change.path.to_string_lossy())
}

fn refusal(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, "plan rollback", message)
}
