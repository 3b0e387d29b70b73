//! A world that changes between the plan and the run, or in the middle of it.

use serde_json::json;
use stillme_rollback_core::EndState;
use stillme_rollback_core::engine::Wish;

use crate::proxy::Proxy;
use crate::real::testbed;
use crate::stage::Stage;

#[tokio::test]
async fn a_tag_that_moved_since_the_plan_is_not_followed() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    stage.bed.image("v1", &["ENV MOVED=yes"]).await;
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let text = report.to_string();
    assert!(text.contains("wrong-image") || text.contains("the tag moved"), "{text}");
    stage.assert_restored().await;
}

#[tokio::test]
async fn settings_that_changed_since_the_plan_are_not_overwritten() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    let back = stage.bed.network("late").await;
    stage.engine.connect_network(&back, &stage.old, &json!({})).await.unwrap();
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("settings are not those of the plan"), "{report}");
    stage.assert_restored().await;
}

/// Somebody removes the container and runs their own under its name: theirs stays as it is.
#[tokio::test]
async fn a_container_that_somebody_else_recreated_is_left_alone() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &[]).await;
    let (v3, _) = stage.bed.image("v3", &[]).await;
    let plan = stage.plan("v1").await;
    stage.engine.remove_container(&stage.old, true).await.unwrap();
    let theirs = stage.bed.run(&stage.name, stage.bed.body(&v3)).await;
    stage.bed.until_listening(&theirs).await;
    let before = stage.bed.inspect(&theirs).await;
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert_eq!(stage.bed.inspect(&theirs).await, before, "byte for byte");
    assert_eq!(stage.scene().await, ["-web running"]);
}

/// The engine goes away between stop and start: the run stops where it can be resumed, and goes on
/// when the engine is back.
#[tokio::test]
async fn an_engine_that_is_gone_half_way_is_waited_for_by_a_resume() {
    let Some(bed) = testbed().await else { return };
    let mut stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &[]).await;
    let Some(proxy) = Proxy::before(stage.bed.engine.endpoint()) else {
        // Only an engine on a socket of this machine can be cut off by a socket of ours.
        return;
    };
    stage.go_through(&proxy.path()).await;
    let plan = stage.plan("v1").await;
    let rollback = stage.impatient(&plan);
    let run = rollback.start(plan, None).await.unwrap();
    stage.until_event(&run.events(), "start-new").await;
    proxy.cut();
    let report = run.wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::Paused), "{report}");
    assert!(report.to_string().contains("rollback resume"), "{report}");
    proxy.mend();
    let report = rollback.resume(report.run, Wish::default()).await.unwrap().wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    stage.assert_restored().await;
}
