//! How a plan is made.

use std::fmt;
use std::time::Duration;

use crate::error::Result;
use crate::observation::Observation;
use crate::plan::{CheckSpec, OnInconclusive, Plan};
use crate::target::Release;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Where to go.
    pub to: Goal,
    /// How long everything up to the verdict may take.
    pub deadline: Duration,
    /// What decides. Empty: the strategy's weakest verdict, which says what it proves.
    pub checks: Vec<CheckSpec>,
    /// What happens with a verdict that stays inconclusive.
    pub on_inconclusive: OnInconclusive,
}

/// Where to go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Goal {
    /// To the release before this one, if there is evidence of one. Never guessed from tags.
    Previous,
    /// To this release.
    Release(Release),
}

impl Request {
    /// A request with a deadline of two minutes and no checks.
    pub fn new(to: Goal) -> Self {
        Self {
            to,
            deadline: Duration::from_secs(120),
            checks: Vec::new(),
            on_inconclusive: OnInconclusive::default(),
        }
    }
}

/// Makes a [`Plan`] from an observation and a request, or refuses.
///
/// # Contract
/// - Pure: the same observation and request give an equal plan with the same fingerprint. No I/O, no
///   clock, no randomness, no memory.
/// - The plan passes [`Plan::check`].
/// - What can't be undone, or can't be done, is refused here, before anything is touched, with an
///   error that names the way out.
/// - A refusal is an `Err`; a target that already runs the goal is an `Err` of kind
///   [`AlreadyThere`](PlanRefusal::AlreadyThere).
///
/// [`check_strategy`](crate::testing::conformance::check_strategy) tests it.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Strategy: fmt::Debug + Send + Sync + 'static {
    /// Its name, as plans and options spell it.
    fn name(&self) -> &'static str;

    /// Makes the plan.
    ///
    /// # Errors
    /// A [`PlanRefusal`] as the contract says.
    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal>;
}

/// Why there is no plan. Nothing was touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanRefusal {
    /// The target already runs what was asked for.
    #[error("{0} already runs: nothing to do")]
    AlreadyThere(Release),
    /// It must not or can't be done.
    #[error("refused before anything was touched")]
    Refused(#[source] crate::Error),
}

impl From<crate::Error> for PlanRefusal {
    fn from(error: crate::Error) -> Self {
        Self::Refused(error)
    }
}
