//! `kill -9` of the tool at every record of its journal, while the compose command goes on by itself; and
//! of both of them after everything that an `up` does on the engine.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::compose::{Shop, first_generation_for};
use crate::compose_commands::current;
use crate::tool::{Bench, Running, bench};

/// More records than a run of these plans has.
const TOO_MANY: usize = 60;

/// Kills it before and after each record on its way, resumes it, and looks at what is left: one
/// container of the right version under its own name, and the other service as it was.
async fn at_every_record(tags: &[&str], to: &str, code: i32, version: &str) -> Option<usize> {
    let shop = Shop::serving(tags).await?;
    let db = shop.containers("db").await;
    let mut kills = 0;
    for when in ["before", "after"] {
        for at in 1..TOO_MANY {
            let (kill, number) = (format!("{when} {at}"), at.to_string());
            let arguments = shop.arguments(&["--to", to, "--yes", "--deadline", "20s"]);
            let ran = shop
                .bench
                .start_with(
                    arguments,
                    &[("STILLME_TEST_KILL_AT", &number), ("STILLME_TEST_KILL_WHEN", when)],
                )
                .wait()
                .await;
            if ran.code().is_some() {
                ran.ended_with(code);
                shop.up().await;
                break;
            }
            kills += 1;
            let url = shop.bench.health_url();
            let ran = shop.bench.rollback(["resume", "--settle", "1s", "--health-url", &url]).await;
            // Before the first record was durable nothing was done; after the last one all is.
            let version = if ran.out.contains("no run is unfinished") {
                if (when, at) == ("before", 1) { "v2" } else { version }
            } else {
                ran.ended_with(code);
                version
            };
            let found = shop.containers("web").await;
            assert_eq!(found, [format!("_web_1 {version} running")], "{kill}");
            assert_eq!(shop.containers("db").await, db, "{kill}");
            shop.up().await;
            assert_eq!(shop.containers("web").await, ["_web_1 v2 running"], "{kill}");
        }
    }
    Some(kills)
}

#[tokio::test]
async fn on_the_way_forward() {
    let Some(kills) = at_every_record(&["v1", "v2"], "v1", 0, "v1").await else { return };
    crate::say(&format!("killed {kills} times with compose on the way forward, each time resumed"));
    assert!(kills >= 8, "{kills}");
}

#[tokio::test]
async fn on_the_way_back() {
    let tags = ["bad:TESTBED_EXIT_CODE=3", "v2"];
    let Some(kills) = at_every_record(&tags, "bad", 11, "v2").await else { return };
    crate::say(&format!("killed {kills} times with compose on the way back, each time resumed"));
    assert!(kills >= 8, "{kills}");
}

/// What happens to a project's containers, as the engine tells it.
struct Events {
    _watching: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Events {
    /// From now on.
    #[expect(clippy::disallowed_methods, reason = "the engine goes by the wall clock")]
    fn of(project: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let since = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
        let filter = format!("label=com.docker.compose.project={project}");
        let mut watching = Command::new("docker")
            .args(["events", "--since", &since, "--filter", "type=container", "--filter", &filter])
            .args(["--format", "{{.Action}}"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
        Self { _watching: watching, lines }
    }

    /// Waits for this many; `None` if the tool ends before.
    async fn nth(&mut self, count: usize, running: &mut Running) -> Option<String> {
        let mut last = None;
        for _ in 0..count {
            tokio::select! {
                line = self.lines.next_line() => last = Some(line.unwrap()?),
                () = running.ended() => return None,
            }
        }
        last
    }
}

/// Kills the tool and its compose command after each event of the `up`, and resumes.
async fn in_the_middle_of_an_up(bench: Bench, program: Option<PathBuf>) {
    let Some(program) = program else {
        crate::say("LEFT OUT: a compose command is not here, or can't recreate containers here");
        return;
    };
    let shop = Shop::serving_by(bench, &program, &["v1", "v2"]).await;
    let db = shop.containers("db").await;
    let mut kills = Vec::new();
    for at in 1..TOO_MANY {
        let mut events = Events::of(shop.name());
        let mut running = shop.bench.start(shop.arguments(&["--to", "v1", "--yes"]));
        let Some(event) = events.nth(at, &mut running).await else {
            running.wait().await.ended_with(0);
            break;
        };
        running.kill_with_children();
        running.wait().await.was_killed();
        let kill = format!("killed after {event} ({at})");
        kills.push(event);
        let url = shop.bench.health_url();
        let ran = shop.bench.rollback(["resume", "--settle", "1s", "--health-url", &url]).await;
        assert_eq!(shop.containers("web").await, ["_web_1 v1 running"], "{kill}: {ran:?}");
        ran.ended_with(0);
        assert_eq!(shop.containers("db").await, db, "{kill}");
        shop.up().await;
        assert_eq!(shop.containers("web").await, ["_web_1 v2 running"], "{kill}");
    }
    crate::say(&format!("killed with compose after each of: {}", kills.join(", ")));
    assert!(kills.len() >= 5, "{kills:?}");
}

#[tokio::test]
async fn in_the_middle_of_an_up_of_the_first_generation() {
    let Some(bench) = bench().await else { return };
    let program = first_generation_for(&bench).await;
    in_the_middle_of_an_up(bench, program).await;
}

#[tokio::test]
async fn in_the_middle_of_an_up_of_a_current_compose() {
    let Some(bench) = bench().await else { return };
    in_the_middle_of_an_up(bench, current()).await;
}
