//! Takes back that an engine does not start a container by itself.

use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::Result;

use crate::engine::Engine;
use crate::names::{ContainerId, ContainerRef};
use crate::scene;

/// How long a container gets to stop that runs without its ports, which nobody reaches through them.
const GRACE: Duration = Duration::from_secs(10);

/// Gives a container its policy again, and starts it if it ran: an engine that was killed meanwhile has taken
/// it down and does not start it. Several requests, for a service that is down does not wait for a second look.
pub(super) async fn give_back(
    engine: &dyn Engine,
    id: &ContainerId,
    policy: &Value,
    was_up: bool,
) -> Result<()> {
    if !scene::is_held(policy) {
        engine.set_restart_policy(id, policy).await?;
    }
    if was_up { start_with_its_ports(engine, id).await } else { Ok(()) }
}

/// Starts a container. One that runs without its ports is stopped first, for only a start publishes them.
pub(super) async fn start_with_its_ports(engine: &dyn Engine, id: &ContainerId) -> Result<()> {
    let found = engine.inspect_container(&ContainerRef::from(id)).await?;
    if found.is_some_and(|found| scene::ports_fact(found.expose()) == "missing") {
        engine.stop_container(id, GRACE).await?;
    }
    engine.start_container(id).await.map(drop)
}
