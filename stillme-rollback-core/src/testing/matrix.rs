//! The crash matrix: a plan through every fault at every call, and up to two crashes of our own
//! process at every boundary, judged by the state in which it leaves the platform.
//!
//! The [`Machine`] is driven directly, without clock, threads or files, so that a whole run takes
//! microseconds. A crash forgets everything but what was durable and what the platform shows. Lives
//! that begin in the same state, and ways that meet in the same state, are walked once; the paths
//! through them are all counted.
//!
//! The oracle needs no assertions of yours: a run that says that it rolled back must leave exactly
//! what an unperturbed run leaves, and a run that says that it restored, exactly what was there
//! before.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use super::fault::Fault;
use super::simulated::{Model, Simulated};
use crate::end::EndState;
use crate::engine::{Call, CallError, Command, Input, Machine, Now, Options, Wish};
use crate::error::Error;
use crate::executor::{Executor, Run, StepContext};
use crate::id::RunId;
use crate::journal::{Direction, Entry, ErrorNote, Progress};
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

    /// Walks all of it.
    ///
    /// # Panics
    /// If the executor or verifier waits for something: a simulated platform answers at once.
    pub fn run(&self) -> MatrixReport {
        let reference = self.unperturbed();
        let mut walker = Walker {
            matrix: self,
            run: Run {
                id: RunId::from_parts(SystemTime::UNIX_EPOCH, 7),
                plan: Arc::clone(&self.plan),
            },
            before: self.platform.view(),
            after: reference.view,
            memo: HashMap::new(),
            tails: HashMap::new(),
            commands: 0,
        };
        let life = Life {
            durable: Progress::begin(&self.plan),
            sim: Simulated::new(self.platform.clone()),
            first: true,
        };
        let tally = walker.live(life, Left { fault: self.faults, crashes: self.crashes });
        MatrixReport {
            strategy: self.plan.strategy.clone(),
            unperturbed: reference.state,
            cases: tally.cases,
            ends: tally.ends.clone(),
            bad: tally.bad,
            examples: tally.examples.clone(),
            lives: walker.memo.len(),
            commands: walker.commands,
        }
    }

    /// The run in which nothing goes wrong.
    fn unperturbed(&self) -> Reference {
        let run =
            Run { id: RunId::from_parts(SystemTime::UNIX_EPOCH, 7), plan: Arc::clone(&self.plan) };
        let sim = Simulated::new(self.platform.clone());
        let mut machine = Machine::begin(run, Arc::clone(&self.options));
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
pub(super) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an executor or verifier of a simulated platform must not wait"),
    }
}

struct Reference {
    state: EndState,
    view: String,
}

/// What may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    fault: bool,
    crashes: u8,
}

/// Where a life of the process begins.
struct Life<M: Model> {
    durable: Progress,
    sim: Simulated<M>,
    first: bool,
}

/// A walk in the middle of a life.
struct Walk<M: Model> {
    machine: Machine,
    command: Command,
    durable: Progress,
    sim: Simulated<M>,
    born: Duration,
    first: bool,
    left: Left,
    /// The crash states that this walk has been through already.
    seen: HashSet<u64>,
    story: Vec<String>,
}

#[derive(Clone, Default)]
struct Tally {
    cases: u64,
    ends: BTreeMap<String, u64>,
    bad: u64,
    examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: &Self, story: &[String]) {
        self.cases += other.cases;
        self.bad += other.bad;
        for (state, count) in &other.ends {
            *self.ends.entry(state.clone()).or_default() += count;
        }
        for example in &other.examples {
            if self.examples.len() < 5 {
                let told = story.iter().chain([example]).map(String::as_str);
                self.examples.push(told.collect::<Vec<_>>().join("\n  "));
            }
        }
    }
}

struct Walker<'a, M: Model> {
    matrix: &'a CrashMatrix<M>,
    run: Run,
    before: String,
    after: String,
    memo: HashMap<u64, Arc<Tally>>,
    tails: HashMap<u64, Arc<Tally>>,
    commands: u64,
}

