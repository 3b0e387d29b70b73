//! The testing kit's own strategy, executor and verifier keep the contracts of their traits, and the
//! suites find who does not.

#![expect(clippy::unwrap_used, reason = "a test: to panic is to fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::testing::conformance::{
    ExecutorCase, VerifierCase, check_executor, check_strategy, check_verifier,
};
use stillme_rollback_core::testing::{InstanceState, MemoryPlatform, Replace, Simulated};
use stillme_rollback_core::{
    Capabilities, Check, Error, ErrorKind, Executor, Exhibit, Facts, Goal, Note, Observation,
    Outcome, Plan, PlanRefusal, Proof, Release, Request, Result, Run, RunId, Step, StepContext,
    Strategy, Target, Verdict, Verifier, Version, Work,
};

fn platform() -> MemoryPlatform {
    MemoryPlatform::with_service("web", "v2")
}

fn to(version: &str) -> Request {
    Request::new(Goal::Release(Release::new(Version::new(version).unwrap())))
}

fn plan() -> Plan {
    platform().plan("web", &Replace::default(), &to("v1")).unwrap()
}

async fn observation() -> Observation {
    let target = Target::new("memory", "test", "web").unwrap();
    Simulated::new(platform()).executor().observe(&target).await.unwrap()
}

/// Whether a suite panics.
async fn fails(suite: impl Future<Output = ()> + Send + 'static) -> bool {
    tokio::spawn(suite).await.is_err_and(|error| error.is_panic())
}

// --- strategies -----------------------------------------------------------------------------------

#[tokio::test]
async fn the_kits_strategy() {
    check_strategy(&Replace::default(), &observation().await, &to("v1"), &to("v2"));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum BadStrategy {
    No,
    RemembersRuns,
    BreaksALaw,
    ForgetsTheDeadline,
    DropsChecks,
    GoesWhereItIs,
}

#[derive(Debug)]
struct Planner(BadStrategy, AtomicU64);

impl Strategy for Planner {
    fn name(&self) -> &'static str {
        "replace"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let planned = Replace::default().plan(observation, request);
        if self.0 == BadStrategy::GoesWhereItIs && planned.is_err() {
            return Replace::default().plan(observation, &to("v1"));
        }
        let mut plan = planned?;
        match self.0 {
            BadStrategy::RemembersRuns => {
                let number = self.1.fetch_add(1, Ordering::Relaxed);
                plan.notes.push(Note::info(format!("plan {number}")));
            }
            BadStrategy::BreaksALaw => plan.steps.reverse(),
            BadStrategy::ForgetsTheDeadline => plan.deadline_ms += 1,
            BadStrategy::DropsChecks => plan.checks.clear(),
            BadStrategy::No | BadStrategy::GoesWhereItIs => {}
        }
        Ok(plan)
    }
}

#[tokio::test]
async fn a_strategy_that_breaks_a_rule_is_found() {
    use BadStrategy::{
        BreaksALaw, DropsChecks, ForgetsTheDeadline, GoesWhereItIs, No, RemembersRuns,
    };
    for bad in [No, RemembersRuns, BreaksALaw, ForgetsTheDeadline, DropsChecks, GoesWhereItIs] {
        let observation = observation().await;
        let mut request = to("v1");
        let check = serde_json::json!({"kind": "http", "title": "GET /"});
        request.checks.push(serde_json::from_value(check).unwrap());
        let suite = async move {
            check_strategy(&Planner(bad, AtomicU64::new(0)), &observation, &request, &to("v2"));
        };
        assert_eq!(fails(suite).await, bad != No, "{bad:?}");
    }
}

// --- executors ------------------------------------------------------------------------------------

fn intrude(sim: &Simulated<MemoryPlatform>) {
    sim.change(|platform| {
        let (id, mut theirs) = platform.named("web").map(|(id, i)| (id, i.clone())).unwrap();
        platform.instances.remove(&id);
        theirs.version = String::from("v3");
        theirs.state = InstanceState::Up;
        platform.add(theirs);
    });
}

