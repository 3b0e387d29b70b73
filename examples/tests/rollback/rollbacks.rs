//! From the plan to the end.

use serde_json::{Value, json};
use stillme_rollback_docker::Engine as _;

use crate::tool::bench;

#[tokio::test]
async fn a_plan_shows_everything_and_touches_nothing() {
    let Some(bench) = bench().await else { return };
    let id = bench.serving(&["v1", "v2"]).await;
    let before = bench.bed.inspect(&id).await;
    let text = bench.docker(&["--to", "v1", "--plan"]).await.ended_with(0);
    let json = bench.docker(&["--to", "v1", "--plan", "--output", "json"]).await.ended_with(0);
    let plan = json.last("plan");
    let fingerprint = plan["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 64);
    assert!(!plan["plan"]["steps"].as_array().unwrap().is_empty());
    text.says(fingerprint).says("create the new container").says("nothing was touched");
    assert_eq!(bench.bed.inspect(&id).await, before);
    assert!(bench.beside().await.is_empty());
    assert!(bench.rollback(["runs"]).await.ended_with(0).out.contains("no runs"));
    assert_eq!(bench.version().await, "v2");
}

#[tokio::test]
async fn a_container_goes_back_and_the_old_one_is_kept() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    let ran = bench.docker(&["--to", "v1", "--yes"]).await.ended_with(0);
    ran.says("ROLLED BACK").says("verified");
    assert_eq!(bench.version().await, "v1");
    let beside = bench.beside().await;
    assert_eq!(beside.len(), 1, "{beside:?}");
    assert!(beside[0].contains(".rbo-"), "{beside:?}");

    bench.docker(&["--to", "v1", "--yes"]).await.ended_with(10).says("NOTHING TO DO");

    // Now there is a record, so that `previous` means something.
    let listed = bench.rollback(["versions", "docker", bench.name.as_str()]).await.ended_with(0);
    listed.says("runs now").says("previous").says("verified it").says("left it");
    let json = bench
        .rollback(["versions", "docker", bench.name.as_str(), "--output", "json"])
        .await
        .ended_with(0);
    let previous: Vec<_> = json.json().into_iter().filter(|v| v["previous"] == true).collect();
    assert_eq!(previous.len(), 1, "{}", json.out);
    bench.docker(&["--to", "previous", "--yes"]).await.ended_with(0);
    assert_eq!(bench.version().await, "v2");
}

/// Its stop deletes it, so it is taken back only when that is asked for.
#[tokio::test]
async fn a_container_with_rm_goes_back_only_on_request() {
    let Some(bench) = bench().await else { return };
    let id = bench.serving_with(&["v1", "v2"], json!({"AutoRemove": true})).await;
    let refused = bench.docker(&["--to", "v1", "--yes"]).await.ended_with(13);
    refused.says("--rm").says("--allow-auto-remove").says("nothing was touched");
    assert_eq!(bench.bed.inspect(&id).await["State"]["Running"], true);
    let ran = bench.docker(&["--to", "v1", "--yes", "--allow-auto-remove"]).await.ended_with(0);
    ran.says("a copy of it").says("ROLLED BACK");
    assert_eq!(bench.version().await, "v1");
}

/// By the journals alone: nothing that was put aside is left to go by.
#[tokio::test]
async fn what_a_run_verified_is_what_ran_before() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    bench.docker(&["--to", "v1", "--yes"]).await.ended_with(0);
    for container in bench.bed.containers().await {
        bench.bed.engine.remove_container(&container.id, true).await.unwrap();
    }
    bench.serving(&["v3"]).await;
    bench.docker(&["--to", "previous", "--yes"]).await.ended_with(0);
    assert_eq!(bench.version().await, "v1");
}

