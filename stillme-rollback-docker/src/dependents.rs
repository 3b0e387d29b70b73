//! The containers that hold on to another one by its id or name: they break when it is replaced.

pub(crate) mod act;
pub(crate) mod recreated;
pub(crate) mod scene;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::inspect;
use crate::names::{ContainerId, ContainerName};

/// What happens to those who hold on to a container that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The rollback is refused.
    Refuse,
    /// They are recreated on the new container.
    Recreate,
}

/// A container that depends on another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dependent {
    /// Its name.
    pub name: String,
    /// What it shares: `network`, `ipc`, `pid`, `volumes` or `link`.
    pub shares: Vec<String>,
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.shares.join(", "))
    }
}

impl Dependent {
    /// What an inspected container holds of another one, if anything.
    pub(crate) fn of(container: &Value, id: &ContainerId, name: &ContainerName) -> Option<Self> {
        let host = &container["HostConfig"];
        let means_it = |text: &str| {
            text == name.as_str()
                || text == id.as_str()
                || (text.len() >= 12 && id.as_str().starts_with(text))
        };
        let mut shares = Vec::new();
        for (field, what) in [("NetworkMode", "network"), ("IpcMode", "ipc"), ("PidMode", "pid")] {
            let mode = host[field].as_str().unwrap_or_default();
            if mode.strip_prefix("container:").is_some_and(means_it) {
                shares.push(what.to_owned());
            }
        }
        // `id:ro`
        if texts(&host["VolumesFrom"]).any(|from| means_it(from.split(':').next().unwrap_or(from)))
        {
            shares.push("volumes".to_owned());
        }
        // `/target:/self/alias`
        let target =
            |link: &str| link.split(':').next().map(|name| name.trim_start_matches('/').to_owned());
        if texts(&host["Links"]).filter_map(target).any(|name| means_it(&name)) {
            shares.push("link".to_owned());
        }
        let name = inspect::name(container)?;
        (!shares.is_empty()).then(|| Self { name: name.as_str().to_owned(), shares })
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_hold_on_is_found() {
        let id = ContainerId::new("ab".repeat(32)).unwrap();
        let name = ContainerName::new("web").unwrap();
        let mode = |text: &str| json!({ "NetworkMode": text });
        for (host, shares) in [
            (mode(&format!("container:{id}")), vec!["network"]),
            (mode("container:web"), vec!["network"]),
            (mode(&format!("container:{}", id.short())), vec!["network"]),
            (mode("container:web2"), vec![]),
            (mode("bridge"), vec![]),
            (json!({"IpcMode": "container:web", "PidMode": "container:web"}), vec!["ipc", "pid"]),
            (json!({"VolumesFrom": ["web:ro"]}), vec!["volumes"]),
            (json!({"VolumesFrom": ["other"]}), vec![]),
            (json!({"Links": ["/web:/app/db"]}), vec!["link"]),
            (json!({"Links": null, "VolumesFrom": null}), vec![]),
        ] {
            let container = json!({"Name": "/app", "HostConfig": host});
            let found = Dependent::of(&container, &id, &name).map(|found| found.shares);
            assert_eq!(found.unwrap_or_default(), shares, "{container}");
        }
    }
}
