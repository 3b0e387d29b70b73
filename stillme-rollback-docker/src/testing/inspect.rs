//! Containers and images of the model as an engine shows them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{DockerModel, ModelState};

impl DockerModel {
    pub(super) fn inspect(&self, which: &str) -> Option<Value> {
        let (id, container) =
            self.containers.iter().find(|(id, c)| &***id == which || c.name == which)?;
        let networks: BTreeMap<_, _> =
            container.networks.iter().map(|name| (name.as_str(), json!({}))).collect();
        let running = container.state == ModelState::Running;
        let binding = json!([{"HostIp": "127.0.0.1", "HostPort": "80"}]);
        let ports = if container.has_port { json!({"80/tcp": binding}) } else { json!({}) };
        Some(json!({
            "Id": &**id,
            "Name": format!("/{}", container.name),
            "Image": &*container.image,
            "Config": &*container.config,
            "HostConfig": &*container.host,
            "State": {"Status": container.state.as_str(), "Running": running, "ExitCode": 0},
            "Mounts": [],
            "NetworkSettings": {"Networks": networks, "Ports": ports},
        }))
    }

    pub(super) fn inspect_image(&self, which: &str) -> Option<Value> {
        let by_tag = self.tags.get(which);
        let id = by_tag.or_else(|| self.tags.values().find(|id| ***id == *which))?;
        Some(json!({"Id": &**id, "Os": "linux", "Architecture": "amd64", "Config": {}}))
    }
}
