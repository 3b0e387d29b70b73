//! What can't run twice at once, or is not behind the proxy.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use crate::action::Gate;
use crate::detail::{BehindProxy as Found, text};
use crate::groundwork::Groundwork;
use crate::recreate::Connect;
use crate::side_by_side;

use super::{Allowed, BehindProxy};

const OPERATION: &str = "plan behind proxy";

/// Refuses what this strategy is not for, and says what shows that the new container is ready.
pub(super) fn check(ground: &Groundwork, allowed: Allowed) -> Result<(&Found, Gate)> {
    let container = &ground.detail.container;
    let Some(proxy) = &ground.detail.proxy else {
        return Err(refused("there is no traffic switch: nobody could move the proxy's traffic")
            .with_hint(
                "nothing was touched; name the proxy: `--proxy kamal:CONTAINER/SERVICE:PORT`",
            ));
    };
    if let Some(elsewhere) = &proxy.elsewhere {
        return Err(refused("the proxy's traffic does not go to this container")
            .with_context("proxy", Printable(&proxy.switch).to_string())
            .with_context("it goes to", Printable(elsewhere).to_string())
            .with_hint("nothing was touched; name the container that serves, or the proxy's service of this one"));
    }
    if let Some(why) = obstacle(ground, proxy, allowed) {
        return Err(refused(&why).with_hint(
            "nothing was touched; `--strategy warm-swap` or `create-first` takes it back with an outage",
        ));
    }
    side_by_side::refuse_shared_writes(
        container,
        BehindProxy::NAME,
        OPERATION,
        allowed.shared_writes,
    )?;
    let ports = if proxy.reachable { vec![proxy.port] } else { Vec::new() };
    Ok((proxy, Gate { healthcheck: ground.has_healthcheck, ports }))
}

/// Why two containers of this kind can't run at once.
fn obstacle(ground: &Groundwork, proxy: &Found, allowed: Allowed) -> Option<String> {
    let (detail, recreated) = (&ground.detail, &ground.recreated);
    let mode = text(&detail.container, "/HostConfig/NetworkMode");
    if !ground.runs() {
        return Some("it does not run, so nothing would be gained".to_owned());
    }
    if recreated.auto_remove {
        return Some("it was started with `--rm`: its stop deletes it".to_owned());
    }
    if matches!(mode, "host" | "none") || mode.starts_with("container:") {
        return Some(format!("its network mode is `{}`", Printable(mode)));
    }
    if recreated.endpoints.is_empty() {
        return Some("it is on no network".to_owned());
    }
    if let Some(port) = fixed_port(&detail.container) {
        return Some(format!(
            "it publishes port {} of the host, which only one container can have; behind a proxy, the proxy publishes it",
            Printable(&port)
        ));
    }
    if let Some(network) = recreated.endpoints.iter().find(|on| has_static_address(on)) {
        return Some(format!(
            "it has a static address on network {}, which only one container can have",
            Printable(&network.network)
        ));
    }
    if has_own_mac(&detail.container, &recreated.endpoints) {
        return Some(
            "it has a MAC address of its own, which only one container can have".to_owned(),
        );
    }
    if let Some((network, alias)) = alias(&recreated.endpoints).filter(|_| !allowed.shared_aliases)
    {
        return Some(format!(
            "it has the alias {} on network {}: who uses that goes past the proxy and would find the new version before it is ready",
            Printable(&alias),
            Printable(network)
        ));
    }
    if !ground.has_healthcheck && !proxy.reachable {
        return Some(format!(
            "nothing shows when the new container is ready: it has no health check, and port {} can't be reached from here on its own address",
            proxy.port
        ));
    }
    None
}

/// A port of the host that is given to this container by number.
fn fixed_port(container: &Value) -> Option<String> {
    let bindings = container.pointer("/HostConfig/PortBindings")?.as_object()?;
    let ports = bindings.values().filter_map(Value::as_array).flatten();
    ports
        .map(|binding| text(binding, "/HostPort"))
        .find(|port| !matches!(*port, "" | "0"))
        .map(str::to_owned)
}

fn has_static_address(on: &Connect) -> bool {
    let ipam = &on.endpoint.expose()["IPAMConfig"];
    ["IPv4Address", "IPv6Address"]
        .iter()
        .any(|field| ipam[*field].as_str().is_some_and(|address| !address.is_empty()))
}

fn has_own_mac(container: &Value, endpoints: &[Connect]) -> bool {
    let of_endpoint = |on: &Connect| on.endpoint.expose().get("MacAddress").is_some();
    !text(container, "/Config/MacAddress").is_empty() || endpoints.iter().any(of_endpoint)
}

/// A name by which others on a network reach it.
fn alias(endpoints: &[Connect]) -> Option<(&str, String)> {
    endpoints.iter().find_map(|on| {
        let aliases = on.endpoint.expose().get("Aliases")?.as_array()?;
        Some((on.network.as_str(), aliases.first()?.as_str()?.to_owned()))
    })
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, OPERATION, why)
}
