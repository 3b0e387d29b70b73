//! The strategy `replace` on the in-memory platform of the testing kit.

use std::sync::Arc;

use stillme_rollback_core::testing::{
    CrashMatrix, MemoryExecutor, MemoryPlatform, Replace, Simulated,
};
use stillme_rollback_core::{Goal, Plan, Release, Request, Strategy as _, Target, Version};

use crate::Result;

/// A platform on which a service runs `v2`.
pub fn platform(service: &str) -> Simulated<MemoryPlatform> {
    Simulated::new(MemoryPlatform::with_service(service, "v2"))
}

/// The plan to take the service back to `v1`.
///
/// # Errors
/// None that is expected.
pub async fn plan(platform: &Simulated<MemoryPlatform>, service: &str) -> Result<Plan> {
    let target = Target::new("memory", "figures", service)?;
    let observation = platform.executor().observe(&target).await?;
    let to = Release::new(Version::new("v1")?);
    Ok(Replace::default().plan(&observation, &Request::new(Goal::Release(to)))?)
}

/// Whether an executor acts on identities, as it must, or on names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    /// On identities.
    ById,
    /// On names, which another instance may have when a call arrives late.
    ByName,
}

/// The crash matrix of the strategy.
///
/// # Errors
/// None that is expected.
pub async fn matrix(acting: Acting) -> Result<CrashMatrix<MemoryPlatform>> {
    let platform = platform("web");
    let plan = plan(&platform, "web").await?;
    Ok(CrashMatrix::new(
        platform.model(),
        plan,
        move |sim| {
            let executor = MemoryExecutor::new(sim);
            Arc::new(match acting {
                Acting::ById => executor,
                Acting::ByName => executor.acting_by_name(),
            })
        },
        |sim: Simulated<MemoryPlatform>| sim.verifier(),
    ))
}
