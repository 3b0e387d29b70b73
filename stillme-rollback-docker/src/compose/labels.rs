//! What Compose writes on a container, read.

use std::path::PathBuf;

use stillme_rollback_core::{Error, ErrorKind, Result};

use super::names::{Project, ServiceName};
use crate::engine::ContainerSummary;
use crate::names::{ContainerId, ImageId};

/// The label of the project.
pub(super) const PROJECT: &str = "com.docker.compose.project";
/// The label of the service.
pub(super) const SERVICE: &str = "com.docker.compose.service";
pub(super) const NUMBER: &str = "com.docker.compose.container-number";
pub(super) const ONE_OFF: &str = "com.docker.compose.oneoff";
pub(super) const CONFIG_HASH: &str = "com.docker.compose.config-hash";
pub(super) const VERSION: &str = "com.docker.compose.version";
pub(super) const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
pub(super) const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";

/// A container of a service, as its labels and the engine's list describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) id: ContainerId,
    pub(super) name: String,
    pub(super) service: ServiceName,
    /// Its number within the service. During a recreate two containers have the same.
    pub(super) number: String,
    pub(super) image: Option<ImageId>,
    /// The state in the engine's word.
    pub(super) state: String,
    pub(super) hash: String,
    /// The version of Compose that made it.
    pub(super) version: String,
    pub(super) dir: Option<PathBuf>,
    /// As the label has them: v1 writes them relative to the project's folder.
    pub(super) files: Vec<PathBuf>,
    pub(super) env_files: Vec<PathBuf>,
}

impl Replica {
    /// The replica that a container is. `None` for other containers, and for those of `compose run`.
    pub(super) fn of(container: &ContainerSummary) -> Option<Self> {
        let label = |name: &str| container.label(name).unwrap_or_default();
        if label(ONE_OFF).eq_ignore_ascii_case("true") {
            return None;
        }
        Some(Self {
            id: container.id.clone(),
            name: container.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            service: ServiceName::new(container.label(SERVICE)?).ok()?,
            number: label(NUMBER).to_owned(),
            image: container.image_id.clone(),
            state: container.state.clone(),
            hash: label(CONFIG_HASH).to_owned(),
            version: label(VERSION).trim_start_matches('v').to_owned(),
            dir: container.label(WORKING_DIR).map(PathBuf::from),
            files: paths(label(CONFIG_FILES)),
            env_files: paths(label(ENVIRONMENT_FILE)),
        })
    }

    /// Whether it has the name that a container has while Compose replaces it (`<id12>_name`): on one
    /// that is there at rest, an `up` was interrupted.
    pub(super) fn is_leftover(&self) -> bool {
        without_prefix(&self.name).is_some()
    }

    /// The name that it has when nothing is being replaced; killed commands may have prefixed it more
    /// than once. `None` unless it is a leftover.
    pub(super) fn name_at_rest(&self) -> Option<&str> {
        std::iter::successors(without_prefix(&self.name), |name| without_prefix(name)).last()
    }
}

fn without_prefix(name: &str) -> Option<&str> {
    let (prefix, rest) = name.split_once('_')?;
    let is_id =
        prefix.len() == 12 && prefix.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then_some(rest)
}

fn paths(label: &str) -> Vec<PathBuf> {
    label.split(',').filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}

/// The project of a container.
pub(super) fn project(container: &ContainerSummary) -> Option<Project> {
    Project::new(container.label(PROJECT)?).ok()
}

/// What every replica of a set says alike.
///
/// # Errors
/// `Conflict` naming `what` if they do not agree.
pub(super) fn agreed<'a, T: PartialEq + 'a>(
    what: &str,
    values: impl IntoIterator<Item = T>,
) -> Result<Option<T>> {
    let mut values = values.into_iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.all(|value| value == first) {
        return Ok(Some(first));
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "read containers",
        format!("the services' containers were not made with the same {what}"),
    )
    .with_hint(
        "nothing was touched; name them with -f, or bring the services up once from the same",
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A replica of `web` with a name, in a state.
    pub(in crate::compose) fn replica(n: u8, name: &str, state: &str) -> Replica {
        let mut container = container(&[(SERVICE, "web"), (NUMBER, "1")]);
        container.id = ContainerId::new(format!("{n:02x}").repeat(32)).unwrap();
        container.name = name.parse().ok();
        state.clone_into(&mut container.state);
        Replica::of(&container).unwrap()
    }

    fn container(labels: &[(&str, &str)]) -> ContainerSummary {
        let mut container = ContainerSummary::new(ContainerId::new("a".repeat(64)).unwrap());
        container.name = "shop_web_1".parse().ok();
        container.labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        container
    }

    #[test]
    fn the_labels_of_both_generations_are_read() {
        for (version, files, parsed) in [
            ("1.29.2", "docker-compose.yml,ov.json", vec!["docker-compose.yml", "ov.json"]),
            ("v5.6.0", "/srv/shop/compose.yaml", vec!["/srv/shop/compose.yaml"]),
        ] {
            let replica = Replica::of(&container(&[
                (PROJECT, "shop"),
                (SERVICE, "web"),
                (NUMBER, "1"),
                (ONE_OFF, "False"),
                (VERSION, version),
                (WORKING_DIR, "/srv/shop"),
                (CONFIG_FILES, files),
            ]))
            .unwrap();
            assert_eq!(replica.version, version.trim_start_matches('v'));
            assert_eq!(replica.files, parsed.iter().map(PathBuf::from).collect::<Vec<_>>());
            assert!(replica.env_files.is_empty());
        }
    }

    #[test]
    fn containers_of_compose_run_and_of_nobody_are_no_replicas() {
        assert!(Replica::of(&container(&[(SERVICE, "web"), (ONE_OFF, "True")])).is_none());
        assert!(Replica::of(&container(&[])).is_none());
        assert!(Replica::of(&container(&[(SERVICE, "-web")])).is_none());
    }

    #[test]
    fn an_interrupted_replacement_is_seen_by_its_name() {
        for (name, is_leftover) in [
            ("0123456789ab_shop_web_1", true),
            ("0123456789ab_shop-web-1", true),
            ("shop_web_1", false),
            ("0123456789a_web_1", false),
            ("0123456789AB_web_1", false),
        ] {
            let mut container = container(&[(SERVICE, "web")]);
            container.name = name.parse().ok();
            assert_eq!(Replica::of(&container).unwrap().is_leftover(), is_leftover, "{name}");
        }
    }

    #[test]
    fn what_replicas_do_not_agree_on_is_named() {
        assert_eq!(agreed("files", [1, 1]).unwrap(), Some(1));
        assert_eq!(agreed::<u8>("files", []).unwrap(), None);
        assert!(agreed("files", [1, 2]).unwrap_err().to_string().contains("files"));
    }
}