#[tokio::test]
async fn a_bad_version_is_undone() {
    let Some(bench) = bench().await else { return };
    let id = bench.serving(&["v1:TESTBED_UNHEALTHY_AFTER=0s", "v2"]).await;
    let ran = bench.docker(&["--to", "v1", "--yes", "--deadline", "5s"]).await.ended_with(11);
    let ran = ran.says("NOT ROLLED BACK").says("none good").says("rollback versions docker");
    ran.says("the new container is running").says("log.txt").says("events.jsonl");
    assert_eq!(bench.version().await, "v2");
    assert!(bench.beside().await.is_empty());
    let state = bench.bed.inspect(&id).await;
    assert_eq!(state["State"]["Running"], true, "it is the same container that runs again");
}

#[tokio::test]
async fn events_and_report_are_json_objects_one_a_line() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    let ran = bench.docker(&["--to", "v1", "--yes", "--output", "json"]).await.ended_with(0);
    let lines = ran.json();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"plan"));
    assert_eq!(kinds.get(1), Some(&"run-started"));
    assert_eq!(kinds.last(), Some(&"report"));
    assert!(kinds.contains(&"verdict-given") && kinds.contains(&"ended"), "{kinds:?}");
    let report = ran.last("report");
    assert_eq!(report["state"], "rolled-back");
    assert_eq!(report["exit_code"], 0);
    let seqs: Vec<_> = lines.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "no event is lost");
    assert_eq!(bench.version().await, "v1");
}

/// The plan that was approved is run, and no other.
#[tokio::test]
async fn an_approval_is_for_one_plan() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    let planned = bench.docker(&["--to", "v1", "--plan", "--output", "json"]).await.ended_with(0);
    let fingerprint = planned.last("plan")["fingerprint"].as_str().unwrap().to_owned();
    // The tag moves: the plan that would be run now is another one.
    bench.bed.image("v1", &["ENV MOVED=1"]).await;
    let ran = bench.docker(&["--to", "v1", "--approve", &fingerprint]).await.ended_with(13);
    ran.says(&fingerprint).says("approved was").says("nothing was touched");
    assert!(bench.beside().await.is_empty());
    assert_eq!(bench.version().await, "v2");

    let planned = bench.docker(&["--to", "v1", "--plan", "--output", "json"]).await.ended_with(0);
    let fingerprint = planned.last("plan")["fingerprint"].as_str().unwrap().to_owned();
    bench.docker(&["--to", "v1", "--approve", &fingerprint]).await.ended_with(0);
    assert_eq!(bench.version().await, "v1");
}

#[tokio::test]
async fn what_was_done_is_listed_and_shown() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    bench.docker(&["--to", "v1", "--yes"]).await.ended_with(0);
    let runs = bench.rollback(["runs", "--output", "json"]).await.ended_with(0).json();
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!(run["state"], "rolled-back");
    let run = run["run"].as_str().unwrap();
    bench.rollback(["runs"]).await.ended_with(0).says(run).says("RolledBack");

    let short = run[18..].to_lowercase();
    let shown = bench.rollback(["show", &short]).await.ended_with(0);
    shown.says("ROLLED BACK").says("checksums and chain are sound").says("do stop-old: changed");
    let shown = bench.rollback(["show", run, "--output", "json"]).await.ended_with(0);
    assert_eq!(shown.last("report")["run"], run);
    assert!(shown.last("journal")["last_hash"].is_string());
    bench.rollback(["show", "zzzzzzzz"]).await.ended_with(1).says("rollback runs");

    // A run that ended has nothing to resume: its report is said again.
    bench.rollback(["resume", run]).await.ended_with(0).says("ROLLED BACK");
    bench.rollback(["resume"]).await.ended_with(0).says("no run is unfinished");

    let file = journal(&bench);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    bench.rollback(["show", run]).await.ended_with(1).says("line 1");
    // One journal that is damaged hides none of the others, and does not stop a rollback.
    bench.rollback(["runs"]).await.ended_with(1).says("can't be read");
    bench.docker(&["--to", "v2", "--yes"]).await.ended_with(0);
}

