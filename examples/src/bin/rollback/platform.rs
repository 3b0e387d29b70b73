//! Platforms as runs need them: who does a plan's steps, and who reads its checks.
//!
//! A run is put together from its plan and its platform alone, whether it begins or goes on: so a run
//! that is resumed is the run that was begun.

mod compose;
mod docker;
mod kubernetes;

use std::sync::Arc;

use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Executor, Plan, Result, Target, Verifier,
};

pub(crate) use self::compose::Compose;
pub(crate) use self::docker::Docker;
pub(crate) use self::kubernetes::Kubernetes;
use crate::cli::Access;
use crate::state_dir::StateDir;

/// A platform that is connected to.
pub(crate) trait Platform: Send + Sync {
    /// Who does the steps of a plan.
    fn executor(&self, plan: &Plan) -> Result<Arc<dyn Executor>>;

    /// Who judges by a check that only this platform can make. `None` for all other checks.
    fn verifier(&self, check: &CheckSpec) -> Result<Option<Box<dyn Verifier>>>;

    /// What its verifiers wait for, as it changes, for who watches. `None`: they don't say.
    fn told(&self) -> Option<Told>;
}

/// What a verdict waits for.
pub(crate) type Told = tokio::sync::watch::Receiver<String>;

/// The platform of a run's target, if it is the one that answers here. Another one may well have a
/// target of the same name.
pub(crate) async fn of(
    target: &Target,
    access: &Access,
    state: &StateDir,
) -> Result<Box<dyn Platform>> {
    match target.platform() {
        "docker" => {
            let docker = Docker::connect(state).await?;
            docker.check_target(target).await?;
            Ok(Box::new(docker))
        }
        "compose" => {
            let compose = Compose::connect(state).await?;
            compose.check_target(target).await?;
            Ok(Box::new(compose))
        }
        "kubernetes" => {
            let cluster = Kubernetes::connect_for_run(access, state).await?;
            cluster.check_target(target).await?;
            Ok(Box::new(cluster))
        }
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "find target",
            format!(
                "the run is of {target}, which is neither a container, a Compose service nor a workload of Kubernetes"
            ),
        )
        .with_hint("nothing was touched; use the version that began the run")),
    }
}
