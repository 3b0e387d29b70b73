//! How a plan's steps are done on a platform.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::facts::Facts;
use crate::id::{IdempotencyKey, RunId};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::step::Step;
use crate::target::Target;

/// A run, as executors and verifiers see it: its identity and its plan. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Run {
    /// The run's identity.
    pub id: RunId,
    /// What it does.
    pub plan: Arc<Plan>,
}

/// One attempt at one step.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepContext {
    /// The run.
    pub run: Run,
    /// Which attempt this is, from 1, over all lives of the run.
    pub attempt: u32,
    /// How long this attempt may take. A client limits its own calls by it; the engine never drops
    /// a call half-way.
    pub time_left: Duration,
    /// For receivers that recognise repeated requests: the same for every attempt.
    pub key: IdempotencyKey,
}

impl StepContext {
    /// The context of an attempt.
    pub fn new(run: Run, step: &Step, attempt: u32, time_left: Duration) -> Self {
        let key = IdempotencyKey::of(run.id, &step.id);
        Self { run, attempt, time_left, key }
    }
}

/// What a platform can do, as data: refused when planning, not discovered half-way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// It keeps a history of versions that can be gone back to.
    pub history: bool,
    /// Two versions can serve side by side.
    pub side_by_side: bool,
    /// It can say who changed the target.
    pub attribution: bool,
}

/// A file of evidence: what a failed version left behind.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exhibit {
    /// Its name: `logs.txt`.
    pub name: String,
    /// Its content, which may hold anything that the service printed.
    pub content: crate::Secret<Vec<u8>>,
    /// One line that can be shown to anybody: `exited with code 1 after 0.4 s`.
    pub summary: String,
}

impl Exhibit {
    /// A file of evidence.
    pub fn new(name: impl Into<String>, summary: impl Into<String>, content: Vec<u8>) -> Self {
        Self { name: name.into(), summary: summary.into(), content: crate::Secret::new(content) }
    }
}

impl fmt::Debug for Exhibit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exhibit")
            .field("name", &self.name)
            .field("summary", &self.summary)
            .field("bytes", &self.content.expose().len())
            .finish()
    }
}

/// Observes a platform and does a plan's steps on it.
///
/// # Contract
/// - **At most one mutating request** in [`apply`](Self::apply) and in [`undo`](Self::undo) each,
///   except where an undo has to clear several things that the run itself made.
/// - **Idempotent**: applied twice, a step has the effect of one; the same for undo. A step's undo
///   is right when the step was done, not done, or half done.
/// - **By identity, with an expectation**: act on immutable ids, check what the step expects, and
///   answer [`Mismatch`](crate::ErrorKind::Mismatch) or [`Conflict`](crate::ErrorKind::Conflict)
///   with what was found. Never act on a name that could have been moved.
/// - **Somebody else's work is reported, not touched**: [`facts`](Self::facts) sets
///   [`Facts::foreign`] when the target is neither what the plan found nor what the run made.
/// - **Only observations count**: an `Ok` from `apply` means that the platform took the request, not
///   that it is done. The engine asks `facts` and believes nothing else.
/// - **No silent retries, no detached tasks, no memory** that a restart would lose: everything is in
///   the plan or on the platform.
/// - Errors carry a truthful [`Disposition`](crate::Disposition): `InDoubt` whenever the effect may
///   have happened or may yet happen.
/// - Nothing that `facts`, a summary or an error says is a secret.
///
/// # Wrappers
/// There are no default methods: a wrapper that forgets one does not compile.
///
/// [`check_executor`](crate::testing::conformance::check_executor) tests it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Executor: fmt::Debug + Send + Sync + 'static {
    /// What the platform can do.
    fn capabilities(&self) -> Capabilities;

    /// Looks at a target before there is a plan. Changes nothing.
    ///
    /// # Errors
    /// `NotFound` if there is no such target, and whatever kept it from looking.
    async fn observe(&self, target: &Target) -> Result<Observation>;

    /// Looks where a run's plan stands: every key that its conditions speak of. Changes nothing.
    ///
    /// # Errors
    /// Whatever kept it from looking. A target that is gone is a fact, not an error.
    async fn facts(&self, run: &Run) -> Result<Facts>;

    /// Does a step.
    ///
    /// # Errors
    /// As the contract says.
    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()>;

    /// Takes a step back.
    ///
    /// # Errors
    /// As the contract says.
    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()>;

    /// Collects what a failed version left behind, before the undo removes it. Changes nothing.
    ///
    /// # Errors
    /// Whatever kept it from collecting; the undo goes on without.
    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>>;
}