fn journal(bench: &crate::tool::Bench) -> std::path::PathBuf {
    fn find(dir: &std::path::Path) -> Option<std::path::PathBuf> {
        std::fs::read_dir(dir).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return find(&path);
            }
            path.extension().is_some_and(|extension| extension == "jsonl").then_some(path)
        })
    }
    find(bench.folder()).unwrap()
}

/// What stands in environment variables reaches neither the output nor the journal.
#[tokio::test]
async fn a_secret_of_the_service_is_nowhere_to_be_seen() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1:TOKEN=canary-4711", "v2:TOKEN=canary-4712"]).await;
    let url = format!("{}?token=canary-4713", bench.health_url());
    let arguments =
        ["docker", bench.name.as_str(), "--to", "v1", "--yes", "--health-url", url.as_str()];
    let text = bench.rollback(arguments).await.ended_with(0);
    let json = bench.docker(&["--to", "v2", "--yes", "--output", "json"]).await.ended_with(0);
    let shown: Vec<Value> = bench.rollback(["runs", "--output", "json"]).await.ended_with(0).json();
    let journal = std::fs::read_to_string(journal(&bench)).unwrap();
    for said in [text.out, text.err, json.out, json.err, format!("{shown:?}"), journal] {
        assert!(!said.contains("canary"), "{said}");
    }
}

/// Image and settings of the container that was put aside; its values are never shown.
#[tokio::test]
async fn settings_go_back_with_the_image() {
    let Some(bench) = bench().await else { return };
    let id = bench.serving(&["v1", "v2:LEVEL=first"]).await;
    bench.docker(&["--to", "v1", "--yes"]).await.ended_with(0);
    let refused = bench.docker(&["--to", "v1", "--with-config", "--yes"]).await.ended_with(13);
    refused.says("only it has the settings' values").says("nothing was touched");
    let ran = bench.docker(&["--to", "previous", "--with-config", "--yes"]).await.ended_with(0);
    ran.says("ROLLED BACK").says("the settings are those of");
    assert_eq!(bench.version().await, "v2");
    let new = bench.bed.engine.inspect_container(&(&bench.name).into()).await.unwrap().unwrap();
    let kept = bench.bed.inspect(&id).await;
    assert_eq!(new.expose()["Config"]["Env"], kept["Config"]["Env"]);
    assert_eq!(new.expose()["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    let listed = bench.rollback(["runs", "--output", "json"]).await.ended_with(0);
    assert!(
        listed.out.contains("restart policy") && !listed.out.contains("first"),
        "{}",
        listed.out
    );
}

/// Refused by default, with the option that takes them along.
#[tokio::test]
async fn dependents_are_taken_along_on_request() {
    let Some(bench) = bench().await else { return };
    let id = bench.serving(&["v1", "v2"]).await;
    let (image, _) = bench.bed.image("side", &[]).await;
    let mut body = bench.bed.body(&image);
    body["Env"] = json!(["PORT=8081"]);
    body["HostConfig"] = json!({"NetworkMode": format!("container:{id}")});
    let sidecar = bench.bed.name("sidecar");
    bench.bed.run(&sidecar, body).await;
    let refused = bench.docker(&["--to", "v1", "--yes"]).await.ended_with(13);
    refused.says("sidecar (network)").says("--dependents recreate").says("nothing was touched");
    let ran = bench.docker(&["--to", "v1", "--yes", "--dependents", "recreate"]).await;
    ran.ended_with(0).says("ROLLED BACK").says("these hold on to it");
    let engine = &bench.bed.engine;
    let web = engine.inspect_container(&(&bench.name).into()).await.unwrap().unwrap();
    let new = engine.inspect_container(&(&sidecar).into()).await.unwrap().unwrap();
    let on = format!("container:{}", web.expose()["Id"].as_str().unwrap());
    assert_eq!(new.expose()["HostConfig"]["NetworkMode"], on.as_str());
    assert_eq!(new.expose()["State"]["Running"], true);
}
