//! What stands beside the container: those that hold on to it, and those that were put aside.

use serde_json::{Value, json};
use stillme_rollback_core::{EndState, ErrorKind, Outcome, PlanRefusal, chain};
use stillme_rollback_docker::{ContainerId, ContainerName, CreateFirst};

use crate::real::testbed;
use crate::stage::{Judge, Stage, key};

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

/// `web`, and a container in its network that proves it: it serves on a port that `web` publishes.
async fn with_sidecar() -> Option<(Stage, ContainerName, ContainerId)> {
    let shareable = json!({"HostConfig": {"IpcMode": "shareable"}});
    let mut stage = Stage::new(testbed().await?, shareable).await;
    stage.strategy = Box::new(CreateFirst::new(key()).recreate_dependents());
    let (image, _) = stage.bed.image("side", &[]).await;
    let mut body = stage.bed.body(&image);
    body["HostConfig"] = json!({
        "NetworkMode": format!("container:{}", stage.old),
        "IpcMode": format!("container:{}", stage.old),
        "VolumesFrom": [format!("{}:ro", stage.old)],
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
    });
    body["Env"] = json!(["PORT=8081", "TOKEN=canary"]);
    let sidecar = stage.bed.name("sidecar");
    let id = stage.bed.run(&sidecar, body).await;
    Some((stage, sidecar, id))
}

async fn named(stage: &Stage, name: &ContainerName) -> Value {
    stage.engine.inspect_container(&name.into()).await.unwrap().unwrap().expose().clone()
}

#[tokio::test]
async fn dependents_are_recreated_on_the_new_one() {
    let Some((stage, sidecar, old)) = with_sidecar().await else { return };
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    let shown = format!("{plan}{}", serde_json::to_string(&plan).unwrap());
    assert!(shown.contains(&format!("{sidecar} (network, ipc, volumes)")), "{plan}");
    assert!(!shown.contains("canary"), "{shown}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v1");
    assert_eq!(
        stage.scene().await,
        ["-sidecar o exited", "-sidecar running", "-web o exited", "-web running"]
    );
    let (web, new) = (stage.by_name().await, named(&stage, &sidecar).await);
    let on = format!("container:{}", web["Id"].as_str().unwrap());
    assert_eq!(new["HostConfig"]["NetworkMode"], on.as_str());
    assert_eq!(new["HostConfig"]["IpcMode"], on.as_str());
    assert_eq!(new["HostConfig"]["RestartPolicy"]["Name"], "always");
    assert_eq!(new["Config"]["Env"][1], "TOKEN=canary");
    let kept = stage.bed.inspect(&old).await;
    assert_eq!(kept["HostConfig"]["RestartPolicy"]["Name"], "no");

    // Once more: the copy is a dependent like any other, and older ones are removed.
    for to in ["v2", "v1"] {
        let report = stage.run(stage.plan(to).await).await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    }
    assert!(stage.engine.inspect_container(&(&old).into()).await.unwrap().is_none());
    let kept = stage.scene().await;
    assert_eq!(kept.iter().filter(|one| one.contains("sidecar o")).count(), 2, "{kept:?}");
}

#[tokio::test]
async fn dependents_come_back_when_the_new_version_fails() {
    let Some((stage, sidecar, old)) = with_sidecar().await else { return };
    let health = r#"HEALTHCHECK --interval=1s --retries=1 CMD ["/service", "nonsense"]"#;
    stage.bed.image("v1", &[health]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(stage.version(), "v2");
    assert_eq!(stage.scene().await, ["-sidecar running", "-web running"]);
    let again = named(&stage, &sidecar).await;
    assert_eq!(again["Id"], old.as_str());
    assert_eq!(again["HostConfig"]["RestartPolicy"]["Name"], "always");
}

#[tokio::test]
async fn dependents_that_can_not_be_recreated_soundly_are_named() {
    let Some((stage, sidecar, id)) = with_sidecar().await else { return };
    stage.bed.image("v1", &[]).await;
    let image: stillme_rollback_core::ImageRef =
        format!("{}:side", stage.bed.repository()).parse().unwrap();
    let mut body = stage.bed.body(&image);
    body["HostConfig"] = json!({"PidMode": format!("container:{id}")});
    let third = stage.bed.name("third");
    stage.bed.run(&third, body).await;
    let Err(PlanRefusal::Refused(error)) = stage.try_plan("v1").await else { panic!("refused") };
    let text = chain(&error).join("; ");
    assert!(text.contains(third.as_str()) && text.contains(sidecar.as_str()), "{text}");
    assert!(text.contains("nothing was touched"), "{text}");
}

/// A link leads to a container and not to a name: a dependent that is left alone would call the old one.
#[tokio::test]
async fn links_lead_to_the_new_one_and_back_again() {
    let Some(bed) = testbed().await else { return };
    let mut stage = Stage::new(bed, json!({})).await;
    stage.strategy = Box::new(CreateFirst::new(key()).recreate_dependents());
    let (image, _) = stage.bed.image("side", &[]).await;
    let mut body = stage.bed.body(&image);
    body["HostConfig"] = json!({"Links": [format!("{}:db", stage.name)]});
    let caller = stage.bed.name("caller");
    let old = stage.bed.run(&caller, body).await;
    // The engine shows by which name it knows the container that the link leads to now.
    let leads_to = format!("/{}:/{caller}/db", stage.name);

    stage.bed.image("v1", &[]).await;
    stage.judge = Judge::AtOnce(Outcome::Fail);
    let plan = stage.plan("v1").await;
    assert!(plan.to_string().contains(&format!("{caller} (link)")), "{plan}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    let again = named(&stage, &caller).await;
    assert_eq!(
        (&again["Id"], &again["HostConfig"]["Links"]),
        (&json!(old.as_str()), &json!([leads_to]))
    );

    stage.judge = Judge::AtOnce(Outcome::Pass);
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let new = named(&stage, &caller).await;
    assert_ne!(new["Id"], old.as_str());
    assert_eq!(new["State"]["Running"], true);
    assert_eq!(new["HostConfig"]["Links"], json!([leads_to]));
    let left = stage.bed.inspect(&old).await;
    assert_ne!(left["HostConfig"]["Links"], json!([leads_to]), "the one put aside has the old one");
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
