//! What every plan for a container begins with: where it is, where it goes, and the new container.

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, Goal, HashKey, ImageRef, Note, Observation, Plan, PlanRefusal,
    Release, Request, Result,
};

use crate::action::Subject;
use crate::checks;
use crate::detail::{self, Detail, text};
use crate::images::protecting_tag;
use crate::names::{ContainerName, ImageId};
use crate::preflight;
use crate::privileges;
use crate::recreate::{self, Recreated, Replacement, Source};

/// The ground of a plan. Whatever speaks against any plan was refused by now.
pub(crate) struct Groundwork {
    pub(crate) detail: Detail,
    pub(crate) subject: Subject,
    pub(crate) from: Release,
    pub(crate) to: Release,
    /// The image that the run goes to.
    pub(crate) image: ImageId,
    /// Under which reference the new container runs.
    pub(crate) image_ref: ImageRef,
    pub(crate) recreated: Recreated,
    /// Whether the new container has a health check, of the user's or of its image.
    pub(crate) has_healthcheck: bool,
    notes: Vec<Note>,
}

impl Groundwork {
    /// Reads an observation, and finds the release that was asked for.
    pub(crate) fn of(
        observation: &Observation,
        request: &Request,
        key: &HashKey,
    ) -> Result<Self, PlanRefusal> {
        let detail = Detail::of(observation)?;
        let from = observation
            .running
            .clone()
            .ok_or_else(|| refusal(ErrorKind::NotFound, "there is no such container"))?;
        let to = goal(&detail, request)?;
        if to.version == from.version {
            return Err(PlanRefusal::AlreadyThere(to));
        }
        let target = detail.images.get(to.version.as_str()).ok_or_else(|| {
            refusal(ErrorKind::NotFound, format!("the image of {to} is not on this engine"))
                .with_hint("nothing was touched; pull or load it, then try again")
        })?;
        let subject =
            Subject { name: ContainerName::new(observation.target.name())?, old: detail.id()? };
        preflight::check(&detail, &subject.name, target)?;

        let image = ImageId::new(to.version.as_str())?;
        let image_ref = image_ref(&to, &image, &subject.name)?;
        let (source, replacement) =
            (detail.source()?, detail::replacement(image_ref.as_str(), target));
        let recreated = recreate::recreate(&source, &replacement)?;
        privileges::check(&detail.container, &detail.names, &recreated)?;
        let has_healthcheck = has_healthcheck(&recreated, target);
        let mut notes = left_before(&to);
        notes.extend(about(&detail, &recreated, &source, &replacement, key)?);
        notes.extend(privileges::becomes_root(&detail.container, recreated.body.expose(), target));
        Ok(Self { detail, subject, from, to, image, image_ref, recreated, has_healthcheck, notes })
    }

    /// A plan on this ground, without steps.
    pub(crate) fn plan(
        &self,
        strategy: &'static str,
        observation: &Observation,
        request: &Request,
    ) -> Plan {
        let mut plan =
            Plan::new(strategy, observation.target.clone(), self.from.clone(), self.to.clone());
        plan.checks.clone_from(&request.checks);
        plan.checks.extend(checks::of_container(self.has_healthcheck, &request.checks));
        plan.on_inconclusive = request.on_inconclusive;
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.notes.clone_from(&self.notes);
        plan
    }

    /// Whether the old container runs steadily.
    pub(crate) fn runs(&self) -> bool {
        text(&self.detail.container, "/State/Status") == "running"
    }
}

fn about(
    detail: &Detail,
    recreated: &Recreated,
    source: &Source,
    replacement: &Replacement,
    key: &HashKey,
) -> Result<Vec<Note>> {
    let mut notes = recreated.notes();
    if detail.changed_files > 0 {
        notes.push(Note::warning(format!(
            "{} files that the old container changed outside of volumes stay behind in it",
            detail.changed_files
        )));
    }
    if detail.deaf {
        notes.push(Note::info(
            "its first process does not handle its stop signal, so it is killed at once: waiting would only let the old version serve on",
        ));
    }
    for change in recreate::differences(source, replacement, recreated, key)? {
        notes.push(Note::info(change.to_string()));
    }
    Ok(notes)
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

fn refusal(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, "plan rollback", message)
}
