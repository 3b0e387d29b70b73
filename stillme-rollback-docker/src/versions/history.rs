//! The history of a container, put together from what the engine shows and what the caller recorded.

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, ImageRef, Release, Result, RunId, Version,
};

use crate::engine::{ContainerFilter, ContainerSummary, Engine, ImageSummary};
use crate::http_engine::images::familiar;
use crate::inspect;
use crate::names::{
    ContainerId, ContainerName, ContainerRef, ImageId, LABEL_FROM, LABEL_RUN, Role,
};

/// What a container runs and what it could go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// The container that has the name now.
    pub container: ContainerId,
    /// What it runs, or would run if it were started.
    pub running: Release,
    /// The repository of its image, if it was made from a named one.
    pub repository: Option<String>,
    /// The other releases that are known: recorded ones as the caller gave them, then those of
    /// containers that were put aside, then images of the repository; each newest first.
    pub releases: Vec<Release>,
    /// What ran before this, if anything proves it: see [`Wanted::Previous`](super::Wanted::Previous).
    pub previous: Option<Release>,
    /// The kept container that this one replaced, if it is of the same image: it has other settings.
    pub other_settings: Option<Release>,
}

/// Looks at a container and what is kept of its past. `records` are the caller's own, newest first.
///
/// # Errors
/// `NotFound` if there is no such container, and whatever kept the engine from looking.
pub async fn history(
    engine: &dyn Engine,
    name: &ContainerName,
    records: &[Release],
) -> Result<History> {
    let all = engine.list_containers(&ContainerFilter::all()).await?;
    let Some(container) = engine.inspect_container(&ContainerRef::from(name)).await? else {
        return Err(missing(name, &all));
    };
    let made_from = made_from(engine, container.expose()).await?;
    let images = match &made_from {
        Some(image) => engine.list_images(image.repository()).await?,
        None => Vec::new(),
    };
    let mut aside = Vec::new();
    for (summary, run) in put_aside(name, &all) {
        // Its configuration names the image for ever; the list only while the tag is still there.
        if let Some(container) = engine.inspect_container(&(&summary.id).into()).await? {
            aside.push(Aside::read(container.expose(), run)?);
        }
    }
    assemble(container.expose(), made_from, aside, &images, records)
}

fn missing(name: &ContainerName, all: &[ContainerSummary]) -> Error {
    let left = all.iter().filter_map(|container| container.name.as_ref()).find(|left| {
        matches!(left.role(), Role::Aside { base, .. } | Role::Waiting { base, .. } if base == name.as_str())
    });
    let hint = match left {
        Some(left) => format!(
            "nothing was touched; `{left}` was left by a run: `rollback resume` finishes it; if its journal is lost, `rollback resume --from-engine {}`",
            name.as_str()
        ),
        None => "nothing was touched; `docker ps --all` lists the containers".to_owned(),
    };
    Error::new(ErrorKind::NotFound, "look at container", "there is no such container")
        .with_context("container", name.as_str())
        .with_hint(hint)
}

/// The image that a container was made from, by name. From an id only a tag of that image helps.
async fn made_from(engine: &dyn Engine, container: &Value) -> Result<Option<ImageRef>> {
    let text = container["Config"]["Image"].as_str().unwrap_or_default();
    if let Some(named) = named_image(text) {
        return Ok(Some(named));
    }
    let image = engine.inspect_image(inspect::image_id(container)?.as_str()).await?;
    let tag = image.and_then(|image| image.expose()["RepoTags"][0].as_str().map(str::to_owned));
    Ok(tag.and_then(|tag| tag.parse().ok()))
}

/// A container's image as its maker wrote it. `app` means `app:latest` to an engine; an id is no name.
fn named_image(text: &str) -> Option<ImageRef> {
    let is_id = ImageId::new(text).is_ok()
        || (text.len() >= 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    if is_id {
        return None;
    }
    text.parse().ok().or_else(|| format!("{text}:latest").parse().ok())
}

/// A container that a run put aside.
#[derive(Debug)]
struct Aside {
    id: ContainerId,
    name: ContainerName,
    image: ImageId,
    made_from: Option<ImageRef>,
    run: Option<RunId>,
}

impl Aside {
    fn read(container: &Value, run: Option<RunId>) -> Result<Self> {
        Ok(Self {
            id: inspect::id(container)?,
            name: inspect::name(container).ok_or_else(|| {
                Error::new(
                    ErrorKind::Corrupt,
                    "read the engine's answer",
                    "a container lost its name",
                )
            })?,
            image: inspect::image_id(container)?,
            made_from: container["Config"]["Image"].as_str().and_then(named_image),
            run,
        })
    }
}

/// The containers that runs put aside for this name, newest first, each with its run if a label of
/// another container still tells the whole of its id.
fn put_aside<'a>(
    name: &ContainerName,
    all: &'a [ContainerSummary],
) -> Vec<(&'a ContainerSummary, Option<RunId>)> {
    let runs: Vec<RunId> =
        all.iter().filter_map(|container| container.label(LABEL_RUN)?.parse().ok()).collect();
    let run_of = |container: &ContainerSummary| match container.name.as_ref()?.role() {
        Role::Aside { base, run } if base == name.as_str() => {
            Some(runs.iter().find(|known| known.short() == run).copied())
        }
        _ => None,
    };
    all.iter().filter_map(|container| Some((container, run_of(container)?))).collect()
}

