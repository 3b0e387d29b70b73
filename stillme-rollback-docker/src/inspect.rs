//! What is read from an inspected container or image. Everything else in there is carried, not read.

use std::net::IpAddr;

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result};

use crate::names::{ContainerId, ContainerName, ImageId};

/// A container's id.
pub(crate) fn id(container: &Value) -> Result<ContainerId> {
    container["Id"]
        .as_str()
        .and_then(|id| ContainerId::new(id).ok())
        .ok_or_else(|| strange("container without an id"))
}

/// A container's name, without the slash before it.
pub(crate) fn name(container: &Value) -> Option<ContainerName> {
    let name = container["Name"].as_str()?;
    ContainerName::new(name.strip_prefix('/').unwrap_or(name)).ok()
}

/// The id of a container's image.
pub(crate) fn image_id(container: &Value) -> Result<ImageId> {
    container["Image"]
        .as_str()
        .and_then(|id| ImageId::new(id).ok())
        .ok_or_else(|| strange("container without an image"))
}

fn strange(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read the engine's answer", format!("it shows a {what}"))
}

/// A container's state, as far as a verdict needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// `created`, `running`, `restarting`, `exited`, …
    pub(crate) status: String,
    /// It runs and is not just being restarted.
    pub(crate) running: bool,
    /// When it was started last, as the engine writes it.
    pub(crate) started_at: String,
    /// How often the engine restarted it by itself.
    pub(crate) restarts: u64,
    /// The exit code of its last end.
    pub(crate) exit_code: i64,
    /// Whether it was killed for want of memory.
    pub(crate) out_of_memory: bool,
    /// What the engine's own health check says, if there is one: `starting`, `healthy`, `unhealthy`.
    pub(crate) health: Option<String>,
}

impl State {
    /// The state in an inspected container.
    pub(crate) fn of(container: &Value) -> Option<Self> {
        let state = container["State"].as_object()?;
        let flag = |name: &str| state.get(name) == Some(&Value::Bool(true));
        let text = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            status: text("Status").to_owned(),
            running: flag("Running") && !flag("Restarting") && !flag("Paused"),
            started_at: text("StartedAt").to_owned(),
            restarts: container["RestartCount"].as_u64().unwrap_or(0),
            exit_code: state.get("ExitCode").and_then(Value::as_i64).unwrap_or(0),
            out_of_memory: flag("OOMKilled"),
            health: container["State"]["Health"]["Status"].as_str().map(str::to_owned),
        })
    }
}

/// A TCP port of a container and where it is published on the engine's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) container_port: u16,
    pub(crate) host_address: IpAddr,
    pub(crate) host_port: u16,
}

/// The TCP ports inside a container that it publishes.
pub(crate) fn published_tcp_ports(container: &Value) -> Vec<u16> {
    let mut ports: Vec<_> =
        bindings(container).into_iter().map(|binding| binding.container_port).collect();
    ports.dedup();
    ports
}

/// The published TCP ports of a container that runs.
pub(crate) fn bindings(container: &Value) -> Vec<Binding> {
    let ports = container["NetworkSettings"]["Ports"].as_object();
    let mut bindings: Vec<Binding> = ports
        .into_iter()
        .flatten()
        .filter_map(|(port, bound)| {
            Some((port.strip_suffix("/tcp")?.parse().ok()?, bound.as_array()?))
        })
        .flat_map(|(container_port, bound)| {
            bound.iter().filter_map(move |at| {
                let address =
                    at["HostIp"].as_str().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
                Some(Binding {
                    container_port,
                    host_address: address.parse().ok()?,
                    host_port: at["HostPort"].as_str()?.parse().ok()?,
                })
            })
        })
        .collect();
    bindings
        .sort_by_key(|binding| (binding.container_port, binding.host_address, binding.host_port));
    bindings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_that_is_being_restarted_does_not_run() {
        for (state, running) in [
            (json!({"Running": true}), true),
            (json!({"Running": true, "Restarting": true}), false),
            (json!({"Running": true, "Paused": true}), false),
            (json!({"Running": false}), false),
            (json!({}), false),
        ] {
            assert_eq!(State::of(&json!({ "State": state })).unwrap().running, running);
        }
        assert!(State::of(&json!({})).is_none());
    }

    #[test]
    fn tcp_ports_that_are_published_are_found() {
        let container = json!({"NetworkSettings": {"Ports": {
            "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
            "53/udp": [{"HostIp": "", "HostPort": "53"}],
            "9/tcp": null,
            "443/tcp": [{"HostIp": "", "HostPort": "8443"}],
        }}});
        let found: Vec<_> = bindings(&container)
            .iter()
            .map(|b| (b.container_port, b.host_address.to_string(), b.host_port))
            .collect();
        assert_eq!(
            found,
            [
                (80, "0.0.0.0".to_owned(), 8080),
                (80, "::".to_owned(), 8080),
                (443, "0.0.0.0".to_owned(), 8443),
            ]
        );
        assert!(bindings(&json!({})).is_empty());
    }
}
