//! A container's reach for checks: run a command in it, connect to it, read its logs and its usage.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{
    Dial, Error, ErrorKind, Exec, ExecOutput, Instance, LogSource, ResourceSource, Result, Secret,
    Usage,
};

use crate::connect::Endpoint;
use crate::engine::Engine as _;
use crate::http_engine::HttpEngine;
use crate::inspect::{self, Binding};
use crate::names::{ContainerId, ContainerName, ContainerRef};

/// What is kept of a command's output.
const OUTPUT_CAP: usize = 64 << 10;

/// An instance's container: its whole id or its name.
fn container(instance: &Instance) -> Result<ContainerRef> {
    match ContainerId::new(instance.0.as_str()) {
        Ok(id) => Ok(ContainerRef::Id(id)),
        Err(_) => ContainerName::new(instance.0.as_str()).map(ContainerRef::Name),
    }
}

/// The instance's container as it is now.
async fn find(
    engine: &HttpEngine,
    instance: &Instance,
    doing: &'static str,
) -> Result<(ContainerId, Secret<Value>)> {
    let found = engine.inspect_container(&container(instance)?).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, doing, "there is no such container")
            .with_context("container", instance.0.as_str())
    })?;
    let id = inspect::id(found.expose())?;
    Ok((id, found))
}

#[async_trait]
impl Exec for HttpEngine {
    async fn exec(
        &self,
        instance: &Instance,
        command: &[String],
        limit: Duration,
    ) -> Result<ExecOutput> {
        let (id, _) = find(self, instance, "run command in container").await?;
        crate::Engine::exec(self, &id, command, limit, OUTPUT_CAP).await
    }
}

#[async_trait]
impl LogSource for HttpEngine {
    async fn last_lines(
        &self,
        instance: &Instance,
        lines: usize,
        bytes: usize,
    ) -> Result<Secret<Vec<u8>>> {
        let (id, _) = find(self, instance, "read logs of container").await?;
        self.logs(&id, lines, bytes).await
    }
}

#[async_trait]
impl Dial for HttpEngine {
    /// Where the port is published, and only otherwise the container's own address: that one is
    /// reachable from the engine's machine alone, and on some not even from there.
    async fn dial(&self, instance: &Instance, port: u16) -> Result<SocketAddr> {
        let (_, found) = find(self, instance, "find way to container").await?;
        let found = found.expose();
        let published =
            inspect::bindings(found).into_iter().find(|binding| binding.container_port == port);
        if let Some(binding) = published {
            return published_at(self.endpoint(), &binding).await;
        }
        let own = if self.endpoint().is_local() { own_address(found) } else { None };
        own.map(|address| SocketAddr::new(address, port)).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "find way to container",
                format!("port {port} can't be reached from here"),
            )
            .with_context("container", instance.0.as_str())
            .with_hint("publish the port, or check from beside the service")
        })
    }
}

/// The address of a published port, as seen from here.
pub(crate) async fn published_at(endpoint: &Endpoint, binding: &Binding) -> Result<SocketAddr> {
    let address = match (binding.host_address, endpoint) {
        (address, _) if !address.is_unspecified() && !address.is_loopback() => address,
        // On all addresses of the engine's machine, or on its loopback, which is ours if it is local.
        (IpAddr::V4(_), _) if endpoint.is_local() => Ipv4Addr::LOCALHOST.into(),
        (IpAddr::V6(_), _) if endpoint.is_local() => Ipv6Addr::LOCALHOST.into(),
        (address, Endpoint::Tcp(at) | Endpoint::Tls(at, _)) if address.is_unspecified() => {
            return resolve(&at.host, binding.host_port).await;
        }
        (address, Endpoint::Ssh(at)) if address.is_unspecified() => {
            return resolve(at.host(), binding.host_port).await;
        }
        _ => {
            return Err(Error::new(
                ErrorKind::NotFound,
                "find way to container",
                format!(
                    "port {} is published on the loopback of another machine",
                    binding.container_port
                ),
            ));
        }
    };
    Ok(SocketAddr::new(address, binding.host_port))
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr> {
    let not_found = || {
        Error::new(ErrorKind::NotFound, "find way to container", "the engine's host has no address")
            .with_context("host", host)
    };
    let mut addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| not_found().with_source(error))?;
    addresses.next().ok_or_else(not_found)
}

