//! Containers that their own stop deletes (`--rm`).

use serde_json::{Value, json};
use stillme_rollback_core::EndState;
use stillme_rollback_docker::CreateFirst;

use crate::real::{Testbed, testbed};
use crate::stage::{Stage, key};

/// `web` with `--rm` on two networks, with an anonymous volume.
async fn stage(bed: Testbed) -> Stage {
    let (front, back) = (bed.network("front").await, bed.network("back").await);
    let settings = json!({
        "Env": ["MINE=kept"],
        "Volumes": {"/data": {}},
        "HostConfig": {
            "AutoRemove": true,
            "RestartPolicy": {"Name": "no"},
            "NetworkMode": front,
        },
    });
    let mut stage = Stage::new(bed, settings).await;
    let endpoint = json!({"Aliases": ["web-admin"]});
    stage.engine.connect_network(&back, &stage.old, &endpoint).await.unwrap();
    stage.strategy = Box::new(CreateFirst::new(key()).allow_auto_remove());
    stage
}

fn volume(container: &Value) -> &str {
    container["Mounts"][0]["Name"].as_str().unwrap()
}

#[tokio::test]
async fn a_version_that_works_takes_over_and_a_copy_of_the_old_one_is_kept() {
    let Some(bed) = testbed().await else { return };
    let stage = stage(bed).await;
    let data = volume(&stage.by_name().await).to_owned();
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    assert!(plan.to_string().contains("--rm"), "{plan}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v1");
    assert_eq!(stage.scene().await, ["-web o created", "-web running"]);
    let new = stage.by_name().await;
    assert_eq!(new["HostConfig"]["AutoRemove"], true, "no setting is lost");
    assert_eq!(volume(&new), data, "the volume outlives the old container");
}

#[tokio::test]
async fn a_version_that_can_not_start_is_undone_by_the_copy() {
    let Some(bed) = testbed().await else { return };
    let stage = stage(bed).await;
    let before = stage.by_name().await;
    stage.bed.image("v1", &["ENV TESTBED_EXIT_CODE=7"]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(stage.scene().await, ["-web running"], "nothing is left over");
    let after = stage.by_name().await;
    stage.bed.until_listening(&after["Id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(stage.version(), "v2");
    assert_ne!(before["Id"], after["Id"], "the old one was deleted by its stop");
    assert_eq!(volume(&before), volume(&after));
    for same in
        ["/Config/Env", "/Config/Image", "/HostConfig/AutoRemove", "/HostConfig/NetworkMode"]
    {
        assert_eq!(before.pointer(same), after.pointer(same), "{same}");
    }
    let networks = |container: &Value| {
        let networks = container["NetworkSettings"]["Networks"].as_object().unwrap();
        networks.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(networks(&before), networks(&after));
}

#[tokio::test]
async fn a_plan_that_is_given_up_leaves_it_untouched() {
    let Some(bed) = testbed().await else { return };
    let stage = stage(bed).await;
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    // The tag moves between the plan and the run: the create step fails.
    stage.bed.image("v1", &["ENV OTHER=1"]).await;
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(stage.scene().await, ["-web running"]);
    assert_eq!(stage.by_name().await["Id"], stage.old.as_str());
}
