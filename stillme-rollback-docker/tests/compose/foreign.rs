//! Somebody else deploys in the middle of a run, before each thing that the run does by itself: theirs
//! stays as it is. The requests of an `up` are Compose's own, and so is what it looks at before them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::engine::{Engine as Rollback, Options};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{
    Check, EndState, Executor, Outcome, Plan, Result, Run, Verdict, Verifier,
};
use stillme_rollback_docker::compose::Sticky;
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::{Endpoint, HttpEngine};

use crate::generation::Kind;
use crate::overtaking::Overtaking;
use crate::project::Stage;

/// Longer than a whole run.
const LIMIT: Duration = Duration::from_secs(90);

async fn stage() -> Option<Stage> {
    let stage = Stage::of(Kind::StandAlone).await?;
    stage.serving().await;
    Some(stage)
}

async fn deploy(stage: &Stage) -> std::collections::BTreeMap<String, String> {
    stage.compose_with(&[("TAG", "v3")], &["up", "-d"]).await;
    stage.identity("web").await
}

async fn run(plan: Plan, executor: Arc<dyn Executor>, verifier: Arc<dyn Verifier>) -> Report {
    let mut options = Options::default();
    options.settle = Duration::from_secs(1);
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    let rollback = Rollback::builder(executor, verifier, journal, lease).options(options).build();
    let run = rollback.start(plan, None).await.unwrap();
    tokio::time::timeout(LIMIT, run.wait()).await.unwrap().unwrap()
}

/// Before each of the tags that protect images.
#[tokio::test(flavor = "multi_thread")]
async fn theirs_is_left_alone_before_each_request_of_ours() {
    for at in 0..2 {
        let Some(stage) = stage().await else { return };
        let plan = stage.plan(&["web"], "v1").await;
        let Some((proxy, mut held)) = Overtaking::before(stage.bed.engine.endpoint(), at) else {
            return;
        };
        let endpoint = Endpoint::Unix(proxy.path());
        let client = Client::connect_to(endpoint, Limits::default()).await.unwrap();
        let executor = Arc::new(stage.executor_on(Arc::new(HttpEngine::new(client))));
        let running = tokio::spawn(run(plan, executor, Arc::new(Told::new(Outcome::Pass))));
        let go_on = held.recv().await.unwrap();
        let theirs = deploy(&stage).await;
        go_on.send(()).unwrap();
        let report = running.await.unwrap();
        assert_eq!(report.state, Some(EndState::Superseded), "{at}: {report}");
        assert!(proxy.writes() > at, "it was held before a request of ours");
        assert_eq!(stage.identity("web").await, theirs, "{at}");
    }
}

/// Before the edit that makes it stay, and before the `up` that takes it back.
#[tokio::test(flavor = "multi_thread")]
async fn theirs_is_left_alone_after_the_verdict() {
    for outcome in [Outcome::Pass, Outcome::Fail] {
        let Some(mut stage) = stage().await else { return };
        stage.options.sticky = Sticky::File;
        let file = stage.dir().join("docker-compose.yml");
        let text = std::fs::read_to_string(&file).unwrap();
        let plan = stage.plan(&["web"], "v1").await;
        let executor = Arc::new(stage.executor());
        let told = Arc::new(Told::new(outcome));
        let running = tokio::spawn(run(plan, executor, Arc::clone(&told) as Arc<dyn Verifier>));
        told.asked.notified().await;
        let theirs = deploy(&stage).await;
        told.answer.notify_one();
        let report = running.await.unwrap();
        assert_eq!(report.state, Some(EndState::Superseded), "{outcome:?}: {report}");
        assert_eq!(stage.identity("web").await, theirs, "{outcome:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{outcome:?}");
    }
}

/// A verdict that waits until it is told to be given.
#[derive(Debug)]
struct Told {
    outcome: Outcome,
    asked: tokio::sync::Notify,
    answer: tokio::sync::Notify,
}

impl Told {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, asked: tokio::sync::Notify::new(), answer: tokio::sync::Notify::new() }
    }
}

#[async_trait]
impl Verifier for Told {
    async fn verify(&self, _run: &Run, _time_left: Duration) -> Result<Verdict> {
        self.asked.notify_one();
        self.answer.notified().await;
        Ok(Verdict::of(vec![Check::new("told", self.outcome, "as the test says")]))
    }
}
