//! From a strategy to its plan and its crash matrix on the platform in memory, in one call each.

use super::matrix::{CrashMatrix, at_once};
use super::memory::MemoryPlatform;
use super::simulated::Simulated;
use crate::plan::Plan;
use crate::strategy::{PlanRefusal, Request, Strategy};
use crate::target::Target;

impl MemoryPlatform {
    /// A strategy's plan for a service of this platform, as it stands now.
    ///
    /// # Errors
    /// The strategy's refusal; `NotFound` in one if there is no such service.
    pub fn plan(
        &self,
        service: &str,
        strategy: &dyn Strategy,
        request: &Request,
    ) -> Result<Plan, PlanRefusal> {
        let target = Target::new("memory", "test", service)?;
        let executor = Simulated::new(self.clone()).executor();
        strategy.plan(&at_once(executor.observe(&target))?, request)
    }
}

impl CrashMatrix<MemoryPlatform> {
    /// The crash matrix of a strategy's plan, with the platform's own executor and verifier. The
    /// strategy's verbs and facts are those of [`MemoryExecutor`](super::MemoryExecutor).
    ///
    /// ```
    /// use stillme_rollback_core::testing::{CrashMatrix, MemoryPlatform, Replace};
    /// use stillme_rollback_core::{Goal, Release, Request, Version};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let platform = MemoryPlatform::with_service("web", "v2");
    /// let back = Request::new(Goal::Release(Release::new(Version::new("v1")?)));
    /// let matrix = CrashMatrix::of(&Replace::default(), platform, "web", &back)?;
    /// matrix.with_crashes(1).run().assert_clean();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`MemoryPlatform::plan`].
    pub fn of(
        strategy: &dyn Strategy,
        platform: MemoryPlatform,
        service: &str,
        request: &Request,
    ) -> Result<Self, PlanRefusal> {
        let plan = platform.plan(service, strategy, request)?;
        Ok(Self::new(platform, plan, |sim| sim.executor(), |sim| sim.verifier()))
    }
}
