//! Stopping, giving up, going on; a journal or a lease that is lost.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stillme_rollback_core::engine::Wish;
use stillme_rollback_core::journal::{AppendFault, Journal as _};
use stillme_rollback_core::lease::{Holder, Lease as _};
use stillme_rollback_core::{EndState, ErrorKind, Outcome, Step, Target, Undo};

use super::support::{Mischief, Stage, UNTOUCHED};

/// Cancels at each step in turn: the run pauses, never in the middle of the switch, and is resumed
/// to its end.
#[tokio::test(start_paused = true)]
async fn a_run_pauses_only_where_the_target_serves() {
    for step in ["create-new", "hold-old", "stop-old", "start-new", "set-aside"] {
        let stage = Stage::new();
        let canceller = Arc::new(Mutex::new(None::<tokio_util::sync::CancellationToken>));
        let token = canceller.clone();
        stage.before_each_request(move |name| {
            if name == step
                && let Some(token) = token.lock().unwrap().as_ref()
            {
                token.cancel();
            }
        });
        let engine = stage.engine();
        let run = engine.start(stage.plan().await, None).await.unwrap();
        *canceller.lock().unwrap() = Some(run.canceller());
        let report = run.wait().await.unwrap();
        assert_eq!(report.state, Some(EndState::Paused), "{step}: {report}");
        assert!(stage.sim.view().contains("Up"), "{step}: something serves: {}", stage.sim.view());
        canceller.lock().unwrap().take();
        let resumed =
            engine.resume(report.run, Wish::default()).await.unwrap().wait().await.unwrap();
        assert_eq!(resumed.state, Some(EndState::RolledBack), "{step}: {resumed}");
        assert_eq!(resumed.lives.len(), 2);
    }
}

