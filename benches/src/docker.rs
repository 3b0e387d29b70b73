//! The strategies for containers on the model of a Docker Engine.

use std::sync::Arc;

use stillme_rollback_core::testing::{CrashMatrix, Simulated};
use stillme_rollback_core::{HashKey, Observation, Request, Strategy};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelVerifier};
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor, WarmSwap};

use crate::Result;

/// The strategy `create-first`.
pub fn strategy() -> CreateFirst {
    CreateFirst::new(key())
}

/// What an engine shows that runs `web:v2`, and the request to go back to `web:v1`.
///
/// # Errors
/// None that is expected.
pub async fn observed(model: &DockerModel) -> Result<(Observation, Request)> {
    let executor = executor(Simulated::new(model.clone()));
    let target = executor.target(&ContainerName::new("web")?).await?;
    let (observation, goal) = executor.observe_for(&target, &"v1".parse()?).await?;
    Ok((observation, Request::new(goal)))
}

/// The crash matrix of going back from `web:v2` to `web:v1` by `create-first`.
///
/// # Errors
/// None that is expected.
pub async fn matrix() -> Result<CrashMatrix<DockerModel>> {
    matrix_of(DockerModel::with_service("web"), &strategy()).await
}

/// The same by `warm-swap`.
///
/// # Errors
/// None that is expected.
pub async fn warm_swap() -> Result<CrashMatrix<DockerModel>> {
    // Only what can be seen to be ready is warmed up.
    let model = DockerModel::with_service("web").with_healthcheck();
    matrix_of(model.with_networks(&["bridge"]), &WarmSwap::new(key())).await
}

async fn matrix_of(
    model: DockerModel,
    strategy: &dyn Strategy,
) -> Result<CrashMatrix<DockerModel>> {
    let (observation, request) = observed(&model).await?;
    let plan = strategy.plan(&observation, &request)?;
    Ok(CrashMatrix::new(
        model,
        plan,
        |sim| Arc::new(executor(sim)),
        |sim| Arc::new(ModelVerifier::new(sim)),
    ))
}

fn executor(sim: Simulated<DockerModel>) -> DockerExecutor {
    DockerExecutor::new(Arc::new(ModelEngine::new(sim)), key())
}

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_figures_are_taken_on_can_be_planned() {
        matrix().await.unwrap();
        warm_swap().await.unwrap();
    }
}