#[tokio::test]
async fn the_kits_executor() {
    for forget_old in [false, true] {
        check_executor(|| async move {
            let mut strategy = Replace::default();
            strategy.forget_old = forget_old;
            let plan = platform().plan("web", &strategy, &to("v1")).unwrap();
            let sim = Simulated::new(platform());
            let theirs = sim.clone();
            ExecutorCase::new(sim.executor(), plan)
                .restarted_as(sim.executor())
                .with_intruder(async move { intrude(&theirs) })
        })
        .await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum BadExecutor {
    No,
    LookingChanges,
    ActsTwice,
    ActsOutOfTurn,
    DoesMore,
    UndoesNothing,
    UndoesWhatWasNot,
    HidesOthers,
    SeesGhosts,
    KnowsLittle,
}

/// The kit's executor with one rule broken.
#[derive(Debug)]
struct Worker {
    bad: BadExecutor,
    sim: Simulated<MemoryPlatform>,
    inner: Arc<dyn Executor>,
}

impl Worker {
    fn add_junk(&self) {
        self.sim.change(|platform| {
            let (_, web) = platform.named("web").map(|(id, i)| (id, i.clone())).unwrap();
            let mut junk = web;
            junk.name = format!("junk-{}", platform.instances.len());
            platform.add(junk);
        });
    }

    fn hold(&self, restart: bool) {
        self.sim.change(|platform| {
            for instance in platform.instances.values_mut().filter(|i| i.run.is_none()) {
                instance.restart = restart;
            }
        });
    }
}

#[async_trait]
impl Executor for Worker {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        if self.bad == BadExecutor::SeesGhosts {
            let mut ghost = Observation::new(target.clone());
            ghost.running = Some(plan().from);
            return Ok(ghost);
        }
        self.inner.observe(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        let mut facts = self.inner.facts(run).await?;
        let count = self.sim.model().instances.len();
        match self.bad {
            BadExecutor::LookingChanges => self.hold(false),
            BadExecutor::HidesOthers => facts.foreign = None,
            BadExecutor::KnowsLittle => facts = facts.without("new"),
            BadExecutor::ActsTwice => facts = facts.with("instances", count.to_string()),
            _ => {}
        }
        Ok(facts)
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        if self.bad == BadExecutor::ActsTwice && context.attempt > 1 {
            self.add_junk();
        }
        if self.bad == BadExecutor::DoesMore && step.id.as_str() == "stop-old" {
            self.hold(true);
        }
        let applied = self.inner.apply(context, step).await;
        match applied {
            Err(_) if self.bad == BadExecutor::ActsOutOfTurn => Ok(()),
            applied => applied,
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let is_hold = matches!(&step.work, Work::Apply(action) if action.verb == "hold");
        match self.bad {
            BadExecutor::UndoesNothing if is_hold => {
                Err(Error::new(ErrorKind::Unsupported, "undo", "what for?"))
            }
            BadExecutor::UndoesWhatWasNot if is_hold => {
                self.hold(!self.sim.model().named("web").is_some_and(|(_, i)| i.restart));
                Ok(())
            }
            _ => self.inner.undo(context, step).await,
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        self.inner.evidence(run).await
    }
}

#[tokio::test]
async fn an_executor_that_breaks_a_rule_is_found() {
    use BadExecutor::{
        ActsOutOfTurn, ActsTwice, DoesMore, HidesOthers, KnowsLittle, LookingChanges, No,
        SeesGhosts, UndoesNothing, UndoesWhatWasNot,
    };
    for bad in [
        No,
        LookingChanges,
        ActsTwice,
        ActsOutOfTurn,
        DoesMore,
        UndoesNothing,
        UndoesWhatWasNot,
        HidesOthers,
        SeesGhosts,
        KnowsLittle,
    ] {
        let suite = check_executor(move || async move {
            let sim = Simulated::new(platform());
            let theirs = sim.clone();
            let worker = Worker { bad, inner: sim.executor(), sim };
            ExecutorCase::new(Arc::new(worker), plan())
                .with_intruder(async move { intrude(&theirs) })
        });
        assert_eq!(fails(suite).await, bad != No, "{bad:?}");
    }
}

// --- verifiers ------------------------------------------------------------------------------------

/// A run whose target serves, on a platform in this state.
async fn switched(state: MemoryPlatform) -> (Simulated<MemoryPlatform>, Run) {
    let sim = Simulated::new(state);
    let plan = plan();
    let run = Run { id: RunId::from_parts(std::time::UNIX_EPOCH, 7), plan: Arc::new(plan) };
    for step in run.plan.steps.iter().take_while(|step| !step.is_verdict()) {
        let context = StepContext::new(run.clone(), step, 1, Duration::from_secs(1));
        sim.executor().apply(&context, step).await.unwrap();
    }
    (sim, run)
}

#[tokio::test]
async fn the_kits_verifier() {
    let (sim, run) = switched(platform()).await;
    let seen = sim.clone();
    check_verifier(VerifierCase::passing(sim.verifier(), run).watching(move || seen.view())).await;
    let mut sick = platform();
    sick.sick.push(String::from("v1"));
    let (sim, run) = switched(sick).await;
    check_verifier(VerifierCase::failing(sim.verifier(), run)).await;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum BadVerifier {
    No,
    TakesItsTime,
    PassesWithoutProof,
    ErrsForAFailure,
    PassesBlindly,
    ChangesThings,
    Contradicts,
    SaysNothing,
}

#[derive(Debug)]
struct Judge {
    bad: BadVerifier,
    outcome: Outcome,
    asked: Arc<AtomicU64>,
}

#[async_trait]
impl Verifier for Judge {
    async fn verify(&self, _: &Run, time_left: Duration) -> Result<Verdict> {
        let (mut outcome, mut evidence) = (self.outcome, "seen");
        match self.bad {
            BadVerifier::TakesItsTime => tokio::time::sleep(time_left * 2 + BEYOND).await,
            BadVerifier::ErrsForAFailure if outcome == Outcome::Fail => {
                return Err(Error::new(ErrorKind::Unavailable, "verify", "503"));
            }
            BadVerifier::PassesBlindly => outcome = Outcome::Pass,
            BadVerifier::ChangesThings => drop(self.asked.fetch_add(1, Ordering::Relaxed)),
            BadVerifier::SaysNothing => evidence = "",
            _ => {}
        }
        let mut check = Check::new("judge", outcome, evidence);
        if self.bad != BadVerifier::PassesWithoutProof {
            check = check.with_proof(Proof::all_good(3));
        }
        let mut verdict = Verdict::of(vec![check]);
        if self.bad == BadVerifier::Contradicts {
            verdict.checks.push(Check::new("other", Outcome::Fail, "seen"));
        }
        Ok(verdict)
    }
}

const BEYOND: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn a_verifier_that_breaks_a_rule_is_found() {
    use BadVerifier::{
        ChangesThings, Contradicts, ErrsForAFailure, No, PassesBlindly, PassesWithoutProof,
        SaysNothing, TakesItsTime,
    };
    for bad in [
        No,
        TakesItsTime,
        PassesWithoutProof,
        ErrsForAFailure,
        PassesBlindly,
        ChangesThings,
        Contradicts,
        SaysNothing,
    ] {
        let suite = async move {
            for outcome in [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive] {
                let asked = Arc::new(AtomicU64::new(0));
                let judge = Arc::new(Judge { bad, outcome, asked: Arc::clone(&asked) });
                let run =
                    Run { id: RunId::from_parts(std::time::UNIX_EPOCH, 7), plan: Arc::new(plan()) };
                let case = match outcome {
                    Outcome::Pass => VerifierCase::passing(judge, run),
                    Outcome::Fail => VerifierCase::failing(judge, run),
                    Outcome::Inconclusive => VerifierCase::blind(judge, run),
                };
                let view = move || asked.load(Ordering::Relaxed).to_string();
                check_verifier(case.watching(view)).await;
            }
        };
        assert_eq!(fails(suite).await, bad != No, "{bad:?}");
    }
}