impl<M: Model> Walker<'_, M> {
    /// All paths of a life that begins here.
    fn live(&mut self, life: Life<M>, left: Left) -> Arc<Tally> {
        let key = life_key(&life.durable, &life.sim, left);
        if let Some(tally) = self.memo.get(&key) {
            return Arc::clone(tally);
        }
        let machine = self.machine(&life);
        let born = life.sim.elapsed();
        let mut walk = Walk {
            command: Command::Finish(EndState::Stuck),
            machine,
            durable: life.durable,
            sim: life.sim,
            born,
            first: life.first,
            left,
            seen: HashSet::new(),
            story: Vec::new(),
        };
        walk.command = walk.machine.next(Input::Start, &Now::default());
        let mut tally = Tally::default();
        self.walk(walk, &mut tally);
        let tally = Arc::new(tally);
        self.memo.insert(key, Arc::clone(&tally));
        tally
    }

    fn machine(&self, life: &Life<M>) -> Machine {
        let options = Arc::clone(&self.matrix.options);
        if life.first {
            return Machine::begin(self.run.clone(), options);
        }
        let mut progress = life.durable.clone();
        // The entry is legal wherever a run is not at its end.
        let _ = progress.apply(&self.run.plan, &Entry::Resumed { by: String::from("matrix") });
        Machine::resume(self.run.clone(), progress, Wish::default(), options)
    }

    fn walk(&mut self, mut walk: Walk<M>, tally: &mut Tally) {
        // A state in which nothing happened yet is no crash of this life.
        walk.seen.insert(crash_key(&walk.durable, &walk.sim));
        let mut inside = false;
        for _ in 0..TOO_MANY_COMMANDS {
            if inside && matches!(walk.command, Command::Append(Entry::Intent { .. })) {
                self.tail(walk, tally);
                return;
            }
            inside = true;
            self.commands += 1;
            let input = match &walk.command {
                Command::Finish(state) => {
                    self.judge(*state, &walk, tally);
                    return;
                }
                Command::Append(entry) => {
                    let entry = entry.clone();
                    if let Entry::End { state, reason } = &entry {
                        walk.story.push(format!("{state}: {reason}"));
                    }
                    self.boundary(&mut walk, &entry, tally);
                    Input::Appended
                }
                Command::Wait { .. } => {
                    self.matrix.perform(&walk.machine, &walk.command, &walk.sim)
                }
                _ => self.calls(&mut walk, tally),
            };
            let now =
                Now { elapsed: walk.sim.elapsed().saturating_sub(walk.born), ..Now::default() };
            walk.command = walk.machine.next(input, &now);
        }
        tally.cases += 1;
        tally.bad += 1;
        tally.examples.push(format!("{}\n  goes round in circles", walk.story.join("\n  ")));
    }

    /// The rest of a life from an intent on. Many faults lead to the same one.
    fn tail(&mut self, walk: Walk<M>, tally: &mut Tally) {
        let key = tail_key(&walk);
        let known = self.tails.get(&key).map(Arc::clone);
        let rest = known.unwrap_or_else(|| {
            let mut rest = Tally::default();
            let fresh = Walk { seen: HashSet::new(), story: Vec::new(), ..walk.fork() };
            self.walk(fresh, &mut rest);
            let rest = Arc::new(rest);
            self.tails.insert(key, Arc::clone(&rest));
            rest
        });
        tally.add(&rest, &walk.story);
    }

    /// A journal boundary: killed before the record is durable, or after.
    fn boundary(&mut self, walk: &mut Walk<M>, entry: &Entry, tally: &mut Tally) {
        let lost = walk.durable.clone();
        self.crash(
            walk,
            &lost,
            walk.sim.fork(),
            || format!("killed before {} is durable", name(entry)),
            tally,
        );
        let skipped =
            self.matrix.mutation == Mutation::SkipIntent && matches!(entry, Entry::Intent { .. });
        if !skipped {
            walk.durable = walk.machine.progress().clone();
        }
        let kept = walk.durable.clone();
        self.crash(
            walk,
            &kept,
            walk.sim.fork(),
            || format!("killed after {} is durable", name(entry)),
            tally,
        );
    }

    /// A command that makes calls: each of them with each fault, then without.
    fn calls(&mut self, walk: &mut Walk<M>, tally: &mut Tally) -> Input {
        self.check_intent(walk, tally);
        let base = walk.sim.fork();
        walk.sim.forget_calls();
        let input = self.matrix.perform(&walk.machine, &walk.command, &walk.sim);
        let calls = walk.sim.calls();
        for (at, is_write) in calls.iter().enumerate() {
            let at = at as u64;
            if walk.left.fault {
                let faults = if *is_write { Fault::of_writes() } else { Fault::of_reads() };
                for fault in faults {
                    self.fault(walk, &base, at, fault, tally);
                }
            }
            if *is_write && walk.left.crashes > 0 {
                for crash in Fault::crashes_of_writes() {
                    let sim = base.fork();
                    sim.arm(at, crash);
                    self.matrix.perform(&walk.machine, &walk.command, &sim);
                    if !sim.crashed() {
                        continue;
                    }
                    sim.restart();
                    let durable = walk.durable.clone();
                    let what = format!("{crash:?} in {}", describe(&walk.command, &self.run.plan));
                    self.crash(walk, &durable, sim, || what, tally);
                }
            }
        }
        input
    }

    fn fault(
        &mut self,
        walk: &Walk<M>,
        base: &Simulated<M>,
        at: u64,
        fault: Fault,
        tally: &mut Tally,
    ) {
        let sim = base.fork();
        sim.arm(at, fault);
        let mut machine = walk.machine.clone();
        let input = self.matrix.perform(&machine, &walk.command, &sim);
        if !sim.fired() {
            return;
        }
        sim.restart();
        let now = Now { elapsed: sim.elapsed().saturating_sub(walk.born), ..Now::default() };
        let command = machine.next(input, &now);
        let mut story = walk.story.clone();
        story
            .push(format!("{fault:?} at call {at} of {}", describe(&walk.command, &self.run.plan)));
        let branch = Walk {
            machine,
            command,
            durable: walk.durable.clone(),
            sim,
            born: walk.born,
            first: walk.first,
            left: Left { fault: false, ..walk.left },
            seen: HashSet::new(),
            story,
        };
        self.walk(branch, tally);
    }

    fn crash(
        &mut self,
        walk: &mut Walk<M>,
        durable: &Progress,
        sim: Simulated<M>,
        what: impl FnOnce() -> String,
        tally: &mut Tally,
    ) {
        if walk.left.crashes == 0
            || durable.ended.is_some()
            || !walk.seen.insert(crash_key(durable, &sim))
        {
            return;
        }
        let left = Left { crashes: walk.left.crashes - 1, ..walk.left };
        let untouched = *durable == Progress::begin(&self.run.plan);
        let life = Life { durable: durable.clone(), sim, first: walk.first && untouched };
        let rest = self.live(life, left);
        walk.story.push(what());
        tally.add(&rest, &walk.story);
        walk.story.pop();
    }

    /// Law J1: no request leaves before its intent is durable.
    fn check_intent(&self, walk: &Walk<M>, tally: &mut Tally) {
        let (call, direction) = match &walk.command {
            Command::Apply(call) => (call, Direction::Do),
            Command::Undo(call) => (call, Direction::Undo),
            _ => return,
        };
        let kept = self.matrix.mutation == Mutation::SkipIntent
            || walk.durable.steps[call.step].open == Some(direction);
        if !kept {
            tally.bad += 1;
            tally
                .examples
                .push(format!("{}\n  a request without a durable intent", walk.story.join("\n  ")));
        }
    }

    fn judge(&self, state: EndState, walk: &Walk<M>, tally: &mut Tally) {
        tally.cases += 1;
        *tally.ends.entry(state.to_string()).or_default() += 1;
        // Whatever is still on its way comes now: an end state must hold afterwards, too.
        walk.sim.advance(Duration::from_secs(3600));
        let found = walk.sim.view();
        let wanted = match state {
            EndState::RolledBack => &self.after,
            EndState::Restored | EndState::Refused => &self.before,
            _ => "no such end: nobody else deployed, and one fault must not need a person",
        };
        if found != *wanted {
            tally.bad += 1;
            if tally.examples.len() < 5 {
                tally.examples.push(format!(
                    "{}\n  ended {state}: found\n{found}\n  instead of\n{wanted}",
                    walk.story.join("\n  ")
                ));
            }
        }
    }
}

