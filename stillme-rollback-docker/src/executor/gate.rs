//! Whether a container that warms up is ready for the service's place.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::Result;

use super::DockerExecutor;
use crate::action::Gate;
use crate::health::{Probe, accepts};
use crate::inspect::State;
use crate::names::ContainerId;

/// The longest answer of a health check that is read.
const OUTPUT: usize = 4096;

impl DockerExecutor {
    /// One look. What can't be asked just now is not ready.
    pub(super) async fn is_ready(
        &self,
        id: &ContainerId,
        container: &Value,
        network: &str,
        gate: &Gate,
    ) -> Result<bool> {
        let steady = State::of(container).is_some_and(|state| state.running && state.restarts == 0);
        if !steady {
            return Ok(false);
        }
        let address = address(container, network);
        for port in &gate.ports {
            let Some(address) = address else { return Ok(false) };
            if !accepts(SocketAddr::new(address, *port)).await {
                return Ok(false);
            }
        }
        match Probe::of(container).filter(|_| gate.healthcheck) {
            Some(probe) => self.passes(id, &probe).await,
            None => Ok(!gate.healthcheck),
        }
    }

    async fn passes(&self, id: &ContainerId, probe: &Probe) -> Result<bool> {
        let limit = probe.timeout.min(Duration::from_secs(10));
        let ran = self.engine.exec(id, &probe.command, limit, OUTPUT).await;
        Ok(ran.is_ok_and(|ran| ran.code == 0))
    }
}

/// Its address on a network, if it has one.
fn address(container: &Value, network: &str) -> Option<IpAddr> {
    let endpoint = container.pointer("/NetworkSettings/Networks")?.get(network)?;
    endpoint.get("IPAddress")?.as_str()?.parse().ok()
}
