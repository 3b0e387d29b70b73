//! Containers: looked at raw, changed by id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, Result, Secret};

use crate::engine::{
    Changed, ContainerFilter, ContainerSummary, Created, NewContainer, PathChange, PathChangeKind,
};
use crate::http::{Answer, Call, Client, LIST_CAP, segment};
use crate::inspect;
use crate::names::{ContainerId, ContainerName, ContainerRef, ImageId};

/// A value shorter than this is no secret worth hiding, and would blot out half of a message.
const SHORTEST_HIDDEN: usize = 4;

fn path(id: &ContainerId, what: &str) -> String {
    format!("/containers/{}{what}", id.as_str())
}

pub(super) async fn look(
    client: &Client,
    container: &ContainerRef,
) -> Result<Option<Secret<Value>>> {
    let path = format!("/containers/{}/json", segment(container.as_str()));
    let call = Call::reading("inspect container", path).about("container", container.as_str());
    let found: Value = match client.call(&call).await {
        Ok(answer) => answer.json(&call)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // The engine also takes the beginning of an id for a name: another container than was meant.
    let is_meant = match container {
        ContainerRef::Id(id) => found["Id"] == id.as_str(),
        ContainerRef::Name(name) => inspect::name(&found).as_ref() == Some(name),
    };
    Ok(is_meant.then(|| Secret::new(found)))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: ContainerId,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    created: i64,
}

impl From<Listed> for ContainerSummary {
    fn from(listed: Listed) -> Self {
        // Links add names of the form `/other/alias`; its own has one slash.
        let name = listed
            .names
            .unwrap_or_default()
            .iter()
            .find_map(|name| ContainerName::new(name.strip_prefix('/').unwrap_or(name)).ok());
        Self {
            id: listed.id,
            name,
            image_id: ImageId::new(listed.image_id).ok(),
            image: listed.image,
            state: listed.state,
            labels: listed.labels.unwrap_or_default(),
            created: listed.created,
        }
    }
}

pub(super) async fn list(
    client: &Client,
    filter: &ContainerFilter,
) -> Result<Vec<ContainerSummary>> {
    let labels: Vec<String> = filter
        .labels
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect();
    let mut call = Call::reading("list containers", "/containers/json")
        .capped(LIST_CAP)
        .query("all", filter.stopped_too.to_string());
    if !labels.is_empty() {
        call = call.query("filters", json!({ "label": labels }).to_string());
    }
    let listed: Vec<Listed> = client.call(&call).await?.json(&call)?;
    let mut containers: Vec<ContainerSummary> = listed.into_iter().map(Into::into).collect();
    containers.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    Ok(containers)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateAnswer {
    id: ContainerId,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

pub(super) async fn create(client: &Client, container: &NewContainer) -> Result<Created> {
    let body = container.body.expose();
    let mut call = Call::posting("create container", "/containers/create")
        .about("container", container.name.as_str())
        .query("name", container.name.as_str())
        .json(body)
        .hiding(settings(body));
    if let Some(platform) = &container.platform {
        call = call.query("platform", platform.as_str());
    }
    let created: CreateAnswer = client.call(&call).await?.json(&call)?;
    Ok(Created { id: created.id, warnings: created.warnings.unwrap_or_default() })
}

/// The values of a container's environment and labels: an engine that refuses one cites it.
fn settings(body: &Value) -> Secret<Vec<String>> {
    let env = body["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let env = env.map(|entry| entry.split_once('=').map_or(entry, |(_, value)| value));
    let labels = body["Labels"].as_object().into_iter().flat_map(|labels| labels.values());
    let mut values: Vec<String> = env
        .chain(labels.filter_map(Value::as_str))
        .filter(|value| value.len() >= SHORTEST_HIDDEN)
        .map(str::to_owned)
        .collect();
    // Longest first: one value may be a part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.dedup();
    Secret::new(values)
}

pub(super) async fn start(client: &Client, id: &ContainerId) -> Result<Changed> {
    let call = Call::posting("start container", path(id, "/start")).about("container", id.short());
    client.call(&call).await.map(|answer| changed(&answer))
}

pub(super) async fn stop(client: &Client, id: &ContainerId, grace: Duration) -> Result<Changed> {
    // Whole seconds on the wire, rounded up: never less time than was promised.
    let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    let call = Call::posting("stop container", path(id, "/stop"))
        .about("container", id.short())
        .query("t", seconds.to_string())
        .within(Duration::from_secs(seconds) + client.limits().call);
    client.call(&call).await.map(|answer| changed(&answer))
}

pub(super) async fn kill(client: &Client, id: &ContainerId, signal: &str) -> Result<Changed> {
    let call = Call::posting("send signal to container", path(id, "/kill"))
        .about("container", id.short())
        .query("signal", signal);
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        Err(error) if error.kind() == ErrorKind::Conflict => {
            already_if(client, id, error, |container| container["State"]["Running"] == false).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn rename(
    client: &Client,
    id: &ContainerId,
    name: &ContainerName,
) -> Result<Changed> {
    let call = Call::posting("rename container", path(id, "/rename"))
        .about("container", id.short())
        .query("name", name.as_str());
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        // "Already its name" is a 400 of its own, or a conflict with itself.
        Err(error) if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Conflict) => {
            already_if(client, id, error, |found| inspect::name(found).as_ref() == Some(name)).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn set_restart_policy(
    client: &Client,
    id: &ContainerId,
    policy: &Value,
) -> Result<()> {
    let call = Call::posting("set restart policy of container", path(id, "/update"))
        .about("container", id.short())
        .json(&json!({ "RestartPolicy": policy }));
    client.call(&call).await.map(|_| ())
}

pub(super) async fn remove(client: &Client, id: &ContainerId, force: bool) -> Result<Changed> {
    let call = Call::deleting("remove container", path(id, ""))
        .about("container", id.short())
        .query("v", "false")
        .query("force", force.to_string());
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Changed::Already),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedChange {
    path: String,
    kind: u8,
}

pub(super) async fn changes(client: &Client, id: &ContainerId) -> Result<Vec<PathChange>> {
    let call = Call::reading("list changed files of container", path(id, "/changes"))
        .about("container", id.short())
        .capped(LIST_CAP);
    // `null` for none.
    let listed: Option<Vec<ListedChange>> = client.call(&call).await?.json(&call)?;
    Ok(listed
        .unwrap_or_default()
        .into_iter()
        .map(|change| {
            let kind = match change.kind {
                1 => PathChangeKind::Added,
                2 => PathChangeKind::Deleted,
                _ => PathChangeKind::Modified,
            };
            PathChange::new(change.path, kind)
        })
        .collect())
}

pub(super) async fn stats(client: &Client, id: &ContainerId) -> Result<Value> {
    let call = Call::reading("read usage of container", path(id, "/stats"))
        .about("container", id.short())
        .query("stream", "false")
        .query("one-shot", "true");
    client.call(&call).await?.json(&call)
}

fn changed(answer: &Answer) -> Changed {
    if answer.is_unchanged() { Changed::Already } else { Changed::Yes }
}

/// After a refusal: it is none if the container is as it was to be. If that can't be told, the
/// refusal stands.
pub(super) async fn already_if(
    client: &Client,
    id: &ContainerId,
    refusal: Error,
    is_so: impl Fn(&Value) -> bool,
) -> Result<Changed> {
    match look(client, &id.into()).await {
        Ok(Some(container)) if is_so(container.expose()) => Ok(Changed::Already),
        _ => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_may_cite_is_collected_longest_first() {
        let body = json!({
            "Env": ["A=short-secret", "B=short-secret-and-longer", "C", "D=1"],
            "Labels": {"x": "a-label"},
        });
        assert_eq!(
            settings(&body).expose(),
            &["short-secret-and-longer", "short-secret", "a-label"]
        );
        assert!(settings(&json!({"Env": null})).expose().is_empty());
    }
}