/// Puts a history together. Pure.
fn assemble(
    container: &Value,
    made_from: Option<ImageRef>,
    aside: Vec<Aside>,
    images: &[ImageSummary],
    records: &[Release],
) -> Result<History> {
    let running_id = inspect::image_id(container)?;
    let mut running = release(&running_id, made_from.clone(), Evidence::Running)?;
    let replaced = container["Config"]["Labels"][LABEL_FROM].as_str();
    let mut releases: Vec<Release> = Vec::new();
    let (mut replaced_release, mut other_settings) = (None, None);
    for record in records {
        add(&mut releases, record.clone());
    }
    for kept in aside {
        let is_replaced = Some(kept.id.as_str()) == replaced;
        let evidence = Evidence::Kept { instance: kept.name.to_string() };
        let mut kept_release = release(&kept.image, kept.made_from, evidence)?;
        if let Some(run) = kept.run {
            kept_release = kept_release.with_evidence(Evidence::LeftBy { run });
        }
        if is_replaced {
            replaced_release = Some(kept_release.version.clone());
            let same_image = kept_release.version == running.version;
            other_settings = same_image.then(|| kept_release.clone());
        }
        add(&mut releases, kept_release);
    }
    let repository = made_from.map(|image| image.repository().to_owned());
    for image in images {
        let name = image.tags.iter().chain(&image.digests).find_map(|name| name.parse().ok());
        add(&mut releases, release(&image.id, name, Evidence::LocalImage)?);
    }
    releases.retain(|release| {
        if release.version == running.version {
            merge(&mut running, release.clone());
        }
        release.version != running.version
    });
    let previous = previous(&releases, replaced_release.as_ref()).cloned();
    Ok(History {
        container: inspect::id(container)?,
        running,
        repository,
        releases,
        previous,
        other_settings,
    })
}

fn release(id: &ImageId, image: Option<ImageRef>, evidence: Evidence) -> Result<Release> {
    let release = Release::new(Version::new(id.as_str())?).with_evidence(evidence);
    Ok(match image {
        Some(image) => release.with_image(image),
        None => release,
    })
}

/// Adds what is known of a release to what was known of it before.
fn add(releases: &mut Vec<Release>, release: Release) {
    match releases.iter_mut().find(|known| known.version == release.version) {
        Some(known) => merge(known, release),
        None => releases.push(release),
    }
}

fn merge(known: &mut Release, more: Release) {
    known.image = known.image.take().or(more.image);
    known.settings = known.settings.take().or(more.settings);
    for evidence in more.evidence {
        if !known.evidence.contains(&evidence) {
            known.evidence.push(evidence);
        }
    }
}

/// What ran before: the newest release that a run verified and none left since; else what the
/// container that runs now replaced; else the newest that was put aside. Never a mere image.
fn previous<'a>(releases: &'a [Release], replaced: Option<&Version>) -> Option<&'a Release> {
    let has = |release: &Release, is: fn(&Evidence) -> bool| release.evidence.iter().any(is);
    let verified = |evidence: &Evidence| matches!(evidence, Evidence::VerifiedBy { .. });
    let left = |evidence: &Evidence| matches!(evidence, Evidence::LeftBy { .. });
    let kept = |evidence: &Evidence| matches!(evidence, Evidence::Kept { .. });
    releases
        .iter()
        .find(|release| has(release, verified) && !has(release, left))
        .or_else(|| releases.iter().find(|release| Some(&release.version) == replaced))
        .or_else(|| releases.iter().find(|release| has(release, kept)))
}

impl History {
    /// Whether a reference is of this container's repository.
    pub(super) fn is_of_repository(&self, image: &ImageRef) -> bool {
        self.repository
            .as_deref()
            .is_some_and(|repository| familiar(repository) == familiar(image.repository()))
    }
}

#[cfg(test)]
mod tests;
