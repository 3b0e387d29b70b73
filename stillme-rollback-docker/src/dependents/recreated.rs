//! A dependent once more: the same settings, holding on to another container.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, HashKey, Printable, Result, Secret};

use super::act::Holder;
use super::{Dependent, texts};
use crate::action::Copy;
use crate::detail::{self, Detail, EngineDetail, Held, text};
use crate::images::LocalImage;
use crate::names::{ContainerId, ContainerName, Role};
use crate::recreate::{self, Recreated};

/// A dependent that is recreated.
pub(crate) struct Plan {
    pub(crate) holder: Holder,
    pub(crate) copy: Copy,
    pub(crate) dependent: Dependent,
    /// What the engine shows of it.
    pub(crate) container: Value,
}

/// How each dependent is recreated, in the order of their names.
///
/// # Errors
/// `Rejected`, with its name, for one that this can't be done to soundly.
pub(crate) fn plans(detail: &Detail, key: &HashKey) -> Result<Vec<Plan>> {
    let mut plans =
        detail.held.iter().map(|held| plan(detail, held, key)).collect::<Result<Vec<_>>>()?;
    plans.sort_by(|a, b| a.holder.name.cmp(&b.holder.name));
    Ok(plans)
}

fn plan(detail: &Detail, held: &Held, key: &HashKey) -> Result<Plan> {
    let name = ContainerName::new(held.dependent.name.as_str())?;
    let copy = once_more(&detail.engine, &held.container, &held.image, &detail.names)?;
    if let Some(why) = obstacle(held, &name, &copy.1) {
        return Err(Error::new(ErrorKind::Rejected, "plan rollback", why)
            .with_context("dependent", Printable(&held.dependent.to_string()).to_string())
            .with_hint(
                "nothing was touched; remove it, roll the other one back, and run it anew against the new one",
            ));
    }
    let (image_ref, recreated) = copy;
    let image = LocalImage::read(&held.image)?.id;
    let id = ContainerId::new(text(&held.container, "/Id"))?;
    Ok(Plan {
        holder: Holder { id, name },
        copy: Copy { image, image_ref, spec: recreated.spec_hash(key) },
        dependent: held.dependent.clone(),
        container: held.container.clone(),
    })
}

fn obstacle(held: &Held, name: &ContainerName, recreated: &Recreated) -> Option<String> {
    let state = text(&held.container, "/State/Status");
    let project = text(&held.container, "/Config/Labels/com.docker.compose.project");
    if !held.dependents.is_empty() {
        let names: Vec<_> = held.dependents.iter().map(ToString::to_string).collect();
        Some(format!("a dependent has dependents of its own: {}", names.join("; ")))
    } else if name.role() != Role::Service || held.unfinished {
        Some("a run of a dependent is not finished".to_owned())
    } else if !project.is_empty() {
        Some(
            "a dependent belongs to a Compose project, whose next `up` would recreate it"
                .to_owned(),
        )
    } else if recreated.auto_remove {
        Some("a dependent was started with `--rm`: its stop deletes it".to_owned())
    } else if !recreated.connects.is_empty() {
        Some("a dependent is on several networks, which takes steps of its own".to_owned())
    } else if !matches!(state, "running" | "created" | "exited") {
        Some(format!("a dependent is {}", Printable(state)))
    } else {
        None
    }
}

/// The dependent as it is, and under which reference it is created: still holding on to the old one.
pub(crate) fn once_more(
    engine: &EngineDetail,
    container: &Value,
    image: &Value,
    names: &BTreeMap<String, String>,
) -> Result<(String, Recreated)> {
    let local = LocalImage::read(image)?;
    let image_ref = local.reference(text(container, "/Config/Image"));
    let source = detail::source(engine, container, image, names)?;
    let recreated = recreate::recreate(&source, &detail::replacement(&image_ref, image))?;
    Ok((image_ref, recreated))
}

/// The create request, with every reference to one container turned to another. By id: names move.
pub(crate) fn turned(
    body: &Secret<Value>,
    old: (&ContainerId, &ContainerName),
    new: &ContainerId,
) -> Secret<Value> {
    let is_old = |text: &str| text == old.0.as_str() || text == old.1.as_str();
    let mut body = body.expose().clone();
    let host = &mut body["HostConfig"];
    for mode in ["NetworkMode", "IpcMode", "PidMode"] {
        let shared = host[mode].as_str().and_then(|mode| mode.strip_prefix("container:"));
        if shared.is_some_and(is_old) {
            host[mode] = Value::from(format!("container:{new}"));
        }
    }
    // `from:ro`, `target:alias`
    for list in ["VolumesFrom", "Links"] {
        let turned: Vec<_> = texts(&host[list])
            .map(|entry| {
                let (whom, rest) = entry.split_at(entry.find(':').unwrap_or(entry.len()));
                format!("{}{rest}", if is_old(whom) { new.as_str() } else { whom })
            })
            .collect();
        if !turned.is_empty() {
            host[list] = Value::from(turned);
        }
    }
    Secret::new(body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_reference_is_turned_and_no_other() {
        let (old, new) =
            (ContainerId::new("a".repeat(64)).unwrap(), ContainerId::new("b".repeat(64)).unwrap());
        let name = ContainerName::new("web").unwrap();
        for (before, after) in [
            (
                json!({"NetworkMode": "container:web"}),
                json!({"NetworkMode": format!("container:{new}")}),
            ),
            (
                json!({"IpcMode": format!("container:{old}"), "PidMode": "container:web2"}),
                json!({"IpcMode": format!("container:{new}"), "PidMode": "container:web2"}),
            ),
            (
                json!({"VolumesFrom": ["web:ro", "other", "web"]}),
                json!({"VolumesFrom": [format!("{new}:ro"), "other", new.as_str()]}),
            ),
            (
                json!({"Links": ["web:db", "web2:web", "other:web"]}),
                json!({"Links": [format!("{new}:db"), "web2:web", "other:web"]}),
            ),
            (json!({"NetworkMode": "web"}), json!({"NetworkMode": "web"})),
        ] {
            let body = Secret::new(json!({"HostConfig": before}));
            let turned = turned(&body, (&old, &name), &new);
            for (field, value) in after.as_object().unwrap() {
                assert_eq!(turned.expose()["HostConfig"][field], *value);
            }
        }
    }
}
