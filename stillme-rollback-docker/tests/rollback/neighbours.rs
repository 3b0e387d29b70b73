//! What stands beside the container: those that hold on to it, and those that were put aside.

use serde_json::json;
use stillme_rollback_core::{EndState, ErrorKind, PlanRefusal, chain};

use crate::real::testbed;
use crate::stage::Stage;

#[tokio::test]
async fn what_others_hold_on_to_is_refused_and_they_are_named() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    let (image, _) = stage.bed.image("v1", &[]).await;
    let mut body = stage.bed.body(&image);
    body["HostConfig"] = json!({"NetworkMode": format!("container:{}", stage.old)});
    body["Env"] = json!(["PORT=8081"]);
    let sidecar = stage.bed.name("sidecar");
    stage.bed.run(&sidecar, body).await;
    let Err(PlanRefusal::Refused(error)) = stage.try_plan("v1").await else { panic!("refused") };
    let text = chain(&error).join("; ");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{text}");
    assert!(text.contains(&format!("{sidecar} (network)")), "{text}");
    assert!(text.contains("nothing was touched"), "{text}");
}

/// Three rollbacks, and the containers of two of them are kept.
#[tokio::test]
async fn two_generations_are_kept_and_older_ones_removed() {
    let Some(bed) = testbed().await else { return };
    let stage = Stage::new(bed, json!({})).await;
    stage.bed.image("v1", &[]).await;
    for to in ["v1", "v2", "v1"] {
        let report = stage.run(stage.plan(to).await).await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    }
    assert_eq!(stage.scene().await, ["-web o exited", "-web o exited", "-web running"]);
    let first = stage.engine.inspect_container(&(&stage.old).into()).await.unwrap();
    assert!(first.is_none(), "the oldest one is gone");
    assert_eq!(stage.version(), "v1");
}

/// Its first process has no handler for SIGTERM: waiting for it would be in vain.
#[tokio::test]
async fn who_does_not_hear_its_stop_signal_is_killed_at_once() {
    let Some(bed) = testbed().await else { return };
    if !bed.engine.endpoint().is_local() {
        // The processes of another machine can't be looked at from here.
        return;
    }
    let stage = Stage::new(bed, json!({"Env": ["TESTBED_DEAF=true"]})).await;
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    assert!(plan.to_string().contains("killed at once"), "{plan}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v1");
}
