//! `kill -9` of the engine itself in the middle of a rollback: it is started again, the run goes on or
//! is gone on with, one container serves, and nothing is lost.
//!
//! Only an engine that `scripts/engine.sh` started is killed, and nobody else may use it meanwhile: run
//! it with `make engine-kills`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use stillme_rollback_docker::{ContainerId, ContainerName, Engine as _};
use tokio::process::Command;
use tokio::time::timeout;

use crate::tool::{Bench, bench};

/// Starting it takes some seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// The tool's exit code for a run that can be resumed.
const PAUSED: i32 = 15;

/// A rollback and how it may end: by exit code, what then serves, and how many containers are beside it.
struct Rollback {
    tags: [&'static str; 2],
    strategy: &'static str,
    deadline: &'static str,
    ends: &'static [(i32, &'static str, usize)],
}

/// To a version that works. An engine that dies takes the containers with it, and to a verifier a
/// service that was restarted did not work: to have undone it all is right, too.
const FORWARD: &[(i32, &str, usize)] = &[(0, "v1", 1), (11, "v2", 0)];
/// To one that does not.
const BACK: &[(i32, &str, usize)] = &[(11, "v2", 0)];

#[tokio::test]
#[ignore = "kills the engine of the tests, which nobody else may use: `make engine-kills`"]
async fn an_engine_that_is_killed_loses_nothing() {
    let Some(bench) = bench().await else { return };
    let v = ["v1", "v2"];
    let create_first =
        Rollback { tags: v, strategy: "create-first", deadline: "60s", ends: FORWARD };
    let warm_swap = Rollback { tags: v, strategy: "warm-swap", deadline: "60s", ends: FORWARD };
    let tags = ["v1:TESTBED_UNHEALTHY_AFTER=0s", "v2"];
    let back = Rollback { tags, strategy: "create-first", deadline: "4s", ends: BACK };
    let mut told = Vec::new();
    for (rollback, steps) in [
        (&create_first, &[1, 2, 3, 4, 5, 6, 7][..]),
        (&warm_swap, &[3, 5, 7, 9, 11]),
        (&back, &[4, 5]),
    ] {
        for step in steps {
            told.push(kill_and_go_on(&bench, rollback, *step).await);
        }
    }
    let resumed = told.iter().filter(|end| end.is_resumed).count();
    let undone = told.iter().filter(|end| end.code == 11).count();
    let slowest = told.iter().map(|end| end.restart).max().unwrap_or_default();
    crate::say(&format!(
        "killed the engine {} times (back within {:.1} s): {resumed} runs were resumed, the others went on by themselves; {undone} were undone; nothing was lost",
        told.len(),
        slowest.as_secs_f64(),
    ));
    assert!(told.len() >= 10);
}

/// How one of them ended.
struct End {
    code: i32,
    is_resumed: bool,
    restart: Duration,
}

/// Kills the engine when the run begins its step with this number, from 1.
async fn kill_and_go_on(bench: &Bench, rollback: &Rollback, step: usize) -> End {
    let what = format!("{}, killed in step {step}", rollback.strategy);
    for container in bench.bed.containers().await {
        bench.bed.engine.remove_container(&container.id, true).await.unwrap();
    }
    let old = bench.serving(&rollback.tags).await;
    let (strategy, deadline) = (rollback.strategy, rollback.deadline);
    let arguments = bench.docker_arguments(&[
        "--to",
        "v1",
        "--yes",
        "--output",
        "json",
        "--strategy",
        strategy,
        "--deadline",
        deadline,
    ]);
    let mut running = bench.start(arguments);
    for _ in 0..step {
        running.until("\"step-started\"").await;
    }
    let restart = crash().await;
    let ran = running.wait().await;
    let mut code = ran.code();
    let run = ran.json().iter().find_map(|line| line["run"].as_str().map(str::to_owned)).unwrap();
    let is_resumed = !rollback.ends.iter().any(|(end, ..)| Some(*end) == code);
    for _ in 0..3 {
        if rollback.ends.iter().any(|(end, ..)| Some(*end) == code) {
            break;
        }
        assert_eq!(code, Some(PAUSED), "{what}: {}\n{}", ran.out, ran.err);
        code = bench.rollback(["resume", &run, "--settle", "1s"]).await.code();
    }
    let found = rollback.ends.iter().find(|(end, ..)| Some(*end) == code);
    let (code, version, beside) = *found.unwrap_or_else(|| panic!("{what}: exit code {code:?}"));
    check(bench, &what, &old, version, beside).await;
    let network = ContainerName::warm_network(&run.parse().unwrap());
    assert_eq!(bench.bed.engine.inspect_network(&network).await.unwrap(), None, "{what}");
    End { code, is_resumed, restart }
}

async fn check(bench: &Bench, what: &str, old: &ContainerId, version: &str, beside: usize) {
    assert_eq!(bench.version().await, version, "{what}");
    let kept = bench.beside().await;
    assert_eq!(kept.len(), beside, "{what}: {kept:?}");
    let old = bench.bed.engine.inspect_container(&old.into()).await.unwrap();
    let old = old.unwrap_or_else(|| panic!("{what}: the container that ran before is lost"));
    let old: &Value = old.expose();
    let policy = if beside == 0 { "unless-stopped" } else { "no" };
    assert_eq!(old["HostConfig"]["RestartPolicy"]["Name"], policy, "{what}");
}

/// Kills the engine and starts it again; how long that took.
async fn crash() -> Duration {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/engine.sh");
    let began = Instant::now();
    let output = timeout(LIMIT, Command::new(script).arg("crash").output()).await;
    let output = output.expect("the engine is back in time").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    began.elapsed()
}