fn name(entry: &Entry) -> String {
    match entry {
        Entry::Intent { step, direction, attempt } => {
            format!("intent {direction:?} {step} {attempt}")
        }
        Entry::Result { step, direction, outcome, .. } => {
            format!("result {direction:?} {step} {outcome:?}")
        }
        Entry::Verdict { verdict, .. } => format!("verdict {}", verdict.outcome),
        Entry::TurnBack { .. } => String::from("turn-back"),
        Entry::End { state, .. } => format!("end {state}"),
        _ => String::from("record"),
    }
}

fn describe(command: &Command, plan: &Plan) -> String {
    match command {
        Command::Apply(call) => format!("do {}", plan.steps[call.step].id),
        Command::Undo(call) => format!("undo {}", plan.steps[call.step].id),
        Command::Observe => String::from("observe"),
        Command::Verify { .. } => String::from("verify"),
        Command::Collect => String::from("collect"),
        _ => String::from("wait"),
    }
}

impl<M: Model> Walk<M> {
    fn fork(&self) -> Self {
        Self {
            machine: self.machine.clone(),
            command: self.command.clone(),
            durable: self.durable.clone(),
            sim: self.sim.fork(),
            born: self.born,
            first: self.first,
            left: self.left,
            seen: self.seen.clone(),
            story: self.story.clone(),
        }
    }
}

