//! Takes back that an engine does not start a container by itself.

use serde_json::Value;
use stillme_rollback_core::Result;

use crate::engine::Engine;
use crate::names::ContainerId;
use crate::scene;

/// Gives a container its policy again, and starts it if it ran: an engine that was killed meanwhile has taken
/// it down and does not start it. Two requests, for a service that is down does not wait for a second look.
pub(super) async fn give_back(
    engine: &dyn Engine,
    id: &ContainerId,
    policy: &Value,
    was_up: bool,
) -> Result<()> {
    if !scene::is_held(policy) {
        engine.set_restart_policy(id, policy).await?;
    }
    if was_up {
        engine.start_container(id).await?;
    }
    Ok(())
}
