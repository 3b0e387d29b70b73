//! The contract of [`Executor`], as tests.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock::{Clock as _, SystemClock};
use crate::error::{ErrorKind, Result};
use crate::executor::{Executor, Run, StepContext};
use crate::facts::{Condition, Facts};
use crate::id::RunId;
use crate::plan::Plan;
use crate::step::{Step, Undo};
use crate::target::Target;

/// No part may take longer.
const LIMIT: Duration = Duration::from_secs(300);

/// How long one request may take.
const CALL: Duration = Duration::from_secs(30);

/// How often an effect is looked for.
const POLL: Duration = Duration::from_millis(20);

type Intruder = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A platform of its own with a service on it, its executor, and a plan that takes the service back.
#[must_use]
pub struct ExecutorCase {
    executors: Vec<Arc<dyn Executor>>,
    plan: Plan,
    intruder: Option<Intruder>,
}

impl fmt::Debug for ExecutorCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorCase").field("executors", &self.executors).finish_non_exhaustive()
    }
}

impl ExecutorCase {
    /// A platform's executor and a plan for what is on it now.
    pub fn new(executor: Arc<dyn Executor>, plan: Plan) -> Self {
        Self { executors: vec![executor], plan, intruder: None }
    }

    /// The same case with another executor of the same platform, as after a restart. The suite uses
    /// them in turn: what one of them only remembers, the other does not know.
    pub fn restarted_as(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// The same case with somebody else who deploys to the target.
    pub fn with_intruder(mut self, deploy: impl Future<Output = ()> + Send + 'static) -> Self {
        self.intruder = Some(Box::pin(deploy));
        self
    }
}

/// Checks that an executor keeps its contract: `fresh` makes a platform of its own each time.
///
/// It does every step of the plan, so a plan with all of the executor's verbs checks the most. That
/// a request is mutating only once can't be seen from outside; that a step changes nothing but what
/// it says can.
///
/// # Panics
/// If it does not, or if a part takes longer than five minutes.
pub async fn check_executor<F: Future<Output = ExecutorCase>>(fresh: impl Fn() -> F) {
    in_time("looking", looking_changes_nothing(fresh().await)).await;
    in_time("each step twice", applied_twice_is_once(fresh().await)).await;
    in_time("out of turn", steps_out_of_turn_are_refused(fresh().await)).await;
    in_time("undo of nothing", undo_of_nothing_is_harmless(fresh().await)).await;
    in_time("somebody else", somebody_else_is_reported(fresh().await)).await;
    let steps = undoable(&fresh().await.plan);
    for count in 1..=steps {
        let what = format!("undo of the first {count} steps");
        in_time(&what, undo_restores(fresh().await, count)).await;
    }
}

async fn in_time(what: &str, part: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(LIMIT, part).await.is_ok(), "{what}: not done within {LIMIT:?}");
}

/// How many steps there are before the first that can't be undone.
fn undoable(plan: &Plan) -> usize {
    let last = plan.steps.iter().position(|step| step.undo == Undo::Impossible);
    last.unwrap_or(plan.steps.len())
}

/// A run of the plan, step by step.
struct Bench {
    executors: Vec<Arc<dyn Executor>>,
    turn: AtomicUsize,
    run: Run,
    attempt: u32,
}

impl Bench {
    #[expect(clippy::expect_used, reason = "a machine without randomness can't run the suite")]
    fn of(executors: Vec<Arc<dyn Executor>>, plan: Plan) -> Self {
        let id = RunId::generate(SystemClock::new().now()).expect("random bytes");
        Self {
            executors,
            turn: AtomicUsize::new(0),
            run: Run { id, plan: Arc::new(plan) },
            attempt: 0,
        }
    }

    fn new(case: ExecutorCase) -> Self {
        Self::of(case.executors, case.plan)
    }

    fn executor(&self) -> &dyn Executor {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.executors[turn % self.executors.len()].as_ref()
    }

    fn steps(&self) -> Vec<Step> {
        self.run.plan.steps.iter().filter(|step| !step.is_verdict()).cloned().collect()
    }

    async fn facts(&self) -> Facts {
        match self.executor().facts(&self.run).await {
            Ok(facts) => facts,
            Err(error) => panic!("can't look at the target: {error}"),
        }
    }

    async fn apply(&mut self, step: &Step) -> Result<()> {
        let context = self.context(step);
        self.executor().apply(&context, step).await
    }

    async fn undo(&mut self, step: &Step) -> Result<()> {
        let context = self.context(step);
        self.executor().undo(&context, step).await
    }

    fn context(&mut self, step: &Step) -> StepContext {
        self.attempt += 1;
        StepContext::new(self.run.clone(), step, self.attempt, CALL)
    }

