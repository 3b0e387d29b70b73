//! `kill -9` of the engine itself, right before a write of a run reaches it: the run stops where it can
//! be resumed, the engine is started again, and the resumed run loses nothing.
//!
//! Only an engine that `scripts/engine.sh` started is killed, and nobody else may use it meanwhile: run
//! it with `make engine-kills`.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use stillme_rollback_core::engine::Wish;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{EndState, Outcome, Strategy};
use stillme_rollback_docker::{ContainerName, CreateFirst, Engine as _, WarmSwap};
use tokio::process::Command;
use tokio::time::timeout;

use crate::overtaking::Overtaking;
use crate::real::testbed;
use crate::stage::{Judge, Stage, key};

/// Starting an engine takes some seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// A rollback, and which verdict it comes to.
struct Case {
    strategy: fn() -> Box<dyn Strategy>,
    verdict: Outcome,
    /// The first of its writes before which the engine is killed.
    from: usize,
}

#[tokio::test]
#[ignore = "kills the engine of the tests, which nobody else may use: `make engine-kills`"]
async fn an_engine_that_is_killed_loses_nothing() {
    let mut ends = Vec::new();
    for case in [
        Case { strategy: || Box::new(CreateFirst::new(key())), verdict: Outcome::Pass, from: 0 },
        // Up to the verdict it is the same: the way back.
        Case { strategy: || Box::new(CreateFirst::new(key())), verdict: Outcome::Fail, from: 6 },
        Case { strategy: || Box::new(WarmSwap::new(key())), verdict: Outcome::Pass, from: 0 },
    ] {
        for at in case.from.. {
            let Some(end) = kill_before(&case, at).await else { break };
            ends.push(end);
        }
    }
    let rolled_back = ends.iter().filter(|end| **end == EndState::RolledBack).count();
    say(&format!(
        "killed the engine {} times: {rolled_back} runs were resumed to the target, the others to what was before; nothing was lost",
        ends.len()
    ));
    assert!(ends.len() >= 10);
}

/// One run, whose engine is killed before write number `at`. `None` if there was no such write.
async fn kill_before(case: &Case, at: usize) -> Option<EndState> {
    let bed = testbed().await?;
    // An engine of 20.10 that comes back takes what ran for stopped by hand: `unless-stopped` is in vain.
    let mut stage = Stage::new(bed, json!({
        "Healthcheck": {"Test": ["CMD", "/service", "healthcheck"], "Interval": 60_000_000_000_u64},
        "HostConfig": {"RestartPolicy": {"Name": "always"}},
    }))
    .await;
    stage.bed.image("v1", &[]).await;
    stage.strategy = (case.strategy)();
    stage.judge = Judge::AtOnce(case.verdict);
    let plan = stage.plan("v1").await;
    let what =
        format!("{} to a verdict {:?}, killed before write {at}", plan.strategy, case.verdict);
    let (proxy, mut held) = Overtaking::before(stage.bed.engine.endpoint(), at)?;
    stage.go_through(&proxy.path()).await;
    let rollback = stage.impatient(&plan);
    let run = rollback.start(plan, None).await.unwrap();
    let mut running = tokio::spawn(timeout(LIMIT, run.wait()));
    let cut = tokio::select! {
        Some(cut) = held.recv() => cut,
        report = &mut running => {
            let report: Report = report.unwrap().unwrap().unwrap();
            assert!(proxy.writes() <= at && report.state.is_some(), "{what}: {report}");
            return None;
        }
    };
    let how_it_comes_back = engine(&["crash"]).await;
    drop(cut);
    let report: Report = running.await.unwrap().unwrap().unwrap();
    assert_eq!(report.state, Some(EndState::Paused), "{what}: {report}");
    engine(&how_it_comes_back.split_whitespace().collect::<Vec<_>>()).await;

    let resumed = rollback.resume(report.run, Wish::default()).await.unwrap();
    let report = timeout(LIMIT, resumed.wait()).await.unwrap().unwrap();
    let end = report.state.unwrap();
    say(&format!("{what}: {end:?}"));
    check(&stage, &what, &report, end).await;
    Some(end)
}

/// Straight to the terminal: what a test prints is not shown when it passes.
fn say(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

async fn check(stage: &Stage, what: &str, report: &Report, end: EndState) {
    let what = format!("{what}: {report}");
    let (version, policy, scene) = match end {
        EndState::RolledBack => ("v1", "no", &["-web o exited", "-web running"][..]),
        EndState::Restored => ("v2", "always", &["-web running"][..]),
        _ => panic!("{what}"),
    };
    // It comes back by its restart policy, as what ran before would have without us.
    assert!(stage.is_answering_soon().await, "nobody answers; {:?}, {what}", stage.scene().await);
    assert_eq!(stage.version(), version, "{what}");
    assert_eq!(stage.scene().await, scene, "{what}");
    let old = stage.bed.inspect(&stage.old).await;
    assert_eq!(old["HostConfig"]["RestartPolicy"]["Name"], policy, "{what}");
    let network = ContainerName::warm_network(&report.run);
    assert_eq!(stage.bed.engine.inspect_network(&network).await.unwrap(), None, "{what}");
}

/// Calls `scripts/engine.sh`, and gives what it says.
async fn engine(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/engine.sh");
    let mut command = Command::new(script);
    // It is the one that answers there, if this is set at all.
    command.args(arguments).env_remove("DOCKER_HOST");
    let output = timeout(LIMIT, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
