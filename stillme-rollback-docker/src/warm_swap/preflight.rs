//! What can't change places, and what would be harmed by running twice.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use crate::action::Gate;
use crate::detail::text;
use crate::groundwork::Groundwork;
use crate::recreate::{ApiVersion, Connect};
use crate::side_by_side;

use super::WarmSwap;

const OPERATION: &str = "plan warm swap";

/// From this version of the API on, an endpoint carries its own MAC address.
const MAC_PER_ENDPOINT: ApiVersion = ApiVersion::new(1, 44);

/// Refuses what warm swap is not for, and says what shows that the new container is ready.
pub(super) fn check(ground: &Groundwork, shared_writes: bool) -> Result<Gate> {
    if let Some(why) = obstacle(ground)? {
        return Err(refused(&why).with_hint(
            "nothing was touched; `--strategy create-first` takes it back with a longer outage",
        ));
    }
    side_by_side::refuse_shared_writes(
        &ground.settings_of,
        WarmSwap::NAME,
        OPERATION,
        shared_writes,
    )?;
    Ok(Gate { healthcheck: ground.has_healthcheck, ports: ports(ground) })
}

/// The ports that show when the new container is ready: those of the old one that it publishes as well.
fn ports(ground: &Groundwork) -> Vec<u16> {
    let published = ground.settings_of.pointer("/HostConfig/PortBindings");
    let publishes = |port: &u16| {
        ground.origin.is_none()
            || published.is_some_and(|all| all.get(format!("{port}/tcp")).is_some())
    };
    ground.detail.reachable_ports.iter().copied().filter(publishes).collect()
}

fn same_networks(ground: &Groundwork) -> bool {
    let names = |all: &[Connect]| all.iter().map(|one| one.network.clone()).collect::<Vec<_>>();
    names(&ground.old_endpoints) == names(&ground.recreated.endpoints)
}

/// Why two containers of this kind can't change places.
pub(super) fn obstacle(ground: &Groundwork) -> Result<Option<String>> {
    let (detail, recreated) = (&ground.detail, &ground.recreated);
    let host = &detail.container["HostConfig"];
    let mode = text(&ground.settings_of, "/HostConfig/NetworkMode");
    let odd_network =
        recreated.endpoints.iter().map(|endpoint| endpoint.network.as_str()).find(|network| {
            let driver = detail.network_drivers.get(*network).map_or("", String::as_str);
            !matches!(driver, "bridge" | "overlay")
        });
    Ok(if !ground.runs() {
        Some("it does not run, so nothing would be gained".to_owned())
    } else if recreated.auto_remove {
        Some("it was started with `--rm`: its stop deletes it".to_owned())
    } else if matches!(mode, "host" | "none") || mode.starts_with("container:") {
        Some(format!("its network mode is `{}`", Printable(mode)))
    } else if recreated.endpoints.is_empty() {
        Some("it is on no network".to_owned())
    } else if !same_networks(ground) {
        Some("the settings that it goes back to are of other networks".to_owned())
    } else if let Some(network) = odd_network {
        Some(format!("network {} is neither a bridge nor an overlay", Printable(network)))
    } else if host["Links"].as_array().is_some_and(|links| !links.is_empty()) {
        Some("it has links to other containers, which are bound to its start".to_owned())
    } else if [&detail.container, &ground.settings_of].into_iter().any(has_own_mac)
        && detail.engine.api_version()? < MAC_PER_ENDPOINT
    {
        Some(
            "it has a MAC address of its own, which this engine gives at the create only"
                .to_owned(),
        )
    } else if !ground.has_healthcheck && ports(ground).is_empty() {
        Some("nothing shows when the new container is ready: it has no health check, and no published port of it can be reached from here on its own address".to_owned())
    } else {
        None
    })
}

fn has_own_mac(container: &Value) -> bool {
    !text(container, "/Config/MacAddress").is_empty()
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, OPERATION, why)
}
