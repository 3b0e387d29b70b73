//! The strategy `create-first`: the new container is created and checked before the old one is
//! touched, then the old one is stopped and the new one started, and the old one is kept.

mod preflight;
mod stand_in;
mod steps;

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, Goal, HashKey, ImageRef, Note, Observation, Plan, PlanRefusal,
    Release, Request, Result, Strategy, Undo,
};

use crate::action::Subject;
use crate::checks;
use crate::detail::{self, Detail, text};
use crate::images::protecting_tag;
use crate::names::{ContainerName, ImageId};
use crate::recreate::{self, Recreated, Replacement, Source};

use self::stand_in::StandIn;
use self::steps::Recipe;
pub(crate) use self::steps::{grace, restart_option};

/// Create first, then switch.
///
/// The outage is from the stop of the old container until the new one answers: its boot time, and
/// on old engines at least 1.25 s (measured; their network lets the first connections wait for an
/// address that is not known yet).
#[derive(Clone, Debug)]
pub struct CreateFirst {
    key: HashKey,
    auto_remove: bool,
}

impl CreateFirst {
    /// The strategy with the key of the hashes in its plans, the same as its executor's.
    pub const fn new(key: HashKey) -> Self {
        Self { key, auto_remove: false }
    }

    /// Also containers that were started with `--rm`, which are refused otherwise: stopping one
    /// deletes it. A copy of it waits before it is stopped, and is the way back: the same settings,
    /// volumes and networks under another id. It stays behind as the old container does.
    #[must_use]
    pub const fn allow_auto_remove(mut self) -> Self {
        self.auto_remove = true;
        self
    }
}

impl Strategy for CreateFirst {
    fn name(&self) -> &'static str {
        "create-first"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let detail = Detail::of(observation)?;
        let from = observation
            .running
            .clone()
            .ok_or_else(|| refusal(ErrorKind::NotFound, "there is no such container"))?;
        let to = goal(&detail, request)?;
        if to.version == from.version {
            return Err(PlanRefusal::AlreadyThere(to));
        }
        let image = detail.images.get(to.version.as_str()).ok_or_else(|| {
            refusal(ErrorKind::NotFound, format!("the image of {to} is not on this engine"))
                .with_hint("nothing was touched; pull or load it, then try again")
        })?;
        let subject =
            Subject { name: ContainerName::new(observation.target.name())?, old: detail.id()? };
        preflight::check(&detail, &subject.name, image)?;

        let target = ImageId::new(to.version.as_str())?;
        let image_ref = image_ref(&to, &target, &subject.name)?;
        let (source, replacement) =
            (detail.source()?, detail::replacement(image_ref.as_str(), image));
        let recreated = recreate::recreate(&source, &replacement)?;
        if recreated.auto_remove && !self.auto_remove {
            return Err(preflight::auto_remove(&subject.name).into());
        }
        let stand_in =
            recreated.auto_remove.then(|| StandIn::of(&detail, &self.key)).transpose()?;

        let mut plan = Plan::new(self.name(), observation.target.clone(), from, to);
        plan.checks.clone_from(&request.checks);
        let has_healthcheck = has_healthcheck(&recreated, image);
        plan.checks.extend(checks::of_container(has_healthcheck, &request.checks));
        plan.on_inconclusive = request.on_inconclusive;
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.expected_outage = expected_outage(&detail);
        plan.notes = left_before(&plan.to);
        plan.notes.extend(self.notes(&detail, &recreated, &source, &replacement)?);
        plan.notes.extend(stand_in.iter().map(StandIn::note));
        let recipe = Recipe {
            subject,
            spec: recreated.spec_hash(&self.key),
            networks: recreated.connects.iter().map(|connect| connect.network.clone()).collect(),
            image: target,
            image_ref,
            stand_in,
            detail: &detail,
            deadline: request.deadline,
        };
        plan.starts = recipe.starts();
        plan.steps = recipe.steps()?;
        debug_assert!(
            plan.steps.iter().all(|step| step.undo != Undo::Impossible),
            "it keeps the old one"
        );
        plan.check()?;
        Ok(plan)
    }
}

impl CreateFirst {
    fn notes(
        &self,
        detail: &Detail,
        recreated: &Recreated,
        source: &Source,
        replacement: &Replacement,
    ) -> Result<Vec<Note>> {
        let mut notes = recreated.notes();
        if detail.changed_files > 0 {
            notes.push(Note::warning(format!(
                "{} files that the old container changed outside of volumes stay behind in it",
                detail.changed_files
            )));
        }
        for change in recreate::differences(source, replacement, recreated, &self.key)? {
            notes.push(Note::info(change.to_string()));
        }
        Ok(notes)
    }
}

/// A warning if a rollback went away from this release: going there takes that rollback back.
fn left_before(to: &Release) -> Vec<Note> {
    let left = to.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::LeftBy { run } => Some(run),
        _ => None,
    });
    left.take(1)
        .map(|run| {
            Note::warning(format!(
                "run {run} went away from this release because it was not wanted: going there takes that rollback back"
            ))
        })
        .collect()
}

/// Where to go: what was named, or what there is evidence of.
fn goal(detail: &Detail, request: &Request) -> Result<Release, PlanRefusal> {
    match &request.to {
        Goal::Release(release) => Ok(release.clone()),
        _ => Ok(detail.previous.clone().ok_or_else(|| {
            let message = "nothing proves what ran before: there is no record and no container that was put aside";
            refusal(ErrorKind::NotFound, message)
                .with_hint("nothing was touched; say where to go: a tag or an image's id")
        })?),
    }
}

/// The reference under which the new container runs: the one that people know, or our own tag where
/// the image has none.
fn image_ref(to: &Release, image: &ImageId, name: &ContainerName) -> Result<ImageRef> {
    match &to.image {
        Some(image) if image.tag().is_some() => Ok(image.clone()),
        _ => protecting_tag(image, name),
    }
}

/// Whether the new container will have a health check, of the user's or of its image.
fn has_healthcheck(recreated: &Recreated, image: &Value) -> bool {
    let users = recreated.body.expose().get("Healthcheck").filter(|check| !check.is_null());
    let check = users.or_else(|| image.pointer("/Config/Healthcheck"));
    check
        .and_then(|check| check.pointer("/Test/0"))
        .and_then(Value::as_str)
        .is_some_and(|kind| kind != "NONE")
}

fn expected_outage(detail: &Detail) -> String {
    if text(&detail.container, "/State/Status") == "running" {
        String::from(
            "from the stop until the new container answers: its boot time, at least about 1.3 s",
        )
    } else {
        String::from("none beyond the present one: the container does not run")
    }
}

fn refusal(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, "plan rollback", message)
}
