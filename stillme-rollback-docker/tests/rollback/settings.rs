//! Settings that take steps of their own.

use serde_json::json;
use stillme_rollback_core::EndState;
use stillme_rollback_docker::http::ApiVersion;

use crate::real::testbed;
use crate::stage::Stage;

#[tokio::test]
async fn every_network_with_its_aliases_is_joined_before_the_start() {
    let Some(bed) = testbed().await else { return };
    let (front, back) = (bed.network("front").await, bed.network("back").await);
    let endpoints = json!({ front.as_str(): {"Aliases": ["web"]} });
    let settings = json!({
        "HostConfig": {"NetworkMode": front},
        "NetworkingConfig": {"EndpointsConfig": endpoints},
    });
    let stage = Stage::new(bed, settings).await;
    let endpoint = json!({"Aliases": ["web", "web-admin"]});
    stage.engine.connect_network(&back, &stage.old, &endpoint).await.unwrap();
    stage.bed.image("v1", &[]).await;
    let plan = stage.plan("v1").await;
    let place = |id: &str| plan.steps.iter().position(|step| step.id.as_str() == id);
    // From API 1.44 on the create joins them all.
    let step_of_its_own = stage.bed.engine.client().api_version() < ApiVersion::new(1, 44);
    assert_eq!(place("connect-new.1").is_some(), step_of_its_own, "{plan}");
    assert!(place("connect-new.1") < place("start-new"), "{plan}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let by_name = stage.engine.inspect_container(&(&stage.name).into()).await.unwrap().unwrap();
    let networks = &by_name.expose()["NetworkSettings"]["Networks"];
    let has = |network: &str, alias: &str| {
        networks[network]["Aliases"].as_array().is_some_and(|all| all.contains(&json!(alias)))
    };
    assert!(has(&front, "web") && has(&back, "web") && has(&back, "web-admin"), "{networks}");
    assert_eq!(stage.version(), "v1");
}
