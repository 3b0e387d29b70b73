//! On a real engine.

use rustix::process::Signal;
use serde_json::{Value, json};
use stillme_rollback_docker::HttpEngine;
use stillme_rollback_docker::http::Call;

use crate::play::Play;
use crate::real::testbed;

/// What a demo left on the engine: its containers, and all images with its label or a tag of its name.
async fn left_by(pid: i32, engine: &HttpEngine) -> Vec<String> {
    let name = format!("stillme-demo-{pid}");
    let label = json!({"label": [format!("dev.stillme.demo={name}")]}).to_string();
    let tags = json!({"reference": [name.as_str(), format!("*/*:{name}")]}).to_string();
    let names = json!({"name": [name]}).to_string();
    let mut left = Vec::new();
    for (path, filters) in [
        ("/containers/json", &label),
        ("/containers/json", &names),
        ("/images/json", &label),
        ("/images/json", &tags),
    ] {
        let call = Call::reading("look for leftovers", path);
        let call = call.query("all", "true").query("filters", filters.as_str());
        let answer = engine.client().call(&call).await.unwrap();
        let found: Vec<Value> = serde_json::from_slice(answer.body()).unwrap();
        left.extend(found.iter().map(|one| format!("{path} {} {}", one["Id"], one["RepoTags"])));
    }
    left
}

#[tokio::test]
async fn the_story_to_its_end() {
    let Some(bed) = testbed().await else { return };
    let mut play = Play::begin("docker").await;
    let pid = play.pid();
    play.until("== 3. Back to v1").await;
    assert!(!left_by(pid, &bed.engine).await.is_empty(), "there is something that can be left");
    let end = play.end().await;
    end.with(0, "Everything that this demo made is removed.");
    let name = format!("stillme-demo-{pid}");
    end.says(&[
        "on the Docker engine at",
        "1. Version v1 serves",
        "requests to v2 have failed",
        &format!("docker/{name} back to {name}:v1"),
        &format!("runs now    {name}:v2"),
        "strategy    create-first",
        "fingerprint ",
        "create the new container",
        &format!("ROLLED BACK docker/{name} to {name}:v1"),
        "Measured by the probe: longest outage",
        &format!("docker/{name} back to {name}:v0"),
        &format!("NOT ROLLED BACK: docker/{name} runs {name}:v1"),
        "What the failed version printed was kept",
        "exiting with code 1 on purpose",
        "Measured by the probe: longest outage",
        "v1 serves.",
    ]);
    // Two switches on one port: neither can be free of an outage, and neither may take long.
    let outages = end.outages();
    assert_eq!(outages.len(), 2);
    assert!(outages.iter().all(|ms| (1..20_000).contains(ms)), "{outages:?}");
    // What was shown is what was run: in each plan and in each report.
    let shown: Vec<_> = end.out.lines().filter(|line| line.contains("fingerprint ")).collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert_eq!((shown[0], shown[2]), (shown[1], shown[3]));
    assert_eq!(left_by(pid, &bed.engine).await, [""; 0]);
}

/// While it builds, while it tells, and twice in the middle of a switch.
#[tokio::test]
async fn ended_by_a_signal_it_leaves_nothing_behind() {
    let Some(bed) = testbed().await else { return };
    for (point, signal, code, note) in [
        ("1. Version v1 serves", Signal::INT, 130, "demo: SIGINT: removes what it made"),
        ("/ answers", Signal::HUP, 129, "demo: SIGHUP: removes what it made"),
        ("create-new: done", Signal::TERM, 143, "demo: SIGTERM: removes what it made"),
        ("stop-old: done", Signal::INT, 130, "demo: SIGINT: removes what it made"),
    ] {
        let mut play = Play::begin("docker").await;
        let pid = play.pid();
        play.until(point).await;
        play.signal(signal);
        let end = play.end().await;
        end.with(code, note);
        end.with(code, "Everything that this demo made is removed.");
        assert_eq!(left_by(pid, &bed.engine).await, [""; 0], "ended at `{point}`");
    }
}
