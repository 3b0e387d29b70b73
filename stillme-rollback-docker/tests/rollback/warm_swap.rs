//! `warm-swap` on a real engine: places are changed, and changed back.

use serde_json::{Value, json};
use stillme_rollback_core::{EndState, ErrorKind, PlanRefusal, chain};
use stillme_rollback_docker::WarmSwap;

use crate::real::{Testbed, free_port, testbed};
use crate::stage::{Stage, key};

/// `web` on two networks of its own, with addresses and aliases that it must keep.
async fn stage(bed: Testbed) -> Stage {
    let (front, front_net) = bed.subnet("front").await;
    let (back, back_net) = bed.subnet("back").await;
    let endpoint = |net: &str, alias: &str| json!({"Aliases": [alias], "IPAMConfig": {"IPv4Address": format!("{net}.77")}});
    let settings = json!({
        "HostConfig": {"NetworkMode": front},
        "NetworkingConfig": {"EndpointsConfig": {front.as_str(): endpoint(&front_net, "web")}},
    });
    let mut stage = Stage::new(bed, settings).await;
    stage.engine.connect_network(&back, &stage.old, &endpoint(&back_net, "admin")).await.unwrap();
    stage.strategy = Box::new(WarmSwap::new(key()));
    stage
}

/// What of a container's place must be the same: addresses, ports, aliases without the engine's own.
fn place(container: &Value) -> Value {
    let short = &container["Id"].as_str().unwrap()[..12];
    let networks = container["NetworkSettings"]["Networks"].as_object().unwrap();
    let networks: Vec<Value> = networks
        .iter()
        .map(|(name, on)| {
            let aliases = on["Aliases"].as_array().cloned().unwrap_or_default();
            let mut own: Vec<_> = aliases.into_iter().filter(|alias| alias != short).collect();
            own.sort_by_key(ToString::to_string);
            own.dedup();
            json!([name, on["IPAddress"], on["IPAMConfig"], own])
        })
        .collect();
    json!([networks, container["NetworkSettings"]["Ports"], container["HostConfig"]["NetworkMode"]])
}

#[tokio::test]
async fn a_version_that_works_takes_the_place_and_keeps_it() {
    let Some(bed) = testbed().await else { return };
    let stage = stage(bed).await;
    let before = place(&stage.bed.inspect(&stage.old).await);
    stage.bed.image("v1", &["ENV TESTBED_BOOT_DELAY=1s"]).await;
    let plan = stage.plan("v1").await;
    assert!(plan.to_string().contains("about 0.3 s"), "{plan}");
    let report = stage.run(plan).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    assert_eq!(stage.version(), "v1");
    assert_eq!(stage.scene().await, ["-web o exited", "-web running"]);
    let new = stage.by_name().await;
    assert_eq!(place(&new), before);
    assert_eq!(new["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    // It is a container like any other: a restart gives it its place again.
    let id = new["Id"].as_str().unwrap().parse().unwrap();
    stage.engine.stop_container(&id, std::time::Duration::from_secs(5)).await.unwrap();
    stage.engine.start_container(&id).await.unwrap();
    assert!(stage.is_answering_soon().await);
    assert_eq!(place(&stage.by_name().await), before);
}

#[tokio::test]
async fn a_version_that_can_not_boot_never_touches_what_serves() {
    let Some(bed) = testbed().await else { return };
    let stage = stage(bed).await;
    let before = stage.bed.inspect(&stage.old).await;
    stage.bed.image("v1", &["ENV TESTBED_EXIT_CODE=7"]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(stage.bed.inspect(&stage.old).await, before, "byte for byte");
    stage.assert_restored().await;
}

#[tokio::test]
async fn a_version_that_fails_its_verdict_gives_the_place_back() {
    let Some(bed) = testbed().await else { return };
    let stage = stage(bed).await;
    let before = stage.bed.inspect(&stage.old).await;
    // It is ready at first, so that it is let in; from then on its own check fails.
    let health =
        "HEALTHCHECK --interval=1s --timeout=2s --retries=1 CMD [\"/service\", \"healthcheck\"]";
    stage.bed.image("v1", &[health, "ENV TESTBED_UNHEALTHY_AFTER=1500ms"]).await;
    let report = stage.run(stage.plan("v1").await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert!(report.to_string().contains("connect the new container to"), "{report}");
    let after = stage.bed.inspect(&stage.old).await;
    assert_eq!(place(&after), place(&before));
    assert_eq!(after["State"]["StartedAt"], before["State"]["StartedAt"], "it never stopped");
    stage.assert_restored().await;
}

#[tokio::test]
async fn what_can_not_change_places_is_refused() {
    let port = format!("PORT={}", free_port());
    let host = json!({"Env": [port], "HostConfig": {"NetworkMode": "host", "PortBindings": null}});
    let rm = json!({"HostConfig": {"AutoRemove": true, "RestartPolicy": {"Name": "no"}}});
    let mac = json!({"MacAddress": "02:42:ac:11:00:99"});
    for (settings, part) in [
        (host, "network mode is `host`"),
        (json!({"HostConfig": {"NetworkMode": "none", "PortBindings": null}}), "mode is `none`"),
        (json!({"HostConfig": {"PortBindings": null}}), "nothing shows when"),
        (rm, "--rm"),
        (json!({"Volumes": {"/data": {}}}), "same files"),
        (mac, "MAC address"),
    ] {
        let Some(bed) = testbed().await else { return };
        let api = bed.engine.client().api_version().to_string();
        if part.starts_with("MAC") && api != "1.41" {
            // From API 1.44 on an endpoint carries it, so that it is no reason to refuse.
            continue;
        }
        let mut stage = Stage::new(bed, settings).await;
        stage.strategy = Box::new(WarmSwap::new(key()));
        stage.bed.image("v1", &[]).await;
        let PlanRefusal::Refused(error) = stage.try_plan("v1").await.unwrap_err() else {
            panic!("{part}")
        };
        let text = chain(&error).join("; ");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{text}");
        assert!(text.contains(part) && text.contains("nothing was touched"), "{text}");
    }
}
