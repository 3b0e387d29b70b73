//! Settings go back with the image, from the container that was put aside with them.

use serde_json::{Value, json};
use stillme_rollback_core::{EndState, PlanRefusal, chain};
use stillme_rollback_docker::{ContainerId, CreateFirst, WarmSwap};

use crate::real::testbed;
use crate::stage::{Stage, key};

/// `web` ran v2 with one set of settings, which is kept; it was deployed anew since, as v1 with others.
async fn deployed_anew() -> Option<(Stage, ContainerId)> {
    let settings = json!({
        "Env": ["LEVEL=first", "ONLY=then"],
        "StopTimeout": 7,
        "HostConfig": {
            "Memory": 64 << 20,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4},
        },
    });
    let mut stage = Stage::new(testbed().await?, settings).await;
    let (v1, _) = stage.bed.image("v1", &[]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    // The container of the run, as somebody deploys it anew: its label goes, other settings come.
    let running = stage.by_name().await;
    let mut body = stage.bed.body(&v1);
    body["Env"] = json!(["LEVEL=second"]);
    body["ExposedPorts"] = json!({"8080/tcp": {}});
    body["HostConfig"] = json!({
        "PortBindings": running["HostConfig"]["PortBindings"],
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4},
    });
    let id: ContainerId = running["Id"].as_str().unwrap().parse().unwrap();
    stage.engine.remove_container(&id, true).await.unwrap();
    let now = stage.bed.run(&stage.name, body).await;
    stage.bed.until_listening(&now).await;
    stage.strategy = Box::new(CreateFirst::new(key()).with_config().keeping(5));
    Some((stage, now))
}

/// What a container was told, without what names it.
fn settings(container: &Value) -> Value {
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    json!([
        config["Env"],
        config["StopTimeout"],
        config["ExposedPorts"],
        host["Memory"],
        host["PortBindings"],
        host["Binds"],
    ])
}

#[tokio::test]
async fn image_and_settings_are_those_of_the_kept_container() {
    let Some((stage, now)) = deployed_anew().await else { return };
    let plan = stage.plan("v2").await;
    let shown = plan.to_string();
    for part in ["env LEVEL: #", "env ONLY: added #", "StopTimeout: added 7", "host Memory: added"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v2");
    let (kept, new) = (stage.bed.inspect(&stage.old).await, stage.by_name().await);
    assert_eq!(settings(&new), settings(&kept));
    let policy = json!({"Name": "on-failure", "MaximumRetryCount": 4});
    assert_eq!(new["HostConfig"]["RestartPolicy"], policy);

    // And back again: today's container was put aside with today's settings.
    let report = stage.run(stage.plan("previous").await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(settings(&stage.by_name().await), settings(&stage.bed.inspect(&now).await));
}

/// The settings alone are a change, and one that can be taken back.
#[tokio::test]
async fn the_same_image_goes_back_to_other_settings() {
    let Some((stage, now)) = deployed_anew().await else { return };
    let report = stage.run(stage.plan("v2").await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let Err(PlanRefusal::AlreadyThere(_)) = stage.try_plan("v2").await else { panic!("it is so") };

    // v2 again with other settings, by hand.
    let running = stage.by_name().await;
    let id: ContainerId = running["Id"].as_str().unwrap().parse().unwrap();
    let (v2, _) = stage.bed.image("v2", &[]).await;
    let mut body = stage.bed.body(&v2);
    body["Env"] = json!(["LEVEL=third"]);
    body["ExposedPorts"] = json!({"8080/tcp": {}});
    body["HostConfig"] = json!({"PortBindings": running["HostConfig"]["PortBindings"]});
    stage.engine.remove_container(&id, true).await.unwrap();
    let third = stage.bed.run(&stage.name, body).await;
    stage.bed.until_listening(&third).await;
    let plan = stage.plan("v2").await;
    assert_eq!(plan.from.version, plan.to.version);
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(settings(&stage.by_name().await), settings(&stage.bed.inspect(&stage.old).await));
    assert_ne!(now, third);
}

#[tokio::test]
async fn a_kept_container_that_goes_after_the_plan_stops_the_run_before_it_touches_anything() {
    let Some((stage, now)) = deployed_anew().await else { return };
    let plan = stage.plan("v2").await;
    stage.engine.remove_container(&stage.old, true).await.unwrap();
    let before = stage.bed.inspect(&now).await;
    let ended = stage.rollback(&plan).run(plan).await;
    let text = ended.map_or_else(|error| chain(&error).join("; "), |report| report.to_string());
    assert!(text.contains("settings is gone"), "{text}");
    assert_eq!(stage.bed.inspect(&now).await, before);
    let Err(PlanRefusal::Refused(error)) = stage.try_plan("v2").await else { panic!("refused") };
    let text = chain(&error).join("; ");
    assert!(text.contains("only it has the settings' values"), "{text}");
}

#[tokio::test]
async fn places_are_changed_with_a_container_of_other_settings() {
    let Some((mut stage, _)) = deployed_anew().await else { return };
    stage.strategy = Box::new(WarmSwap::new(key()).with_config());
    let report = stage.run(stage.plan("v2").await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v2");
    assert_eq!(settings(&stage.by_name().await), settings(&stage.bed.inspect(&stage.old).await));
}
