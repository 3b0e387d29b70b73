//! What a service could go back to, and releases of several services as one.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, ImageRef, Release, Result, Target, Version,
};

use super::labels::Replica;
use super::names::{ServiceName, Services, parts};
use crate::engine::Engine;
use crate::images::protecting_tag;
use crate::names::{ContainerName, ImageId};
use crate::versions::{self, History};

/// The history of a service, by one of its containers. `said` is its image in the configuration, where
/// that is known: a container that runs by a tag of ours does not tell its repository.
pub(super) async fn history(
    engine: &dyn Engine,
    replica: &Replica,
    said: Option<&str>,
    records: &[Release],
) -> Result<History> {
    let name = ContainerName::new(replica.name.as_str())?;
    let records = known_here(engine, records).await?;
    let mut history = versions::history(engine, &name, &records).await?;
    let running = ImageId::new(history.running.version.as_str())?;
    // Compose removes what it replaces, so there is no container that was put aside: what a run left
    // last is what ran before, and going there takes that run back.
    let was_left = |release: &&Release| {
        release.evidence.iter().any(|evidence| matches!(evidence, Evidence::LeftBy { .. }))
    };
    if history.previous.is_none() {
        history.previous = history.releases.iter().find(was_left).cloned();
    }
    let is_ours =
        history.repository.as_deref() == Some(protecting_tag(&running, &name)?.repository());
    if !is_ours {
        return Ok(history);
    }
    let named = said.and_then(|said| said.parse().ok());
    let recorded = || records.iter().find_map(|release| release.image.clone());
    let named: Option<ImageRef> = named.or_else(recorded);
    history.running.image = None;
    history.repository = named.map(|image| image.repository().to_owned());
    let images = match &history.repository {
        Some(repository) => engine.list_images(repository).await?,
        None => Vec::new(),
    };
    for image in images {
        let name = image.tags.iter().chain(&image.digests).find_map(|name| name.parse().ok());
        if image.id == running {
            history.running.image = name;
        } else if !history.releases.iter().any(|known| known.version.as_str() == image.id.as_str())
        {
            let mut release =
                Release::new(Version::new(image.id.as_str())?).with_evidence(Evidence::LocalImage);
            release.image = name;
            history.releases.push(release);
        }
    }
    Ok(history)
}

/// Records with whole ids: those of a set hold the short ones. What is not here any more is left out.
async fn known_here(engine: &dyn Engine, records: &[Release]) -> Result<Vec<Release>> {
    let mut known = Vec::new();
    for record in records {
        if ImageId::new(record.version.as_str()).is_ok() {
            known.push(record.clone());
            continue;
        }
        let Some(image) = engine.inspect_image(record.version.as_str()).await? else { continue };
        if let Some(id) = image.expose().get("Id").and_then(Value::as_str) {
            let mut record = record.clone();
            record.version = Version::new(id)?;
            known.push(record);
        }
    }
    Ok(known)
}

/// What several services run, as one release: the image if it is one, else each service's by its short
/// id (`web:0123456789ab+worker:…`).
///
/// # Errors
/// `Unsupported` if that is longer than a version can be: some ten services.
pub(super) fn together<'a>(
    releases: impl IntoIterator<Item = (&'a ServiceName, &'a Release)>,
) -> Result<Release> {
    let all: BTreeMap<_, _> = releases.into_iter().collect();
    let mut each = all.values();
    let first = each
        .next()
        .ok_or_else(|| Error::new(ErrorKind::Unexpected, "name release", "there is no service"))?;
    if each.all(|release| release.version == first.version) {
        return Ok((*first).clone());
    }
    let parts: Vec<_> = all
        .iter()
        .map(|(service, release)| format!("{service}:{}", release.version.short()))
        .collect();
    let version = Version::new(&parts.join("+")).map_err(|_| {
        Error::new(
            ErrorKind::Unsupported,
            "name release",
            "these are too many services for one run",
        )
        .with_hint("nothing was touched; take them back in several runs")
    })?;
    Ok(Release::new(version))
}

/// What a release of a target was for one of its services; the image's id, or its first twelve digits.
/// `None` for a target of another platform or without the service.
pub fn release_of(target: &Target, release: &Release, service: &ServiceName) -> Option<Release> {
    let (_, services): (_, Services) = parts(target).ok()?;
    if !services.contains(service) {
        return None;
    }
    if ImageId::new(release.version.as_str()).is_ok() {
        return Some(release.clone());
    }
    let own = release.version.as_str().split('+').find_map(|part| {
        let (name, id) = part.rsplit_once(':')?;
        (name == service.as_str()).then_some(id)
    })?;
    Version::new(own).ok().map(Release::new)
}

#[cfg(test)]
mod tests {
    use super::super::names::{Project, target};
    use super::*;

    fn release(digit: &str) -> Release {
        Release::new(Version::new(&format!("sha256:{}", digit.repeat(64))).unwrap())
    }

    #[test]
    fn a_set_is_one_release_and_its_services_are_found_in_it() {
        let names = ["web", "worker.1"].map(|name| ServiceName::new(name).unwrap());
        let target =
            target("e", &Project::new("shop").unwrap(), &Services::new(names.clone()).unwrap())
                .unwrap();
        let (a, b) = (release("a"), release("b"));
        let both = together([(&names[0], &a), (&names[1], &b)]).unwrap();
        assert_eq!(both.version.as_str(), "web:aaaaaaaaaaaa+worker.1:bbbbbbbbbbbb");
        assert_eq!(release_of(&target, &both, &names[1]).unwrap().version.as_str(), "bbbbbbbbbbbb");
        let same = together([(&names[0], &a), (&names[1], &a)]).unwrap();
        assert_eq!(same, a);
        assert_eq!(release_of(&target, &same, &names[1]).unwrap(), a);
        assert!(release_of(&target, &both, &ServiceName::new("db").unwrap()).is_none());
        let docker = Target::new("docker", "e", "web").unwrap();
        assert!(release_of(&docker, &a, &names[0]).is_none());
    }

    #[test]
    fn too_many_services_are_refused() {
        let names: Vec<_> =
            (0..20).map(|n| ServiceName::new(format!("service-{n}")).unwrap()).collect();
        let (a, b) = (release("a"), release("b"));
        let all = names.iter().enumerate().map(|(n, name)| (name, if n == 0 { &a } else { &b }));
        assert_eq!(together(all).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
