//! Who decides whether a rollback worked.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::executor::Run;
use crate::verdict::Verdict;

/// Gives a verdict on a target after the switch.
///
/// # Contract
/// - **A failing service is a verdict, not an error.** `Err` means "could not tell": the engine takes
///   it as inconclusive and asks again until the deadline.
/// - **Missing data never passes and never fails**: it is [`Inconclusive`](crate::Outcome::Inconclusive).
/// - A pass says what it proves: the number of observations and the bound.
/// - Changes nothing, so that it may be asked any number of times.
/// - Comes back within `time_left`; the engine drops the future at the deadline or when it is
///   cancelled, which is safe because nothing is changed.
///
/// [`check_verifier`](crate::testing::conformance::check_verifier) tests it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Verifier: fmt::Debug + Send + Sync + 'static {
    /// Observes the target and decides.
    ///
    /// # Errors
    /// Whatever kept it from telling.
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict>;
}
