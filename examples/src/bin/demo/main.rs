//! The main job as a story: a version that works, one that does not, and the way back, seen by a
//! probe that never stops asking. Then a way back that can't work, and how it is undone.
//!
//! `make demo` runs it. It removes what it made, also after a failure or Ctrl-C.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the demo's purpose is to print")]

mod docker;
mod local;
mod page;
mod port;
mod prober;
mod run;
mod stage;
mod story;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use self::stage::{Failure, Stage};

/// It takes about 20 s. What takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);
const CLEANING_LIMIT: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: demo --platform docker|local
with STILLME_TESTBED_SERVICE=<path of the static test service>; `make demo` sets up both";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let platform = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--platform", platform @ ("docker" | "local")] => platform,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match play(platform) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\ndemo: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn play(platform: &str) -> Result<(), Failure> {
    let binary = std::env::var_os("STILLME_TESTBED_SERVICE").ok_or(USAGE)?;
    let runtime = Runtime::new()?;
    let stage: Arc<dyn Stage> = match platform {
        "docker" => Arc::new(runtime.block_on(docker::DockerStage::open(binary.into()))?),
        _ => Arc::new(local::LocalStage::open(binary.into())?),
    };
    let told = runtime.block_on(watched(Arc::clone(&stage)));
    // Ends a run that would go on by itself, before what it works on is removed.
    runtime.shutdown_timeout(Duration::from_secs(5));
    let cleaned = clean_up(stage.as_ref());
    told.and(cleaned)
}

/// The story in a task of its own, so that its panic is a failure like others.
async fn watched(stage: Arc<dyn Stage>) -> Result<(), Failure> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut story = tokio::spawn(async move { story::tell(stage.as_ref()).await });
    let told = tokio::select! {
        told = timeout(LIMIT, &mut story) => told,
        _ = tokio::signal::ctrl_c() => return Err("interrupted; cleaning up".into()),
        _ = terminated.recv() => return Err("terminated; cleaning up".into()),
    };
    match told {
        Ok(Ok(told)) => told,
        Ok(Err(panic)) => Err(panic.into()),
        Err(_) => Err(format!("not done within {} s", LIMIT.as_secs()).into()),
    }
}

fn clean_up(stage: &dyn Stage) -> Result<(), Failure> {
    let cleaning = async { timeout(CLEANING_LIMIT, stage.clean_up()).await };
    match Runtime::new()?.block_on(cleaning) {
        Ok(cleaned) => cleaned,
        Err(_) => Err("cleaning up takes too long; see what is left above".into()),
    }
}
