//! Docker Compose on a Docker engine.

use std::sync::Arc;

use stillme_rollback_core::{CheckSpec, Executor, Plan, Result, Target, Verifier};
use stillme_rollback_docker::compose::{ComposeExecutor, checks, parts};

use super::{Docker, Platform, Told};
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// The engine that the docker command would use, and the compose command.
pub(crate) struct Compose {
    docker: Docker,
    state: StateDir,
}

impl Compose {
    /// Connects to the engine. The compose command is looked for when it is needed.
    pub(crate) async fn connect(state: &StateDir) -> Result<Self> {
        Ok(Self { docker: Docker::connect(state).await?, state: state.clone() })
    }

    /// Goes on if a run's target is of this engine.
    pub(super) async fn check_target(&self, target: &Target) -> Result<()> {
        let (project, services) = parts(target)?;
        let here = self.services()?.target(Some(&project), &services).await?;
        super::docker::check_same(target, &here)
    }

    /// The executor for services.
    fn services(&self) -> Result<ComposeExecutor> {
        let engine = Arc::new(self.docker.engine().clone());
        Ok(ComposeExecutor::new(engine, self.state.hash_key()?, self.state.compose()))
    }

    /// The executor for services, which goes by what the journals say of their releases.
    pub(crate) async fn services_with_records(&self) -> Result<ComposeExecutor> {
        let recorded = Recorded::read(&self.state.journal()).await?;
        Ok(self.services()?.with_records(recorded.of_compose()))
    }
}

impl Platform for Compose {
    fn executor(&self, _plan: &Plan) -> Result<Arc<dyn Executor>> {
        // What it does not know it refuses, step by step.
        Ok(Arc::new(self.services()?))
    }

    fn verifier(&self, check: &CheckSpec) -> Result<Option<Box<dyn Verifier>>> {
        if !checks::is_ours(check) {
            return Ok(None);
        }
        let engine: Arc<dyn stillme_rollback_docker::Engine> =
            Arc::new(self.docker.engine().clone());
        checks::verifier(check, &engine, self.docker.engine().endpoint()).map(Some)
    }

    fn told(&self) -> Option<Told> {
        None
    }
}
