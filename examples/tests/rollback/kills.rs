//! The tool, killed with `kill -9` at every record of its journal, before it is durable and after, and
//! each time gone on with: one container serves, nothing is left over, nothing is lost.

use stillme_rollback_docker::{ContainerName, Engine as _};

use crate::tool::{Bench, bench};

/// More records than any of these runs has.
const TOO_MANY: usize = 120;

/// Takes the service away and puts it there anew.
async fn anew(bench: &Bench, tags: &[&str]) {
    for container in bench.bed.containers().await {
        bench.bed.engine.remove_container(&container.id, true).await.unwrap();
    }
    bench.serving(tags).await;
}

/// What is expected when a run was killed and gone on with.
struct Expected {
    strategy: &'static str,
    deadline: &'static str,
    code: i32,
    version: &'static str,
    kept: usize,
}

/// Kills one run and goes on with it. `false` when the run came to its end before it was killed.
async fn kill_and_resume(bench: &Bench, at: usize, when: &str, expected: &Expected) -> bool {
    let old: Vec<_> = bench.bed.containers().await.into_iter().map(|c| c.id).collect();
    let (strategy, deadline) = (expected.strategy, expected.deadline);
    let arguments = bench.docker_arguments(&[
        "--to",
        "v1",
        "--yes",
        "--strategy",
        strategy,
        "--deadline",
        deadline,
    ]);
    let number = at.to_string();
    let env = [("STILLME_TEST_KILL_AT", number.as_str()), ("STILLME_TEST_KILL_WHEN", when)];
    let ran = bench.start_with(arguments, &env).wait().await;
    if ran.code().is_some() {
        ran.ended_with(expected.code);
        return false;
    }
    let runs = bench.rollback(["runs", "--output", "json"]).await.ended_with(0).json();
    let unfinished: Vec<_> = runs.iter().filter(|run| run["state"].is_null()).collect();
    let what = format!("killed {when} record {at}");
    match unfinished.as_slice() {
        // Nothing was durable: nothing was done.
        [] if (at, when) == (1, "before") => {
            assert_eq!(bench.version().await, "v2", "{what}");
            assert!(bench.beside().await.is_empty(), "{what}");
        }
        // The end was durable: nothing is left to do.
        [] => check(bench, expected, &what).await,
        [run] => {
            let run = run["run"].as_str().unwrap();
            bench.rollback(["resume", run, "--settle", "1s"]).await.ended_with(expected.code);
            check(bench, expected, &what).await;
            // Its journal is whole, and a second resume changes nothing.
            bench.rollback(["show", run]).await.ended_with(0);
            bench.rollback(["resume", run]).await.ended_with(expected.code);
            check(bench, expected, &what).await;
            let network = ContainerName::warm_network(&run.parse().unwrap());
            let left = bench.bed.engine.inspect_network(&network).await.unwrap();
            assert_eq!(left, None, "{what}: the private network is left");
        }
        several => panic!("{what}: {} runs are unfinished", several.len()),
    }
    for id in old {
        let kept = bench.bed.engine.inspect_container(&(&id).into()).await.unwrap();
        assert!(kept.is_some(), "{what}: the container that ran before is lost");
    }
    true
}

async fn check(bench: &Bench, expected: &Expected, what: &str) {
    assert_eq!(bench.version().await, expected.version, "{what}");
    let beside = bench.beside().await;
    assert_eq!(beside.len(), expected.kept, "{what}: {beside:?}");
    assert!(beside.iter().all(|name| name.contains(".rbo-")), "{what}: {beside:?}");
}

/// Kills at every record, or at every so manieth, and says how often that was.
async fn at_every_record(
    bench: &Bench,
    tags: &[&str],
    whens: &[&str],
    step: usize,
    expected: Expected,
) -> usize {
    let mut kills = 0;
    for when in whens {
        for at in (1..TOO_MANY).step_by(step) {
            anew(bench, tags).await;
            if !kill_and_resume(bench, at, when, &expected).await {
                break;
            }
            kills += 1;
        }
    }
    kills
}

#[tokio::test]
async fn on_the_way_forward() {
    let Some(bench) = bench().await else { return };
    let expected =
        Expected { strategy: "create-first", deadline: "60s", code: 0, version: "v1", kept: 1 };
    let kills = at_every_record(&bench, &["v1", "v2"], &["before", "after"], 1, expected).await;
    crate::say(&format!("killed {kills} times on the way forward, each time resumed"));
    assert!(kills >= 30, "{kills}");
}

#[tokio::test]
async fn on_the_way_back() {
    let Some(bench) = bench().await else { return };
    let expected =
        Expected { strategy: "create-first", deadline: "60s", code: 11, version: "v2", kept: 0 };
    let tags = ["v1:TESTBED_EXIT_CODE=3", "v2"];
    let kills = at_every_record(&bench, &tags, &["after"], 1, expected).await;
    crate::say(&format!("killed {kills} times on the way back, each time resumed"));
    assert!(kills >= 15, "{kills}");
}

#[tokio::test]
async fn while_places_are_changed() {
    let Some(bench) = bench().await else { return };
    let expected =
        Expected { strategy: "warm-swap", deadline: "60s", code: 0, version: "v1", kept: 1 };
    let kills = at_every_record(&bench, &["v1", "v2"], &["after"], 1, expected).await;
    crate::say(&format!("killed {kills} times while places were changed, each time resumed"));
    assert!(kills >= 30, "{kills}");
}

/// A version that accepts, so that it is let in, and fails its verdict: its health URL says 503.
#[tokio::test]
async fn while_places_are_changed_back() {
    let Some(bench) = bench().await else { return };
    let expected =
        Expected { strategy: "warm-swap", deadline: "4s", code: 11, version: "v2", kept: 0 };
    let tags = ["v1:TESTBED_UNHEALTHY_AFTER=0s", "v2"];
    let kills = at_every_record(&bench, &tags, &["after"], 2, expected).await;
    crate::say(&format!("killed {kills} times while places were changed back, each time resumed"));
    assert!(kills >= 15, "{kills}");
}
