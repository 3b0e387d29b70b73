//! The tool behind a real kamal-proxy, killed with `kill -9` in the middle and gone on with, under a user who
//! asks every 5 ms: no request fails, whenever it is killed.

use serde_json::json;
use stillme_rollback_docker::Engine as _;

use crate::kamal::Kamal;
use crate::router::Prober;
use crate::tool::{Bench, bench};

/// What answers after a while and hears no signal: when it is stopped, whatever it has is cut.
const SLOW_AND_DEAF: [&str; 2] = ["ENV TESTBED_LATENCY=300ms", "ENV TESTBED_DEAF=true"];

/// Runs v2 behind the proxy, and nothing else of the service.
async fn anew(bench: &Bench, proxy: &Kamal) {
    for container in bench.bed.containers().await {
        if container.id != proxy.id {
            bench.bed.engine.remove_container(&container.id, true).await.unwrap();
        }
    }
    let (image, _) = bench.bed.image("v2", &SLOW_AND_DEAF).await;
    let mut body = bench.bed.body(&image);
    body["HostConfig"] = json!({
        "NetworkMode": proxy.network,
        "RestartPolicy": {"Name": "unless-stopped"},
    });
    let id = bench.bed.run(&bench.name, body).await;
    bench.bed.until_listening(&id).await;
    proxy.deploy(&bench.bed, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_behind_a_proxy_no_request_fails() {
    let Some(mut bench) = bench().await else { return };
    let Some(proxy) = Kamal::start(&bench.bed).await else { return };
    bench.port = proxy.port;
    bench.bed.image("v1", &SLOW_AND_DEAF).await;
    let switch = format!("kamal:{}/web:8080", proxy.name);
    let url = format!("http://localhost:{}/healthz", proxy.port);
    let arguments = [
        "docker",
        bench.name.as_str(),
        "--to",
        "v1",
        "--yes",
        "--settle",
        "1s",
        "--health-url",
        &url,
        "--strategy",
        "behind-proxy",
        "--proxy",
        &switch,
    ];
    let mut kills = 0;
    for at in (2..60).step_by(3) {
        anew(&bench, &proxy).await;
        let before = proxy.settings(&bench.bed).await;
        let prober = Prober::start(proxy.port);
        prober.served("v2", 20).await;
        let number = at.to_string();
        let ran = bench.start_with(arguments, &[("STILLME_TEST_KILL_AT", number.as_str())]).wait();
        let ended = ran.await.code();
        if ended.is_none() {
            kills += 1;
            bench.rollback(["resume", "--settle", "1s"]).await.ended_with(0);
        }
        prober.served("v1", 20).await;
        let tally = prober.tally().await;
        let (failed, first) = (tally.failed.len(), tally.failed.first());
        assert_eq!(failed, 0, "killed at record {at}: {first:?}");
        assert_eq!(proxy.settings(&bench.bed).await, before, "killed at record {at}");
        let beside = bench.beside().await;
        assert_eq!(
            beside.len(),
            2,
            "killed at record {at}: the proxy and the kept one: {beside:?}"
        );
        if ended.is_some() {
            break;
        }
    }
    crate::say(&format!("killed {kills} times behind a proxy, each time resumed"));
    assert!(kills >= 6, "{kills}");
}
