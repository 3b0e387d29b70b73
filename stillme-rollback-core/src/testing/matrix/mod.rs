//! The crash matrix: a plan through every fault at every call, and up to two crashes of our own
//! process at every boundary, judged by the state in which it leaves the platform.
//!
//! The [`Machine`] is driven directly, without clock, threads or files, so that a whole run takes
//! microseconds. A crash forgets everything but what was durable and what the platform shows. Lives
//! that begin in the same state, and ways that meet in the same state, are walked once; the paths
//! through them are all counted.
//!
//! [`stretch`] walks from one such meeting point to the next ones, [`graph`] finds them all, on all
//! cores, and [`tally`] counts the paths.
//!
//! The oracle needs no assertions of yours: a run that says that it rolled back must leave exactly
//! what an unperturbed run leaves, and a run that says that it restored, exactly what was there
//! before.

mod graph;
mod report;
mod story;
mod stretch;
mod tally;

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, SystemTime};

use self::graph::Graph;
pub use self::report::MatrixReport;
use self::stretch::Ground;
use super::simulated::{Model, Simulated};
use crate::end::EndState;
use crate::engine::{Call, CallError, Command, Input, Machine, Now, Options};
use crate::error::Error;
use crate::executor::{Executor, Run, StepContext};
use crate::id::RunId;
use crate::journal::{ErrorNote, Progress};
use crate::plan::Plan;
use crate::verifier::Verifier;

/// More commands than any life of a run has: a walk that gets there goes round in circles.
const TOO_MANY_COMMANDS: u32 = 5_000;

/// A rule of the engine that is broken on purpose, to see that the matrix notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutation {
    /// None.
    #[default]
    None,
    /// Intents are not durable before the request.
    SkipIntent,
    /// Late effects are not waited for.
    NoSettle,
}

type ExecutorOf<M> = Arc<dyn Fn(Simulated<M>) -> Arc<dyn Executor> + Send + Sync>;
type VerifierOf<M> = Arc<dyn Fn(Simulated<M>) -> Arc<dyn Verifier> + Send + Sync>;

/// The crash matrix of one plan on one platform model.
pub struct CrashMatrix<M: Model> {
    platform: M,
    plan: Arc<Plan>,
    executor: ExecutorOf<M>,
    verifier: VerifierOf<M>,
    options: Arc<Options>,
    crashes: u8,
    faults: bool,
    mutation: Mutation,
    threads: NonZeroUsize,
}

impl<M: Model> fmt::Debug for CrashMatrix<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashMatrix").field("plan", &self.plan.strategy).finish_non_exhaustive()
    }
}