/// The container's address as its engine's machine sees it.
fn own_address(container: &Value) -> Option<IpAddr> {
    if container["HostConfig"]["NetworkMode"] == "host" {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let networks = container["NetworkSettings"]["Networks"].as_object()?;
    networks.values().find_map(|endpoint| endpoint["IPAddress"].as_str()?.parse().ok())
}

#[async_trait]
impl ResourceSource for HttpEngine {
    async fn usage(&self, instance: &Instance) -> Result<Usage> {
        let (id, found) = find(self, instance, "read usage of container").await?;
        if !inspect::State::of(found.expose()).is_some_and(|state| state.running) {
            return Err(Error::new(
                ErrorKind::Conflict,
                "read usage of container",
                "it does not run",
            )
            .with_context("container", instance.0.as_str()));
        }
        let limit = found.expose()["HostConfig"]["Memory"].as_u64().filter(|bytes| *bytes > 0);
        let stats = self.stats(&id).await?;
        read_usage(&stats, limit).ok_or_else(|| {
            Error::new(ErrorKind::Conflict, "read usage of container", "the engine has no figures: it does not run any more, or its control groups are not read")
                .with_context("container", instance.0.as_str())
        })
    }
}

/// The usage in the engine's figures. Memory without the page cache that can be given back, as the
/// docker command counts it: `total_inactive_file` in version 1 of control groups, `inactive_file`
/// in version 2.
fn read_usage(stats: &Value, memory_limit: Option<u64>) -> Option<Usage> {
    let memory = &stats["memory_stats"];
    let used = memory["usage"].as_u64()?;
    let cache = ["total_inactive_file", "inactive_file"]
        .iter()
        .find_map(|name| memory["stats"][name].as_u64())
        .filter(|cache| *cache < used)
        .unwrap_or(0);
    let mut usage = Usage::default();
    usage.cpu = Duration::from_nanos(stats["cpu_stats"]["cpu_usage"]["total_usage"].as_u64()?);
    usage.memory = used - cache;
    usage.memory_limit = memory_limit;
    Some(usage)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn memory_is_counted_without_what_can_be_given_back() {
        let cpu = json!({"cpu_usage": {"total_usage": 1_500_000_000_u64}});
        for (stats, memory) in [
            (json!({"total_inactive_file": 30, "inactive_file": 10}), 70),
            (json!({"inactive_file": 10}), 90),
            (json!({}), 100),
            (json!({"inactive_file": 100}), 100),
        ] {
            let stats = json!({"memory_stats": {"usage": 100, "stats": stats}, "cpu_stats": cpu});
            let usage = read_usage(&stats, Some(7)).unwrap();
            assert_eq!((usage.memory, usage.memory_limit), (memory, Some(7)));
            assert_eq!(usage.cpu, Duration::from_millis(1500));
        }
        assert!(read_usage(&json!({"memory_stats": {}, "cpu_stats": cpu}), None).is_none());
    }

    #[test]
    fn an_address_of_its_own_is_found() {
        for (container, address) in [
            (json!({"HostConfig": {"NetworkMode": "host"}}), Some("127.0.0.1")),
            (
                json!({"NetworkSettings": {"Networks": {"a": {"IPAddress": ""}, "b": {"IPAddress": "10.1.2.3"}}}}),
                Some("10.1.2.3"),
            ),
            (json!({"NetworkSettings": {"Networks": {}}}), None),
            (json!({}), None),
        ] {
            assert_eq!(own_address(&container), address.map(|a| a.parse().unwrap()));
        }
    }

    #[tokio::test]
    async fn a_published_port_is_sought_where_the_engine_is() {
        let unix = Endpoint::Unix("/x.sock".into());
        let at =
            |host: &str| Endpoint::Tcp(crate::connect::HostPort { host: host.into(), port: 1 });
        let ssh = |host: &str| {
            let host = Some(format!("ssh://me@{host}"));
            let env = crate::DockerEnv { host, ..crate::DockerEnv::default() };
            Endpoint::resolve(&env).unwrap()
        };
        for (endpoint, host_address, expected) in [
            (&unix, "0.0.0.0", Some("127.0.0.1:99")),
            (&unix, "::", Some("[::1]:99")),
            (&unix, "127.0.0.1", Some("127.0.0.1:99")),
            (&unix, "10.0.0.9", Some("10.0.0.9:99")),
            (&at("10.0.0.1"), "0.0.0.0", Some("10.0.0.1:99")),
            (&at("10.0.0.1"), "10.0.0.9", Some("10.0.0.9:99")),
            (&at("10.0.0.1"), "127.0.0.1", None),
            (&ssh("10.0.0.1"), "0.0.0.0", Some("10.0.0.1:99")),
            (&ssh("10.0.0.1"), "10.0.0.9", Some("10.0.0.9:99")),
            (&ssh("10.0.0.1"), "127.0.0.1", None),
            // Perhaps a virtual machine behind a forwarded port: its loopback is not this one.
            (&ssh("127.0.0.1"), "127.0.0.1", None),
        ] {
            let binding = Binding {
                container_port: 80,
                host_address: host_address.parse().unwrap(),
                host_port: 99,
            };
            let found = published_at(endpoint, &binding).await.ok();
            assert_eq!(found, expected.map(|a| a.parse().unwrap()), "{endpoint} {host_address}");
        }
    }
}