/// Also behind a step that can't be undone: it is waited for, and no person is needed.
#[tokio::test(start_paused = true)]
async fn a_platform_that_goes_away_at_any_request_is_waited_for() {
    let plan = Stage::new().final_plan().await;
    // There is nothing to be cleared away.
    let sends = |step: &&Step| !step.is_verdict() && step.id.as_str() != "clear";
    for step in plan.steps.iter().filter(sends) {
        let stage = Stage::new();
        let (dark, lost) = (stage.dark(), step.id.clone());
        stage.before_each_request(move |name| {
            if name == lost.as_str() {
                dark.store(true, Ordering::SeqCst);
            }
        });
        let engine = stage.engine();
        let report = engine.run(plan.clone()).await.unwrap();
        assert_eq!(report.state, Some(EndState::Paused), "{}: {report}", step.id);
        stage.before_each_request(|_| {});
        stage.dark().store(false, Ordering::SeqCst);
        let resumed = engine.resume(report.run, Wish::default()).await.unwrap();
        let report = resumed.wait().await.unwrap();
        let is_last = step.undo == Undo::Impossible;
        let expected = if is_last { EndState::RolledBack } else { EndState::Restored };
        assert_eq!(report.state, Some(expected), "{}: {report}", step.id);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_does_not_stop_the_run() {
    let stage = Stage::new();
    let run = stage.engine().start(stage.plan().await, None).await.unwrap();
    let (id, events) = (run.id(), run.events());
    drop(run);
    let mut cursor = stillme_rollback_core::event::Cursor::default();
    loop {
        let news = events.news(cursor).await;
        cursor = news.cursor;
        if news.closed {
            break;
        }
    }
    let records = stage.journal.load(id).await.unwrap();
    let report = stillme_rollback_core::report::Report::from_records(id, &records).unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
}

#[tokio::test(start_paused = true)]
async fn giving_up_is_obeyed_at_the_next_boundary() {
    for (step, state) in [("create-new", EndState::Paused), ("stop-old", EndState::Restored)] {
        let stage = Stage::new();
        let (journal, asked) = (stage.journal.clone(), Arc::new(Mutex::new(None)));
        let id = asked.clone();
        stage.before_each_request(move |name| {
            if name == step
                && let Some(id) = *id.lock().unwrap()
            {
                let request = journal.request_abort(id, "tester");
                // The journal in memory does not wait.
                let waker = std::task::Waker::noop();
                let mut context = std::task::Context::from_waker(waker);
                let polled = std::pin::pin!(request).poll(&mut context);
                assert!(polled.is_ready());
            }
        });
        let engine = stage.engine();
        let run = engine.start(stage.plan().await, None).await.unwrap();
        *asked.lock().unwrap() = Some(run.id());
        let report = run.wait().await.unwrap();
        assert_eq!(report.state, Some(state), "{step}: {report}");
        asked.lock().unwrap().take();
        let wish = {
            let mut wish = Wish::default();
            wish.undo = Some(String::from("tester"));
            wish
        };
        let report = engine.resume(report.run, wish).await.unwrap().wait().await.unwrap();
        assert_eq!(report.state, Some(EndState::Restored), "{step}: {report}");
        assert_eq!(stage.sim.view(), UNTOUCHED);
    }
}

/// The step itself is in time and works: it is the run that has no time for more.
#[tokio::test(start_paused = true)]
async fn the_deadline_turns_the_run_back() {
    let (deadline, takes) = (Duration::from_secs(5), Duration::from_secs(6));
    let stage = Stage::with(Mischief::Slow { step: "create-new", takes });
    let plan = stage.plan_with(|request| request.deadline = deadline).await;
    let report = stage.engine().run(plan).await.unwrap();
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("the deadline of 5 s passed"), "{report}");
    assert_eq!(stage.sim.view(), UNTOUCHED);
    assert_eq!(stage.requests(), 2, "the create and its undo");
}

/// When a record can't be made durable nothing more is done, and the run can be resumed.
#[tokio::test(start_paused = true)]
async fn a_lost_journal_stops_the_run_where_it_is() {
    for step in ["create-new", "stop-old", "start-new", "set-aside", "take-over"] {
        for fault in [AppendFault::NotStored, AppendFault::Stored] {
            let stage = Stage::new();
            let journal = stage.journal.clone();
            stage.before_each_request(move |name| {
                if name == step {
                    journal.fail_next_append(fault);
                }
            });
            let engine = stage.engine();
            let run = engine.start(stage.plan().await, None).await.unwrap();
            let id = run.id();
            let error = run.wait().await.expect_err(step);
            assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
            assert!(error.to_string().contains(&format!("rollback resume {id}")), "{error}");
            let requests = stage.requests();
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert_eq!(stage.requests(), requests, "{step}: nothing more was done");
            stage.before_each_request(|_| {});
            let report = engine.resume(id, Wish::default()).await.unwrap().wait().await.unwrap();
            assert_eq!(report.state, Some(EndState::RolledBack), "{step} {fault:?}: {report}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_the_run_before_its_next_request() {
    let stage = Stage::new();
    let (lease, target) = (stage.lease.clone(), Target::new("memory", "test", "web").unwrap());
    stage.before_each_request(move |name| {
        if name == "create-new" {
            lease.expire(&target);
        }
    });
    let error = stage.engine().run(stage.plan().await).await.expect_err("the lease is gone");
    assert_eq!(error.kind(), ErrorKind::Held, "{error}");
    assert_eq!(stage.requests(), 1, "only the create was sent");
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_target_do_not_meet() {
    let stage = Stage::new();
    let plan = stage.plan().await;
    let target = plan.target.clone();
    let first = stage.engine().start(plan.clone(), None).await.unwrap();
    let error = stage.engine().start(plan, None).await.expect_err("the target is held");
    assert_eq!(error.kind(), ErrorKind::Held);
    let text = error.to_string();
    let id = first.id();
    for part in [id.to_string(), format!("rollback resume {id}"), format!("rollback abort {id}")] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    first.wait().await.unwrap();
    let holder = Holder::new(id, "here", std::time::SystemTime::UNIX_EPOCH);
    assert!(stage.lease.acquire(&target, &holder).await.is_ok(), "the end lets go");
}

#[tokio::test(start_paused = true)]
async fn only_the_approved_plan_is_run() {
    let stage = Stage::new();
    let plan = stage.plan().await;
    let mut other = plan.clone();
    other.deadline_ms += 1;
    let error =
        stage.engine().start(other, Some(&plan.fingerprint())).await.expect_err("another plan");
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    assert_eq!(stage.sim.view(), UNTOUCHED);
    let approved = plan.fingerprint();
    let run = stage.engine().start(plan, Some(&approved)).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, Some(EndState::RolledBack));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_gives_its_report_again() {
    let stage = Stage::new();
    let engine = stage.judged(Outcome::Fail);
    let first = engine.run(stage.plan().await).await.unwrap();
    let requests = stage.requests();
    let again = engine.resume(first.run, Wish::default()).await.unwrap().wait().await.unwrap();
    assert_eq!(again, first);
    assert_eq!(stage.requests(), requests);
}