impl<M: Model> CrashMatrix<M> {
    /// The matrix of a plan, from the platform as it is before the plan, and how its executor and
    /// verifier are made. One fault and up to two crashes.
    pub fn new(
        platform: M,
        plan: Plan,
        executor: impl Fn(Simulated<M>) -> Arc<dyn Executor> + Send + Sync + 'static,
        verifier: impl Fn(Simulated<M>) -> Arc<dyn Verifier> + Send + Sync + 'static,
    ) -> Self {
        Self {
            platform,
            plan: Arc::new(plan),
            executor: Arc::new(executor),
            verifier: Arc::new(verifier),
            options: Arc::new(Options::default()),
            crashes: 2,
            faults: true,
            mutation: Mutation::None,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// The same matrix with up to this many crashes.
    #[must_use]
    pub const fn with_crashes(mut self, crashes: u8) -> Self {
        self.crashes = crashes;
        self
    }

    /// The same matrix without faults: crashes alone.
    #[must_use]
    pub const fn without_faults(mut self) -> Self {
        self.faults = false;
        self
    }

    /// The same matrix with a rule broken.
    #[must_use]
    pub fn with_mutation(mut self, mutation: Mutation) -> Self {
        self.mutation = mutation;
        if mutation == Mutation::NoSettle {
            let mut options = (*self.options).clone();
            options.settle = Duration::ZERO;
            self.options = Arc::new(options);
        }
        self
    }

    /// The same matrix on this many threads, instead of one for each core. What comes out is the same
    /// for any number.
    #[must_use]
    pub const fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Walks all of it.
    ///
    /// # Panics
    /// If the executor or verifier waits for something: a simulated platform answers at once. (Time
    /// limits of tokio may stand around its calls; they never pass.)
    pub fn run(&self) -> MatrixReport {
        let reference = on_its_own_thread(|| self.unperturbed());
        let ground = Ground {
            matrix: self,
            run: self.new_run(),
            begin: Progress::begin(&self.plan),
            before: self.platform.view(),
            after: reference.view,
        };
        let graph = Graph::explore(&ground);
        let tally = graph.tally();
        MatrixReport {
            strategy: self.plan.strategy.clone(),
            unperturbed: reference.state,
            cases: tally.cases,
            ends: tally.ends.iter().map(|(state, count)| (state.to_string(), *count)).collect(),
            bad: tally.bad,
            examples: tally.examples.clone(),
            lives: graph.lives,
            commands: graph.commands,
        }
    }

    fn new_run(&self) -> Run {
        Run { id: RunId::from_parts(SystemTime::UNIX_EPOCH, 7), plan: Arc::clone(&self.plan) }
    }

    /// The run in which nothing goes wrong.
    fn unperturbed(&self) -> Reference {
        let sim = Simulated::new(self.platform.clone());
        let mut machine = Machine::begin(self.new_run(), Arc::clone(&self.options));
        let mut command = machine.next(Input::Start, &Now::default());
        let mut guard = 0;
        loop {
            guard += 1;
            if guard > TOO_MANY_COMMANDS {
                return Reference {
                    state: EndState::Stuck,
                    view: String::from("goes round in circles"),
                };
            }
            let input = match &command {
                Command::Finish(state) => {
                    return Reference { state: *state, view: sim.view() };
                }
                other => self.perform(&machine, other, &sim),
            };
            let now = Now { elapsed: sim.elapsed(), ..Now::default() };
            command = machine.next(input, &now);
        }
    }

    /// Does a command on a platform.
    fn perform(&self, machine: &Machine, command: &Command, sim: &Simulated<M>) -> Input {
        let run = machine.run();
        let executor = || (self.executor)(sim.clone());
        match command {
            Command::Append(_) => Input::Appended,
            Command::Observe => Input::Observed(told(at_once(executor().facts(run)))),
            Command::Apply(call) => {
                let (context, step) = (context(run, *call), &run.plan.steps[call.step]);
                Input::Answered(told(at_once(executor().apply(&context, step))))
            }
            Command::Undo(call) => {
                let (context, step) = (context(run, *call), &run.plan.steps[call.step]);
                Input::Answered(told(at_once(executor().undo(&context, step))))
            }
            Command::Verify { time_left } => {
                let verdict = at_once((self.verifier)(sim.clone()).verify(run, *time_left));
                Input::Judged(verdict.map_err(|error| ErrorNote::from(&error)))
            }
            Command::Collect => {
                let exhibits = at_once(executor().evidence(run)).unwrap_or_default();
                let summary = exhibits.into_iter().map(|exhibit| exhibit.summary).collect();
                Input::Collected { files: Vec::new(), summary }
            }
            Command::Wait { time, .. } => {
                sim.advance(*time);
                Input::Waited
            }
            Command::Finish(_) => Input::Start,
        }
    }
}

fn context(run: &Run, call: Call) -> StepContext {
    StepContext::new(run.clone(), &run.plan.steps[call.step], call.attempt, call.time_left)
}

fn told<T>(answer: Result<T, Error>) -> Result<T, CallError> {
    answer.map_err(|error| CallError::from(&error))
}

/// The value of a future that does not wait.
#[expect(clippy::panic, reason = "a test's mistake, reported as tests report")]
pub(in crate::testing) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an executor or verifier of a simulated platform must not wait"),
    }
}

/// Runs work where time limits of tokio can be set. They need a runtime, of which a caller's may be
/// in the way: hence the thread.
fn on_its_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| join(scope.spawn(|| with_clock(work))))
}

/// Runs work on this thread, which must not be one of a runtime.
#[expect(clippy::expect_used, reason = "a runtime without I/O needs nothing that could be missing")]
fn with_clock<T>(work: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime with a clock alone");
    let _inside = runtime.enter();
    work()
}

/// What a thread brought, or its panic.
fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

struct Reference {
    state: EndState,
    view: String,
}
