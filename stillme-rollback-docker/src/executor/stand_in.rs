//! The way back to a container that its stop deletes (`--rm`): a copy of it, made before the stop.

use std::time::Duration;

use stillme_rollback_core::{Error, ErrorKind, Result, StepContext};
use tokio::time::sleep;

use super::{DockerExecutor, restart};
use crate::action::Orders;
use crate::names::ContainerId;
use crate::scene::Scene;

/// Between two looks at a container that its engine is removing. It announces the end only to who
/// listened before.
const PAUSE: Duration = Duration::from_millis(50);

impl DockerExecutor {
    /// Starts the old container again, or what stands in for it.
    pub(super) async fn bring_back(&self, context: &StepContext, orders: &Orders) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let old = &orders.subject.old;
        if orders.stand_in.is_none() {
            return restart::start_with_its_ports(engine.as_ref(), old).await;
        }
        self.until_gone(old).await?;
        let (scene, _) = self.listed(&context.run, orders).await?;
        engine.start_container(&id(&scene)?).await.map(drop)
    }

    /// Until the engine has deleted what was stopped: it has the name, the addresses and the ports
    /// until then. The step's deadline ends the wait.
    async fn until_gone(&self, old: &ContainerId) -> Result<()> {
        while self.find(old).await?.is_some() {
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// The id of the stand-in.
pub(super) fn id(scene: &Scene) -> Result<ContainerId> {
    scene.stand_in.as_ref().map(|stand_in| stand_in.id.clone()).ok_or_else(missing)
}

fn missing() -> Error {
    Error::new(ErrorKind::Mismatch, "find stand-in", "the copy of the old container is not there")
}
