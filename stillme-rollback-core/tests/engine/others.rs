//! Somebody else deploys: theirs stays untouched, byte for byte.

use stillme_rollback_core::EndState;
use stillme_rollback_core::testing::MemoryPlatform;

use super::support::{Stage, UNTOUCHED};

/// Somebody removes the service and puts their own in its place.
fn redeploy(platform: &mut MemoryPlatform) {
    if let Some((id, _)) = platform.named("web") {
        platform.instances.remove(&id);
    }
    let theirs = MemoryPlatform::with_service("web", "v3");
    let (_, instance) = theirs.named("web").expect("it was just made");
    platform.add(instance.clone());
}

#[tokio::test(start_paused = true)]
async fn a_deploy_between_plan_and_run_is_left_alone() {
    let stage = Stage::new();
    let plan = stage.plan().await;
    stage.sim.change(redeploy);
    let before = stage.sim.view();
    let report = stage.engine().run(plan).await.unwrap();
    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert_eq!(stage.sim.view(), before);
    assert_eq!(stage.requests(), 0);
}

/// Somebody deploys just before each of our writes.
#[tokio::test(start_paused = true)]
async fn a_deploy_before_any_write_is_left_alone() {
    for step in ["create-new", "hold-old", "stop-old", "start-new", "set-aside", "take-over"] {
        let stage = Stage::new();
        let (sim, mut done) = (stage.sim.clone(), false);
        stage.before_each_request(move |name| {
            if name == step && !done {
                done = true;
                sim.change(redeploy);
            }
        });
        let report = stage.engine().run(stage.plan().await).await.unwrap();
        assert_eq!(report.state, Some(EndState::Superseded), "{step}: {report}");
        let model = stage.sim.model();
        let (_, theirs) = model.named("web").unwrap_or_else(|| panic!("{step}: theirs is gone"));
        assert_eq!((theirs.version.as_str(), theirs.restart), ("v3", true), "{step}");
        if step == "create-new" {
            assert_eq!(model.instances.len(), 1, "{step}: ours is cleared away: {model}");
        }
    }
}

/// One odd answer of a platform in trouble is no deploy.
#[tokio::test(start_paused = true)]
async fn what_is_seen_once_is_looked_at_again() {
    let stage = Stage::new();
    let plan = stage.plan().await;
    let original = stage.sim.model();
    stage.sim.change(redeploy);
    let sim = stage.sim.clone();
    let engine = stage.engine();
    let run = engine.start(plan, None).await.unwrap();
    // Until the run has looked for the first time.
    let events = run.events();
    let mut cursor = stillme_rollback_core::event::Cursor::default();
    loop {
        let news = events.news(cursor).await;
        cursor = news.cursor;
        if news.events.iter().any(|event| event.kind.to_string().contains("second look")) {
            break;
        }
        assert!(!news.closed, "no second look");
    }
    sim.change(|platform| *platform = original);
    let report = run.wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_ne!(stage.sim.view(), UNTOUCHED);
}
