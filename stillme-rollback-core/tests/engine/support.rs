//! An engine on the in-memory platform, and an executor that misbehaves on request.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use stillme_rollback_core::engine::{Engine, EngineBuilder, Options};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::testing::{MemoryExecutor, MemoryPlatform, Replace, Simulated};
use stillme_rollback_core::{
    Capabilities, Check, Clock, Error, ErrorKind, Executor, Exhibit, Facts, Goal, Observation,
    Outcome, Plan, Release, Request, Result, Run, Step, StepContext, Strategy as _, Target,
    Verdict, Verifier, Version,
};

/// Tokio's clock, so that tests whose time is paused pass hours in no time.
#[derive(Debug)]
pub(crate) struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

type Hook = Box<dyn FnMut(&str) + Send>;

/// What an executor does instead of its work at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mischief {
    None,
    /// Panics at this step, before or after its effect.
    Panic {
        step: &'static str,
        after: bool,
    },
    /// Never comes back from this step.
    Hang {
        step: &'static str,
    },
    /// Does this step, but only after a while.
    Slow {
        step: &'static str,
        takes: Duration,
    },
}

/// The in-memory executor with a request log and mischief.
pub(crate) struct Mischievous {
    inner: MemoryExecutor,
    mischief: Mischief,
    /// Called with the step before each request.
    hook: Mutex<Option<Hook>>,
    /// Whether the platform answers nothing any more.
    dark: Arc<AtomicBool>,
    pub(crate) requests: AtomicUsize,
}

impl fmt::Debug for Mischievous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mischievous")
    }
}

impl Mischievous {
    fn reach(&self) -> Result<()> {
        if self.dark.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "call platform", "it does not answer"));
        }
        Ok(())
    }

    async fn act(&self, context: &StepContext, step: &Step, forward: bool) -> Result<()> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let name = step.id.as_str();
        if let Some(hook) = self.hook.lock().unwrap().as_mut() {
            hook(name);
        }
        self.reach()?;
        match self.mischief {
            Mischief::Panic { step, after: false } if forward && step == name => panic!("mischief"),
            Mischief::Hang { step } if forward && step == name => std::future::pending().await,
            Mischief::Slow { step, takes } if forward && step == name => {
                tokio::time::sleep(takes).await;
            }
            _ => {}
        }
        let answer = if forward {
            self.inner.apply(context, step).await
        } else {
            self.inner.undo(context, step).await
        };
        match self.mischief {
            Mischief::Panic { step, after: true } if forward && step == name => panic!("mischief"),
            _ => answer,
        }
    }
}

#[async_trait]
impl Executor for Mischievous {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.inner.observe(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.reach()?;
        self.inner.facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.act(context, step, true).await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        self.act(context, step, false).await
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        self.inner.evidence(run).await
    }
}

/// A verifier that gives the same outcome for ever.
#[derive(Debug)]
pub(crate) struct Always(pub(crate) Outcome);

#[async_trait]
impl Verifier for Always {
    async fn verify(&self, _run: &Run, _time_left: Duration) -> Result<Verdict> {
        Ok(Verdict::of(vec![Check::new("always", self.0, "as it was told")]))
    }
}

/// A platform with everything around it.
pub(crate) struct Stage {
    pub(crate) sim: Simulated<MemoryPlatform>,
    pub(crate) journal: MemoryJournal,
    pub(crate) lease: MemoryLease,
    pub(crate) executor: Arc<Mischievous>,
    clock: Arc<TokioClock>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Mischief::None)
    }

    pub(crate) fn with(mischief: Mischief) -> Self {
        Self::on(MemoryPlatform::with_service("web", "v2"), mischief)
    }

    pub(crate) fn on(platform: MemoryPlatform, mischief: Mischief) -> Self {
        let sim = Simulated::new(platform);
        let executor = Mischievous {
            inner: MemoryExecutor::new(sim.clone()),
            mischief,
            hook: Mutex::new(None),
            dark: Arc::default(),
            requests: AtomicUsize::new(0),
        };
        Self {
            sim,
            journal: MemoryJournal::new(),
            lease: MemoryLease::new(),
            executor: Arc::new(executor),
            clock: Arc::new(TokioClock(tokio::time::Instant::now())),
        }
    }

    /// Calls `hook` with each step's name before its request.
    pub(crate) fn before_each_request(&self, hook: impl FnMut(&str) + Send + 'static) {
        *self.executor.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// Whether the platform answers nothing any more: to be set.
    pub(crate) fn dark(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.executor.dark)
    }

    pub(crate) fn builder(&self) -> EngineBuilder {
        self.builder_with(self.sim.verifier())
    }

    pub(crate) fn builder_with(&self, verifier: Arc<dyn Verifier>) -> EngineBuilder {
        Engine::builder(
            self.executor.clone(),
            verifier,
            Arc::new(self.journal.clone()),
            Arc::new(self.lease.clone()),
        )
        .clock(self.clock.clone())
        .options(Options::default())
    }

    pub(crate) fn engine(&self) -> Engine {
        self.builder().build()
    }

    pub(crate) fn judged(&self, outcome: Outcome) -> Engine {
        self.builder_with(Arc::new(Always(outcome))).build()
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.plan_with(|_| {}).await
    }

    pub(crate) async fn plan_with(&self, ask: impl FnOnce(&mut Request)) -> Plan {
        self.plan_by(&Replace::default(), ask).await
    }

    /// A plan whose last step can't be undone.
    pub(crate) async fn final_plan(&self) -> Plan {
        let mut strategy = Replace::default();
        strategy.forget_old = true;
        self.plan_by(&strategy, |_| {}).await
    }

    async fn plan_by(&self, strategy: &Replace, ask: impl FnOnce(&mut Request)) -> Plan {
        let target = Target::new("memory", "test", "web").unwrap();
        let observation = self.executor.inner.observe(&target).await.unwrap();
        let to = Release::new(Version::new("v1").unwrap());
        let mut request = Request::new(Goal::Release(to));
        ask(&mut request);
        strategy.plan(&observation, &request).unwrap()
    }

    /// How often a request was sent so far.
    pub(crate) fn requests(&self) -> usize {
        self.executor.requests.load(Ordering::SeqCst)
    }
}

/// The platform as it was before any run.
pub(crate) const UNTOUCHED: &str = "web v2 Up restart=true";