    /// The facts once a condition holds.
    async fn until(&self, condition: &Condition, what: &str) -> Facts {
        let waiting = async {
            loop {
                let facts = self.facts().await;
                if condition.holds(&facts) {
                    return facts;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(CALL, waiting).await {
            Ok(facts) => facts,
            Err(_) => panic!("{what}: {condition} was expected, found {}", self.facts().await),
        }
    }

    /// Does a step as the engine would: not if it is done already.
    async fn do_step(&mut self, step: &Step) -> Facts {
        let before = self.facts().await;
        if step.makes.holds(&before) && !step.makes.is_empty() {
            return before;
        }
        let missing = step.expects.differences(&before);
        assert!(missing.is_empty(), "`{}` in its turn finds {missing:?}", step.id);
        if let Err(error) = self.apply(step).await {
            panic!("`{}` in its turn: {error}", step.id);
        }
        let after = self.until(&step.makes, &format!("after `{}`", step.id)).await;
        changes_only_what_it_says(step, &before, &after);
        after
    }
}

fn changes_only_what_it_says(step: &Step, before: &Facts, after: &Facts) {
    if step.makes.is_empty() {
        return;
    }
    let said: BTreeSet<&str> = step.makes.keys().collect();
    for (key, value) in after.iter() {
        let same = before.get(key).is_none_or(|was| was == value);
        assert!(same || said.contains(key), "`{}` changes {key} as well: {value}", step.id);
    }
    assert_eq!(after.foreign, None, "after `{}` the target is still ours", step.id);
}

async fn looking_changes_nothing(case: ExecutorCase) {
    let bench = Bench::new(case);
    let plan = Arc::clone(&bench.run.plan);
    let first = bench.facts().await;
    assert_eq!(first.foreign, None, "what the plan was made for is not somebody else's");
    let missing = plan.diff(&first);
    assert!(missing.is_empty(), "the plan can't start: {missing:?}");
    for key in keys(&plan) {
        assert!(first.get(&key).is_some(), "the plan speaks of {key}, the facts do not: {first}");
    }
    match bench.executor().observe(&plan.target).await {
        Ok(seen) => {
            assert_eq!(seen.target, plan.target, "it looks at what it was told to");
            let running = seen.running.map(|release| release.version);
            assert_eq!(running.as_ref(), Some(&plan.from.version), "it sees what runs");
        }
        Err(error) => panic!("can't observe {}: {error}", plan.target),
    }
    unknown_targets_are_not_found(&bench).await;
    if let Err(error) = bench.executor().evidence(&bench.run).await {
        panic!("there may be no evidence, but that is no error: {error}");
    }
    assert_eq!(bench.facts().await, first, "looking changes nothing");
}

async fn unknown_targets_are_not_found(bench: &Bench) {
    let target = &bench.run.plan.target;
    let Ok(nobody) = Target::new(target.platform(), target.scope(), "conformance-nobody") else {
        return;
    };
    match bench.executor().observe(&nobody).await {
        Ok(seen) => panic!("{nobody} does not exist, and was seen: {seen:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    }
}

/// Every key that a plan's conditions speak of before its first step. Keys of what a run has still
/// to make (`new.network.x`) may be unknown until it is there.
fn keys(plan: &Plan) -> BTreeSet<String> {
    let first = plan.steps.first().map(|step| &step.expects);
    let spoken = std::iter::once(&plan.starts).chain(first);
    spoken.flat_map(Condition::keys).map(str::to_owned).collect()
}

async fn applied_twice_is_once(case: ExecutorCase) {
    let mut bench = Bench::new(case);
    for step in bench.steps() {
        let once = bench.do_step(&step).await;
        // Whether it says Ok or that there is nothing to do is its own affair.
        let again = bench.apply(&step).await;
        assert_eq!(bench.facts().await, once, "`{}` done twice ({again:?})", step.id);
    }
    let ends = bench.run.plan.ends();
    let facts = bench.facts().await;
    assert!(ends.holds(&facts), "after all steps {ends} was expected, found {facts}");
}

/// What a step expects does not hold yet: it must notice, and leave everything as it is.
async fn steps_out_of_turn_are_refused(case: ExecutorCase) {
    let mut bench = Bench::new(case);
    let before = bench.facts().await;
    for step in bench.steps() {
        let is_done = !step.makes.is_empty() && step.makes.holds(&before);
        if is_done || step.expects.holds(&before) {
            continue;
        }
        match bench.apply(&step).await {
            Ok(()) => panic!("`{}` is done although {} does not hold", step.id, step.expects),
            Err(error) => {
                let kind = error.kind();
                let fits = matches!(kind, ErrorKind::Mismatch | ErrorKind::Conflict);
                assert!(fits, "`{}` out of turn: {kind:?}: {error}", step.id);
            }
        }
        assert_eq!(bench.facts().await, before, "`{}` out of turn changes nothing", step.id);
    }
}

async fn undo_of_nothing_is_harmless(case: ExecutorCase) {
    let mut bench = Bench::new(case);
    let before = bench.facts().await;
    for step in bench.steps().iter().rev() {
        if matches!(step.undo, Undo::Restores(_)) {
            let undone = bench.undo(step).await;
            let after = bench.facts().await;
            assert_eq!(after, before, "undo of `{}`, never done ({undone:?})", step.id);
        }
    }
}

async fn somebody_else_is_reported(mut case: ExecutorCase) {
    let Some(intruder) = case.intruder.take() else { return };
    let bench = Bench::new(case);
    intruder.await;
    let facts = bench.facts().await;
    assert!(
        facts.foreign.is_some(),
        "somebody else deployed, and the facts do not say so: {facts}"
    );
}

/// Does some steps and takes them back, each twice.
async fn undo_restores(case: ExecutorCase, count: usize) {
    let mut bench = Bench::new(case);
    let before = bench.facts().await;
    let steps: Vec<Step> = bench.run.plan.steps[..count].to_vec();
    let mine = |step: &&Step| !step.is_verdict();
    for step in steps.iter().filter(mine) {
        bench.do_step(step).await;
    }
    for step in steps.iter().rev() {
        let Undo::Restores(condition) = &step.undo else { continue };
        if condition.holds(&bench.facts().await) {
            continue;
        }
        if let Err(error) = bench.undo(step).await {
            panic!("undo of `{}`: {error}", step.id);
        }
        let once = bench.until(condition, &format!("after the undo of `{}`", step.id)).await;
        let again = bench.undo(step).await;
        assert_eq!(bench.facts().await, once, "`{}` undone twice ({again:?})", step.id);
    }
    assert_eq!(bench.facts().await, before, "after {count} steps and their undo");
}