fn tail_key<M: Model>(walk: &Walk<M>) -> u64 {
    let mut hasher = DefaultHasher::new();
    walk.durable.hash(&mut hasher);
    walk.sim.key(&mut hasher);
    walk.left.hash(&mut hasher);
    walk.first.hash(&mut hasher);
    walk.machine.key(walk.sim.elapsed().saturating_sub(walk.born), &mut hasher);
    hasher.finish()
}

fn crash_key<M: Model>(durable: &Progress, sim: &Simulated<M>) -> u64 {
    let mut hasher = DefaultHasher::new();
    durable.hash(&mut hasher);
    sim.key(&mut hasher);
    hasher.finish()
}

fn life_key<M: Model>(durable: &Progress, sim: &Simulated<M>, left: Left) -> u64 {
    let mut hasher = DefaultHasher::new();
    durable.hash(&mut hasher);
    sim.key(&mut hasher);
    left.hash(&mut hasher);
    hasher.finish()
}

/// What came out of a crash matrix.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MatrixReport {
    /// The plan's strategy.
    pub strategy: String,
    /// How the unperturbed run ended.
    pub unperturbed: EndState,
    /// Distinct cases in which every fault and crash fired.
    pub cases: u64,
    /// How they ended.
    pub ends: BTreeMap<String, u64>,
    /// Cases that left something else than their end state says.
    pub bad: u64,
    /// The first bad ones, told from their beginning.
    pub examples: Vec<String>,
    /// Different states in which a life began.
    pub lives: usize,
    /// Commands that were walked.
    pub commands: u64,
}

impl MatrixReport {
    /// Panics with the first bad cases if there are any, or if nothing was perturbed.
    ///
    /// # Panics
    /// As it says.
    #[expect(clippy::panic, reason = "an assertion for tests")]
    pub fn assert_clean(&self) {
        assert!(self.cases > 1, "nothing was perturbed: {self}");
        if self.bad > 0 {
            panic!("{self}\n{}", self.examples.join("\n\n"));
        }
    }
}

impl fmt::Display for MatrixReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash matrix of {}: {} cases, {} bad", self.strategy, self.cases, self.bad)?;
        for (state, count) in &self.ends {
            write!(f, ", {state} {count}")?;
        }
        write!(f, "; {} lives, {} commands", self.lives, self.commands)
    }
}
