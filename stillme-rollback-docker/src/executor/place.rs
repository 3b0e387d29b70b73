//! A container's place on a network: its endpoint, and on the primary one its published ports.

use serde_json::Value;
use stillme_rollback_core::{Disposition, Error, ErrorKind, Result};

use crate::engine::{Changed, Engine};
use crate::names::ContainerId;
use crate::scene;

/// Connects a container.
///
/// An engine that finds a port taken refuses, but leaves the container on the network. One that is seen
/// so is taken off, and the next attempt connects it again.
pub(crate) async fn join(
    engine: &dyn Engine,
    network: &str,
    id: &ContainerId,
    endpoint: &Value,
) -> Result<()> {
    if engine.connect_network(network, id, endpoint).await? == Changed::Yes {
        return Ok(());
    }
    let container = engine.inspect_container(&id.into()).await?;
    if container.is_none_or(|container| scene::is_published(container.expose())) {
        return Ok(());
    }
    engine.disconnect_network(network, id).await?;
    Err(Error::new(
        ErrorKind::Conflict,
        "connect container to network",
        "it was on the network without its published ports; it was taken off, to be connected again",
    )
    .with_disposition(Disposition::Retry)
    .with_context("network", network))
}
