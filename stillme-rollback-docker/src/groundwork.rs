//! What every plan for a container begins with: where it is, where it goes, and the new container.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, Goal, HashKey, ImageRef, Note, Observation, Plan, PlanRefusal,
    Printable, Release, Request, Result, Settings,
};

use crate::action::Subject;
use crate::checks;
use crate::dependents::{self, Policy};
use crate::detail::{self, Detail, text};
use crate::images::protecting_tag;
use crate::names::{ContainerName, ImageId};
use crate::origin::{self, Chosen, Origin, Whose};
use crate::preflight;
use crate::privileges;
use crate::recreate::{self, Change, Connect, Recreated, Replacement, Shown, Source};

/// What a strategy was asked for beside the release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    /// Whose settings the new container gets.
    pub(crate) whose: Whose,
    /// What happens to those who hold on to the old one.
    pub(crate) dependents: Policy,
}

impl Wishes {
    /// The image goes back, the settings stay, and nobody holds on to the container.
    pub(crate) const PLAIN: Self = Self { whose: Whose::Running, dependents: Policy::Refuse };
}

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
    /// The container that the new one has its settings from, if not from the old one.
    pub(crate) origin: Option<Origin>,
    /// The inspect answer that the new one's settings are read from.
    pub(crate) settings_of: Value,
    /// The networks of the old container, the primary one first.
    pub(crate) old_endpoints: Vec<Connect>,
    /// Those who hold on to the old container and are recreated.
    pub(crate) dependents: Vec<dependents::recreated::Plan>,
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
        wishes: Wishes,
    ) -> Result<Self, PlanRefusal> {
        let detail = Detail::of(observation)?;
        let from = observation
            .running
            .clone()
            .ok_or_else(|| refusal(ErrorKind::NotFound, "there is no such container"))?;
        let to = goal(&detail, request)?;
        if wishes.whose == Whose::Running && to.version == from.version {
            return Err(PlanRefusal::AlreadyThere(to));
        }
        let target = detail.images.get(to.version.as_str()).ok_or_else(|| {
            refusal(ErrorKind::NotFound, format!("the image of {to} is not on this engine"))
                .with_hint("nothing was touched; pull or load it, then try again")
        })?;
        let subject =
            Subject { name: ContainerName::new(observation.target.name())?, old: detail.id()? };
        preflight::check(&detail, &subject.name, target, wishes.dependents)?;
        let dependents = dependents::recreated::plans(&detail, key)?;

        let image = ImageId::new(to.version.as_str())?;
        let image_ref = image_ref(&to, &image, &subject.name)?;
        let old = Old::of(&detail, key)?;
        let stays = recreate::recreate(&old.source, &replacement(&image_ref, target))?;
        let chosen = match wishes.whose {
            Whose::Running => None,
            Whose::Release => Some(origin::choose(&detail, &to, &from)?),
        };
        let ground = match chosen {
            None => {
                let notes = about_image(&old, &stays, &replacement(&image_ref, target), key)?;
                let settings_of = detail.container.clone();
                Going { recreated: stays, origin: None, settings_of, notes }
            }
            Some(chosen) => {
                let going =
                    with_config(&detail, &old, chosen, &replacement(&image_ref, target), key)?;
                let is_same = going.recreated.spec_hash(key) == stays.spec_hash(key);
                if to.version == from.version && is_same {
                    return Err(PlanRefusal::AlreadyThere(to));
                }
                going
            }
        };
        let Going { recreated, origin, settings_of, notes: changes } = ground;
        privileges::check(&settings_of, &detail.names, &recreated)?;
        let shown = recreate::settings(&recreated, &replacement(&image_ref, target), key);
        let has_healthcheck = has_healthcheck(&recreated, target);
        let mut notes = left_before(&to);
        notes.extend(about(&detail, &recreated));
        notes.extend(changes);
        notes.extend(privileges::becomes_root(&detail.container, recreated.body.expose(), target));
        let to = to.with_settings(record(&shown));
        let old_endpoints = old.recreated.endpoints;
        Ok(Self {
            detail,
            subject,
            from,
            to,
            image,
            image_ref,
            recreated,
            origin,
            settings_of,
            old_endpoints,
            dependents,
            has_healthcheck,
            notes,
        })
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

/// The container that runs, once more as it is: what its settings are.
struct Old {
    source: Source,
    recreated: Recreated,
    settings: BTreeMap<String, Shown>,
}

impl Old {
    fn of(detail: &Detail, key: &HashKey) -> Result<Self> {
        let source = detail.source()?;
        let image_ref = text(&detail.container, "/Config/Image");
        let itself = detail::replacement(image_ref, &detail.image);
        let recreated = recreate::recreate(&source, &itself)?;
        let settings = recreate::settings(&recreated, &itself, key);
        Ok(Self { source, recreated, settings })
    }
}

/// The settings of the container that runs, as its release keeps them. None where they can't be read:
/// whoever plans says why.
pub(crate) fn record_of(detail: &Detail, key: &HashKey) -> Option<Settings> {
    let old = Old::of(detail, key).ok()?;
    Some(record(&old.settings).of(text(&detail.container, "/Id")))
}

/// Settings as a release keeps them.
fn record(settings: &BTreeMap<String, Shown>) -> Settings {
    let written = |(name, value): (&String, &Shown)| (name.clone(), value.to_string());
    Settings::new(settings.iter().map(written).collect())
}

/// What the new container is made of, and what the reader of the plan should know of it.
struct Going {
    recreated: Recreated,
    origin: Option<Origin>,
    settings_of: Value,
    notes: Vec<Note>,
}

/// The image goes back, the settings stay.
fn about_image(
    old: &Old,
    recreated: &Recreated,
    replacement: &Replacement,
    key: &HashKey,
) -> Result<Vec<Note>> {
    let changes = recreate::differences(&old.source, replacement, recreated, key)?;
    Ok(changes.iter().map(|change| Note::info(change.to_string())).collect())
}

/// The image and the settings go back.
fn with_config(
    detail: &Detail,
    old: &Old,
    chosen: Chosen,
    replacement: &Replacement,
    key: &HashKey,
) -> Result<Going> {
    let Chosen { origin, container, mut notes } = chosen;
    // It is of the image that is gone back to.
    let image = replacement.image.expose();
    let source = detail::source(&detail.engine, &container, image, &detail.names)?;
    let recreated = recreate::recreate(&source, replacement)?;
    if recreated.auto_remove || old.recreated.auto_remove {
        return Err(refusal(
            ErrorKind::Rejected,
            "with `--rm` the settings can't be taken back: the stop of such a container deletes it",
        )
        .with_hint("nothing was touched; without `--with-config` the image alone goes back"));
    }
    let settings = recreate::settings(&recreated, replacement, key);
    for change in recreate::changes(&old.settings, &settings) {
        notes.extend(about_mount(&change));
        notes.push(Note::info(change.to_string()));
    }
    Ok(Going { recreated, origin: Some(origin), settings_of: container, notes })
}

/// Other data than now, or none, at a place: nobody should learn that afterwards.
fn about_mount(change: &Change) -> Option<Note> {
    let at = change.setting.strip_prefix("mount ")?;
    change.before.as_ref()?;
    Some(Note::warning(format!(
        "what is mounted at {} now is not mounted there any more; it stays where it is",
        Printable(at)
    )))
}

fn replacement(image_ref: &ImageRef, image: &Value) -> Replacement {
    detail::replacement(image_ref.as_str(), image)
}

fn about(detail: &Detail, recreated: &Recreated) -> Vec<Note> {
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
    notes
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
