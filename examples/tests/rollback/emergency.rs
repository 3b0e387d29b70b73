//! First aid: isolated and stopped, and back.

use serde_json::json;
use stillme_rollback_docker::Engine as _;

use crate::tool::bench;

#[tokio::test]
async fn a_container_is_isolated_and_put_back_as_it_was() {
    let Some(bench) = bench().await else { return };
    let front = bench.bed.network("front").await;
    let back = bench.bed.network("back").await;
    let host = json!({"NetworkMode": front, "RestartPolicy": {"Name": "unless-stopped"}});
    let id = bench.serving_with(&["v1"], host).await;
    let endpoint = json!({"Aliases": ["web-admin"]});
    bench.bed.engine.connect_network(&back, &id, &endpoint).await.unwrap();
    let before = bench.bed.inspect(&id).await;
    let isolate = |more: &'static str| {
        ["isolate", "docker", bench.name.as_str(), "--settle", "1s", more].map(str::to_owned)
    };
    let shown = bench.rollback(isolate("--plan")).await.ended_with(0);
    shown.says("off its networks").says("connections that are open are cut");
    let ran = bench.rollback(isolate("--yes")).await.ended_with(0);
    let ran = ran.says("ISOLATED docker/").says("--back").says("docker network connect");
    assert!(!ran.out.contains("ROLLED BACK"), "{}", ran.out);
    let alone = bench.bed.inspect(&id).await;
    assert_eq!(alone["NetworkSettings"]["Networks"], json!({}));
    assert_eq!(alone["State"]["Pid"], before["State"]["Pid"], "it goes on as it was");
    bench.rollback(isolate("--yes")).await.ended_with(13).says("isolated already");

    let arguments = isolate("--back").into_iter().chain(["--yes".to_owned()]);
    bench.rollback(arguments).await.ended_with(0).says("TAKEN BACK");
    let after = bench.bed.inspect(&id).await;
    assert_eq!(after["State"]["Pid"], before["State"]["Pid"]);
    for network in [&front, &back] {
        let aliases = |seen: &serde_json::Value| {
            let aliases = &seen["NetworkSettings"]["Networks"][network.as_str()]["Aliases"];
            let mut aliases: Vec<_> = aliases.as_array().cloned().unwrap_or_default();
            aliases.sort_by_key(ToString::to_string);
            aliases.dedup();
            aliases
        };
        assert_eq!(aliases(&after), aliases(&before), "{network}");
    }
    assert_eq!(bench.version().await, "v1");
    let listed = bench.rollback(["versions", "docker", bench.name.as_str()]).await.ended_with(0);
    assert!(!listed.out.contains("verified it"), "{}", listed.out);
}

#[tokio::test]
async fn a_container_is_stopped_and_started_again() {
    let Some(bench) = bench().await else { return };
    let id = bench.serving(&["v1"]).await;
    let stop = |more: &[&str]| {
        let begin = ["stop", "docker", bench.name.as_str(), "--settle", "1s", "--yes"];
        begin.iter().chain(more).map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    bench.rollback(stop(&["--back"])).await.ended_with(13).says("no run here did");
    bench.rollback(stop(&[])).await.ended_with(0).says("STOPPED docker/").says("docker start");
    let down = bench.bed.inspect(&id).await;
    assert_eq!(down["State"]["Running"], false);
    assert_eq!(down["HostConfig"]["RestartPolicy"]["Name"], "no");
    bench.rollback(stop(&["--back"])).await.ended_with(0).says("TAKEN BACK");
    let up = bench.bed.inspect(&id).await;
    assert_eq!(up["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    assert_eq!(bench.version().await, "v1");
}

#[tokio::test]
async fn only_containers_of_an_engine_are_isolated() {
    let Some(bench) = bench().await else { return };
    bench.rollback(["stop", "compose", "web"]).await.ended_with(13).says("nothing was touched");
}
