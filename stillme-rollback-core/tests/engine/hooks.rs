//! Steps that must not be repeated, and steps whose receiver knows a repetition.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::engine::{Engine, Wish};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::{
    Action, Capabilities, Condition, EndState, Error, ErrorKind, Executor, Exhibit, Facts,
    Observation, Outcome, Phase, Plan, Release, Result, Run, Step, StepContext, StepId, StepKind,
    Target, Undo, Version,
};

use super::support::Always;

/// A platform whose only step is a hook. It answers as it is told, and keeps the keys it was sent.
#[derive(Debug, Default)]
struct Hooks {
    answers: Mutex<VecDeque<ErrorKind>>,
    keys: Mutex<Vec<String>>,
}

#[async_trait]
impl Executor for Hooks {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        Ok(Observation::new(target.clone()))
    }

    async fn facts(&self, _run: &Run) -> Result<Facts> {
        Ok(Facts::new().with("there", "yes"))
    }

    async fn apply(&self, context: &StepContext, _step: &Step) -> Result<()> {
        self.keys.lock().unwrap().push(context.key.to_string());
        match self.answers.lock().unwrap().pop_front() {
            Some(kind) => Err(Error::new(kind, "call hook", "as it was told")),
            None => Ok(()),
        }
    }

    async fn undo(&self, _context: &StepContext, _step: &Step) -> Result<()> {
        Ok(())
    }

    async fn evidence(&self, _run: &Run) -> Result<Vec<Exhibit>> {
        Ok(Vec::new())
    }
}

fn plan(kind: StepKind) -> Plan {
    let release = |v: &str| Release::new(Version::new(v).unwrap());
    let target = Target::new("hooks", "test", "web").unwrap();
    let mut plan = Plan::new("hook", target, release("v2"), release("v1"));
    let action = Action::new("hook", serde_json::Value::Null);
    plan.starts = Condition::new().is("there", "yes");
    plan.steps = vec![
        Step::apply(StepId::new("migrate").unwrap(), Phase::Switch, kind, "migrate", action)
            .undo(Undo::Nothing),
        Step::verdict(StepId::new("verify").unwrap(), "verify", Duration::from_secs(5)),
        Step::apply(
            StepId::new("tell").unwrap(),
            Phase::Commit,
            StepKind::Keyed,
            "tell",
            Action::new("tell", serde_json::Value::Null),
        ),
    ];
    plan
}

fn engine(hooks: &Arc<Hooks>) -> Engine {
    Engine::builder(
        hooks.clone(),
        Arc::new(Always(Outcome::Pass)),
        Arc::new(MemoryJournal::new()),
        Arc::new(MemoryLease::new()),
    )
    .build()
}

fn told(answers: &[ErrorKind]) -> Arc<Hooks> {
    let hooks = Hooks::default();
    hooks.answers.lock().unwrap().extend(answers);
    Arc::new(hooks)
}

fn calls(hooks: &Hooks, step: &str) -> usize {
    hooks.keys.lock().unwrap().iter().filter(|key| key.ends_with(step)).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_so_already_is_not_asked_for() {
    let hooks = told(&[]);
    let mut plan = plan(StepKind::Observable);
    plan.steps[0] = plan.steps[0].clone().makes(Condition::new().is("there", "yes"));
    let report = engine(&hooks).run(plan).await.unwrap();
    assert_eq!(report.state, Some(EndState::AlreadyThere), "{report}");
    assert!(hooks.keys.lock().unwrap().is_empty(), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn in_doubt_a_run_asks_and_does_what_it_is_told() {
    for (happened, times) in [(true, 1), (false, 2)] {
        let hooks = told(&[ErrorKind::Timeout]);
        let engine = engine(&hooks);
        let report = engine.run(plan(StepKind::AtMostOnce)).await.unwrap();
        assert_eq!(report.state, Some(EndState::Paused), "{report}");
        assert!(report.to_string().contains("--happened"), "{report}");
        assert_eq!(calls(&hooks, "migrate"), 1);
        // Who resumes without an answer is asked again, and nothing is sent.
        let again = engine.resume(report.run, Wish::default()).await.unwrap().wait().await.unwrap();
        assert_eq!(again.state, Some(EndState::Paused), "{again}");
        assert_eq!(calls(&hooks, "migrate"), 1);
        let mut wish = Wish::default();
        wish.happened = Some(happened);
        let report = engine.resume(report.run, wish).await.unwrap().wait().await.unwrap();
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
        assert_eq!(calls(&hooks, "migrate"), times, "happened: {happened}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_for_one_attempt() {
    let hooks = told(&[ErrorKind::Timeout, ErrorKind::Timeout]);
    let engine = engine(&hooks);
    let report = engine.run(plan(StepKind::AtMostOnce)).await.unwrap();
    let mut wish = Wish::default();
    wish.happened = Some(false);
    let report = engine.resume(report.run, wish).await.unwrap().wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::Paused), "in doubt again, so it asks again: {report}");
    let report = engine.resume(report.run, Wish::default()).await.unwrap().wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::Paused), "{report}");
    assert_eq!(calls(&hooks, "migrate"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_doubt_and_turns_back() {
    let hooks = told(&[ErrorKind::Rejected]);
    let report = engine(&hooks).run(plan(StepKind::AtMostOnce)).await.unwrap();
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(calls(&hooks, "migrate"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_knows_repetitions_gets_the_same_key_again() {
    let hooks = told(&[ErrorKind::Timeout, ErrorKind::Unavailable]);
    let report = engine(&hooks).run(plan(StepKind::Keyed)).await.unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let keys = hooks.keys.lock().unwrap();
    let sent: Vec<_> = keys.iter().filter(|key| key.ends_with("migrate")).collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|key| *key == sent[0]) && sent[0].starts_with(&report.run.to_string()));
}
