//! The end states on a real engine.

use serde_json::json;
use stillme_rollback_core::EndState;

use crate::real::testbed;
use crate::stage::Stage;

#[tokio::test]
async fn a_version_that_works_takes_over_and_the_old_one_is_kept() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({"Env": ["MINE=kept"]})).await;
    stage.bed.image("v1", &[]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    // Neither a health URL nor a health check: the report calls its verdict what it is.
    assert!(report.to_string().contains("but weak"), "{report}");
    assert_eq!(stage.version(), "v1");
    assert_eq!(stage.scene().await, ["-web o exited", "-web running"]);
    let old = stage.bed.inspect(&stage.old).await;
    assert_eq!(old["HostConfig"]["RestartPolicy"]["Name"], "no", "no restart brings it back");
    let by_name = stage.engine.inspect_container(&(&stage.name).into()).await.unwrap().unwrap();
    let new = by_name.expose();
    assert_eq!(new["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    let env = new["Config"]["Env"].as_array().unwrap();
    assert!(env.contains(&json!("MINE=kept")) && env.contains(&json!("VERSION=v1")), "{env:?}");
}

#[tokio::test]
async fn a_version_that_can_not_start_is_undone_with_evidence() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &["ENV TESTBED_EXIT_CODE=7"]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    stage.assert_restored().await;
    let summary = report.evidence_summary.join("\n");
    assert!(summary.contains("exit code 7") || summary.contains("restarted"), "{summary}");
    let log = stage.journal.evidence(report.run, "log.txt").expect("the log is kept");
    assert!(!log.is_empty());
}

#[tokio::test]
async fn a_version_that_crashes_again_and_again_is_undone() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    // Long enough to be seen running after its start, so that it is the verdict that notices.
    stage.bed.image("v1", &["ENV TESTBED_EXIT_AFTER=1s"]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let reason = report.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("crashed and was restarted"), "{report}");
    stage.assert_restored().await;
}

#[tokio::test]
async fn a_version_whose_own_health_check_fails_is_undone() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    let health =
        "HEALTHCHECK --interval=1s --timeout=2s --retries=2 CMD [\"/service\", \"healthcheck\"]";
    stage.bed.image("v1", &[health, "ENV TESTBED_UNHEALTHY_AFTER=0s"]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    stage.assert_restored().await;
}

#[tokio::test]
async fn back_and_forth_goes_by_evidence_and_leaves_one_name() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &[]).await;
    stage.run(stage.plan("v1").await).await;
    let plan = stage.plan("previous").await;
    assert!(plan.to.to_string().contains(":v2"), "{}", plan.to);
    assert!(plan.to_string().contains("takes that rollback back"), "{plan}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v2");
    assert_eq!(stage.scene().await, ["-web o exited", "-web o exited", "-web running"]);
}
