//! Runs that are killed, stopped, given up, and gone on with.

use rustix::process::Signal;

use crate::tool::{Bench, bench};

/// A version that drains for a while when it is stopped, so that there is a moment to kill in.
const SLOW_TO_STOP: &str = "v2:TESTBED_DRAIN=2s";
/// A version of which it stays open for a long time whether it works.
const NEVER_WELL: &str = "v1:TESTBED_UNHEALTHY_AFTER=0s";

async fn run_of(bench: &Bench) -> String {
    let runs = bench.rollback(["runs", "--output", "json"]).await.ended_with(0).json();
    runs[0]["run"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_that_was_killed_is_gone_on_with() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", SLOW_TO_STOP]).await;
    let arguments = bench.docker_arguments(&["--to", "v1", "--yes", "--output", "json"]);
    let mut running = bench.start(arguments);
    running.until(r#""step":"stop-old""#).await;
    running.signal(Signal::KILL);
    running.wait().await.was_killed();
    bench.rollback(["runs"]).await.ended_with(0).says("unfinished");
    // What it left is nobody else's to work on.
    let ran = bench.docker(&["--to", "v1", "--yes"]).await.ended_with(13);
    ran.says("rollback resume").says("nothing was touched");

    let ran = bench.rollback(["resume", "--settle", "1s"]).await.ended_with(0);
    ran.says("ROLLED BACK").says("resumed");
    assert_eq!(bench.version().await, "v1");
    assert_eq!(bench.beside().await.len(), 1);
}

/// Killed by itself, exactly when the intent to start the new container is durable and nothing is sent.
#[cfg(feature = "test-kill")]
#[tokio::test]
async fn a_run_that_was_killed_at_a_record_is_gone_on_with() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    for (at, when) in [("1", "before"), ("1", "after"), ("8", "after")] {
        let arguments = bench.docker_arguments(&["--to", "v1", "--yes"]);
        let env = [("STILLME_TEST_KILL_AT", at), ("STILLME_TEST_KILL_WHEN", when)];
        bench.start_with(arguments, &env).wait().await.was_killed();
        let runs = bench.rollback(["runs", "--output", "json"]).await.ended_with(0).json();
        let unfinished = runs.iter().filter(|run| run["state"].is_null()).count();
        assert_eq!(unfinished, usize::from((at, when) != ("1", "before")), "{at} {when}");
        if unfinished == 0 {
            continue;
        }
        let run = runs[0]["run"].as_str().unwrap();
        bench.rollback(["abort", run, "--settle", "1s"]).await.ended_with(11);
        assert_eq!(bench.version().await, "v2", "{at} {when}");
        assert!(bench.beside().await.is_empty(), "{at} {when}");
    }
}

#[tokio::test]
async fn a_run_that_works_obeys_an_abort() {
    let Some(bench) = bench().await else { return };
    bench.serving(&[NEVER_WELL, "v2"]).await;
    let arguments =
        bench.docker_arguments(&["--to", "v1", "--yes", "--deadline", "60s", "--output", "json"]);
    let mut running = bench.start(arguments);
    running.until(r#""type":"verifying""#).await;
    let run = run_of(&bench).await;
    // While it works, nobody else gets the target, and nobody else goes on with the run.
    bench.rollback(["resume", &run]).await.ended_with(1).says("holds").says("rollback abort");

    let aborted = bench.rollback(["abort", &run]).await.ended_with(11);
    aborted.says("asked it to give up").says("NOT ROLLED BACK").says("given up by");
    let ran = running.wait().await.ended_with(11);
    assert_eq!(ran.last("report")["state"], "restored");
    assert_eq!(bench.version().await, "v2");
    assert!(bench.beside().await.is_empty());
}

/// Ctrl-C pauses it; then it is taken back.
#[tokio::test]
async fn a_run_that_was_stopped_can_be_taken_back() {
    let Some(bench) = bench().await else { return };
    bench.serving(&[NEVER_WELL, "v2"]).await;
    let arguments =
        bench.docker_arguments(&["--to", "v1", "--yes", "--deadline", "60s", "--output", "json"]);
    let mut running = bench.start(arguments);
    running.until(r#""type":"verifying""#).await;
    running.signal(Signal::INT);
    let ran = running.wait().await.ended_with(15).says("the run pauses at the next step boundary");
    let run = ran.last("report")["run"].as_str().unwrap().to_owned();
    assert_eq!(ran.last("report")["state"], "paused");
    bench.rollback(["runs"]).await.ended_with(0).says("Paused");

    bench.rollback(["abort", &run, "--settle", "1s"]).await.ended_with(11);
    assert_eq!(bench.version().await, "v2");
    assert!(bench.beside().await.is_empty());
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_at_once_and_says_how_to_go_on() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", SLOW_TO_STOP]).await;
    let arguments = bench.docker_arguments(&["--to", "v1", "--yes", "--output", "json"]);
    let mut running = bench.start(arguments);
    running.until(r#""step":"stop-old""#).await;
    running.signal(Signal::INT);
    running.until_told("the run pauses").await;
    running.signal(Signal::TERM);
    running.wait().await.ended_with(1).says("safe at any moment").says("rollback resume");
    bench.rollback(["resume", "--settle", "1s"]).await.ended_with(0);
    assert_eq!(bench.version().await, "v1");
}

/// A terminal that goes away must not leave a service half switched.
#[tokio::test]
async fn a_lost_terminal_does_not_stop_a_run() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", SLOW_TO_STOP]).await;
    let arguments = bench.docker_arguments(&["--to", "v1", "--yes", "--output", "json"]);
    let mut running = bench.start(arguments);
    running.until(r#""step":"stop-old""#).await;
    running.signal(Signal::HUP);
    running.wait().await.ended_with(0);
    assert_eq!(bench.version().await, "v1");
}

/// An inconclusive verdict pauses; an operator who looked accepts it.
#[tokio::test]
async fn an_inconclusive_verdict_can_be_accepted() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    // Too short for the ten seconds that the weak verdict needs.
    let arguments = ["docker", bench.name.as_str(), "--to", "v1", "--yes", "--deadline", "5s"];
    let ran = bench.rollback(arguments).await.ended_with(15);
    ran.says("PAUSED").says("--accept");
    let ran = bench.rollback(["resume", "--accept", "I looked, it works"]).await.ended_with(0);
    ran.says("NOT PROVEN").says("I looked, it works");
    assert_eq!(bench.version().await, "v1");
}

/// The journal is lost: the engine's names and labels are enough to get back to one container.
#[tokio::test]
async fn what_a_run_left_is_put_in_order_without_its_journal() {
    let Some(bench) = bench().await else { return };
    let old = bench.serving(&[NEVER_WELL, "v2"]).await;
    let arguments =
        bench.docker_arguments(&["--to", "v1", "--yes", "--deadline", "60s", "--output", "json"]);
    let mut running = bench.start(arguments);
    running.until(r#""type":"verifying""#).await;
    running.signal(Signal::KILL);
    running.wait().await.was_killed();
    let from_engine = ["resume", "--from-engine", bench.name.as_str(), "--settle", "1s"];
    let with = |more: &'static str| from_engine.iter().copied().chain([more]);

    // While there is a journal, it is the one to go by.
    bench.rollback(with("--yes")).await.ended_with(13).says("knows more than the engine");
    lose_journals(&bench);
    let left = bench.beside().await;
    let planned = bench.rollback(with("--plan")).await.ended_with(0);
    planned
        .says("stop the new container")
        .says("start the old container")
        .says("nothing was touched");
    bench.rollback(from_engine).await.ended_with(13).says("no terminal");
    assert_eq!(bench.beside().await, left, "nothing was touched");

    let ran = bench.rollback(with("--yes")).await.ended_with(0);
    ran.says("ROLLED BACK").says("remove the new container");
    assert_eq!(bench.version().await, "v2");
    assert!(bench.beside().await.is_empty());
    assert_eq!(bench.bed.inspect(&old).await["State"]["Running"], true);
    bench.rollback(with("--yes")).await.ended_with(10).says("NOTHING TO DO");
}

fn lose_journals(bench: &Bench) {
    for entry in std::fs::read_dir(bench.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

/// Killed at every kind of place, and the journal is gone.
#[cfg(feature = "test-kill")]
#[tokio::test]
async fn every_place_in_a_run_can_be_left_without_a_journal() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2:TESTBED_DRAIN=0s"]).await;
    // Records: the begin; an intent and a result for each of create-new, hold-old, stop-old and
    // start-new; the verdict; the same for set-aside-old. The first run also tags the image.
    for (at, step, serves) in [
        ("5", "1. check that", "v2"),
        ("7", "1. start the old container", "v2"),
        ("9", "1. stop the new container", "v2"),
        ("12", "2. give the new container the name", "v1"),
    ] {
        let arguments = bench.docker_arguments(&["--to", "v1", "--yes"]);
        let env = [("STILLME_TEST_KILL_AT", at)];
        bench.start_with(arguments, &env).wait().await.was_killed();
        lose_journals(&bench);
        let from_engine =
            ["resume", "--from-engine", bench.name.as_str(), "--settle", "1s", "--yes"];
        bench.rollback(from_engine).await.ended_with(0).says(step);
        assert_eq!(bench.version().await, serves, "{step}");
        let beside = bench.beside().await;
        assert!(beside.iter().all(|name| name.contains(".rbo-")), "{step}: {beside:?}");
    }
}
