//! A Docker engine.

use std::sync::Arc;

use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Executor, HashKey, Plan, Release, Result, Target, Verifier,
};
use stillme_rollback_docker::emergency::{EmergencyExecutor, is_emergency};
use stillme_rollback_docker::{
    BehindProxy, ContainerName, DockerEnv, DockerExecutor, HttpEngine, KamalProxy, Recover,
    RecoverExecutor, TrafficSwitch, checks,
};

use super::{Platform, Told};
use crate::state_dir::StateDir;

/// The engine that the docker command would use.
pub(crate) struct Docker {
    engine: HttpEngine,
    state: StateDir,
}

impl Docker {
    /// Connects to it. The key of hashes will be that of the folder.
    pub(crate) async fn connect(state: &StateDir) -> Result<Self> {
        let engine = HttpEngine::connect(&DockerEnv::from_env()?).await?;
        Ok(Self { engine, state: state.clone() })
    }

    /// The engine itself.
    pub(crate) fn engine(&self) -> &HttpEngine {
        &self.engine
    }

    /// The target that a container is, however its engine was reached.
    pub(crate) async fn target(&self, name: &ContainerName) -> Result<Target> {
        // No key is needed to ask who the engine is.
        self.containers(HashKey::from_bytes([0; 32]), Vec::new()).target(name).await
    }

    /// Goes on if a run's target is a container of this engine.
    pub(super) async fn check_target(&self, target: &Target) -> Result<()> {
        let here = self.target(&ContainerName::new(target.name())?).await?;
        check_same(target, &here)
    }

    /// The executor for containers, which goes by these records of a target's releases.
    pub(crate) fn containers(&self, key: HashKey, records: Vec<Release>) -> DockerExecutor {
        DockerExecutor::new(Arc::new(self.engine.clone()), key).with_records(records)
    }

    /// The executor for emergencies.
    pub(crate) fn emergency(&self) -> EmergencyExecutor {
        EmergencyExecutor::new(Arc::new(self.engine.clone()))
    }

    /// What moves the traffic of a proxy of this name, as plans spell it.
    pub(crate) fn traffic_switch(&self, proxy: &str) -> Result<Arc<dyn TrafficSwitch>> {
        Ok(Arc::new(KamalProxy::named(Arc::new(self.engine.clone()), proxy)?))
    }

    /// The executor that puts in order what a run left.
    pub(crate) fn leftovers(&self) -> RecoverExecutor {
        RecoverExecutor::new(Arc::new(self.engine.clone()))
    }
}

/// Goes on if the engine of a run is the one that answers here.
pub(super) fn check_same(target: &Target, here: &Target) -> Result<()> {
    if here == target {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Mismatch,
        "find target",
        "the run is of another Docker engine than the one that answers here",
    )
    .with_context("engine of the run", target.scope())
    .with_context("engine here", here.scope())
    .with_hint("nothing was touched; set DOCKER_HOST or DOCKER_CONTEXT to the run's engine"))
}

impl Platform for Docker {
    fn executor(&self, plan: &Plan) -> Result<Arc<dyn Executor>> {
        if plan.strategy == Recover::NAME {
            return Ok(Arc::new(self.leftovers()));
        }
        if is_emergency(&plan.strategy) {
            return Ok(Arc::new(self.emergency()));
        }
        // What it does not know it refuses, step by step.
        let executor = self.containers(self.state.hash_key()?, Vec::new());
        Ok(Arc::new(match BehindProxy::switch_of(plan) {
            Some(proxy) => executor.with_traffic_switch(self.traffic_switch(&proxy)?),
            None => executor,
        }))
    }

    fn verifier(&self, check: &CheckSpec) -> Result<Option<Box<dyn Verifier>>> {
        if !checks::is_ours(check) {
            return Ok(None);
        }
        let engine: Arc<dyn stillme_rollback_docker::Engine> = Arc::new(self.engine.clone());
        checks::verifier(check, &engine, self.engine.endpoint()).map(Some)
    }

    fn told(&self) -> Option<Told> {
        None
    }
}
