//! A world that changes between the plan and the run, or in the middle of it.

use serde_json::{Value, json};
use stillme_rollback_core::EndState;

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

/// No value of the environment, of a label or of what a health check printed reaches anything that
/// is kept or shown.
#[tokio::test]
async fn secrets_stay_where_they_are() {
    const CANARY: &str = "canary-5f3a9c";
    let Some(bed) = testbed().await else { return };
    let settings: Value = json!({
        "Env": [format!("TOKEN={CANARY}")],
        "Labels": {"secret": CANARY},
    });
    let stage = Stage::new(bed, settings).await;
    let health = format!(
        "HEALTHCHECK --interval=1s --retries=1 CMD [\"/service\", \"healthcheck\", \"/{CANARY}\"]"
    );
    stage.bed.image("v1", &[&health]).await;
    let plan = stage.plan("v1").await;
    let mut shown = format!("{plan}{plan:?}{}", serde_json::to_string(&plan).unwrap());
    let run = stage.rollback(&plan).start(plan, None).await.unwrap();
    let events = run.events();
    let report = run.wait().await.unwrap();
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let records = {
        use stillme_rollback_core::journal::Journal as _;
        stage.journal.load(report.run).await.unwrap()
    };
    shown.push_str(&format!("{report}{report:?}{records:?}"));
    shown.push_str(&serde_json::to_string(&report).unwrap());
    shown.push_str(&serde_json::to_string(&records).unwrap());
    for event in events.since(stillme_rollback_core::event::Cursor::default()).events {
        shown.push_str(&format!("{event:?}{}", serde_json::to_string(&*event).unwrap()));
    }
    assert!(!shown.contains(CANARY), "a secret got out: {}", around(&shown, CANARY));
}

fn around<'a>(text: &'a str, part: &str) -> &'a str {
    let at = text.find(part).unwrap_or_default();
    &text[at.saturating_sub(200)..(at + 60).min(text.len())]
}
