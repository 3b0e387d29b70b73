//! Every end state, and that the platform is as it says.

use stillme_rollback_core::engine::Wish;
use stillme_rollback_core::journal::Journal as _;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::testing::MemoryPlatform;
use stillme_rollback_core::{EndState, OnInconclusive, Outcome};

use super::support::{Mischief, Stage, UNTOUCHED};

#[tokio::test(start_paused = true)]
async fn a_target_that_works_is_rolled_back_to() {
    let stage = Stage::new();
    let report = stage.engine().run(stage.plan().await).await.unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let view = stage.sim.view();
    assert!(view.contains("web v1 Up restart=true"), "{view}");
    assert!(view.contains("v2 Exited restart=false"), "the old one is kept: {view}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_verdict_is_undone_and_evidence_kept() {
    let mut platform = MemoryPlatform::with_service("web", "v2");
    platform.sick.push(String::from("v1"));
    let stage = Stage::on(platform, Mischief::None);
    let report = stage.engine().run(stage.plan().await).await.unwrap();
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(stage.sim.view(), UNTOUCHED);
    assert!(!report.evidence_summary.is_empty(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_second_run_to_the_same_version_changes_nothing() {
    let stage = Stage::new();
    let plan = stage.plan().await;
    stage.engine().run(plan.clone()).await.unwrap();
    let (before, requests) = (stage.sim.view(), stage.requests());
    let report = stage.engine().run(plan).await.unwrap();
    // What runs now is another instance than the plan is about.
    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert!(report.to_string().contains("nothing was touched"), "{report}");
    assert_eq!(stage.sim.view(), before, "{report}");
    assert_eq!(stage.requests(), requests, "no request was sent: {report}");
}

#[tokio::test(start_paused = true)]
async fn an_inconclusive_verdict_pauses_and_is_accepted_or_undone() {
    for (wish, state) in [("accept", EndState::RolledBack), ("undo", EndState::Restored)] {
        let stage = Stage::new();
        let engine = stage.judged(Outcome::Inconclusive);
        let report = engine.run(stage.plan().await).await.unwrap();
        assert_eq!(report.state, Some(EndState::Paused), "{report}");
        assert!(stage.sim.view().contains("v1 Up"), "the new version serves: {}", stage.sim.view());
        let mut said = Wish::default();
        match wish {
            "accept" => said.accept = Some(String::from("looks good")),
            _ => said.undo = Some(String::from("does not")),
        }
        let run = report.run;
        let report = engine.resume(run, said).await.unwrap().wait().await.unwrap();
        assert_eq!(report.state, Some(state), "{report}");
        let records = stage.journal.load(run).await.unwrap();
        assert_eq!(report, Report::from_records(run, &records).unwrap(), "told live and later");
    }
}

#[tokio::test(start_paused = true)]
async fn an_inconclusive_verdict_follows_the_plan() {
    for (policy, state) in
        [(OnInconclusive::Undo, EndState::Restored), (OnInconclusive::Keep, EndState::RolledBack)]
    {
        let stage = Stage::new();
        let plan = stage.plan_with(|request| request.on_inconclusive = policy).await;
        let report = stage.judged(Outcome::Inconclusive).run(plan).await.unwrap();
        assert_eq!(report.state, Some(state), "{policy:?}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_step_is_journalled_and_undone() {
    for step in ["create-new", "stop-old", "start-new", "set-aside"] {
        for after in [false, true] {
            let stage = Stage::with(Mischief::Panic { step, after });
            let report = stage.engine().run(stage.plan().await).await.unwrap();
            assert_eq!(report.state, Some(EndState::Restored), "{step} {after}: {report}");
            assert_eq!(stage.sim.view(), UNTOUCHED, "{step} {after}");
            let error = report.steps.iter().find_map(|s| s.error.as_ref()).expect("an error");
            assert!(error.message.contains("panicked"), "{}", error.message);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_never_comes_back_is_undone_in_bounded_time() {
    let stage = Stage::with(Mischief::Hang { step: "start-new" });
    let began = tokio::time::Instant::now();
    let report = stage.engine().run(stage.plan().await).await.unwrap();
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(stage.sim.view(), UNTOUCHED);
    assert!(began.elapsed().as_secs() < 300, "{:?}", began.elapsed());
}
