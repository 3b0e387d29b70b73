//! The main job as a story: a version that works, one that does not, and the way back, seen by a
//! probe that never stops asking. Then a way back that can't work, and how it is undone.
//!
//! `make demo` runs it. It removes what it made, also after a failure or Ctrl-C.

#![expect(clippy::print_stdout, reason = "the demo's purpose is to print")]

mod docker;
mod local;
mod page;
mod port;
mod prober;
mod run;
mod signals;
mod stage;
mod story;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use self::page::note;
use self::signals::{Ended, Signals};
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
            note(USAGE);
            return ExitCode::from(2);
        }
    };
    match play(platform) {
        Ok(Told::All) => ExitCode::SUCCESS,
        Ok(Told::Until(signal)) => ExitCode::from(signal.exit_code()),
        Err(failure) => {
            note(format_args!("\ndemo: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// How much of the story was told.
enum Told {
    All,
    /// A signal ended it.
    Until(Ended),
}

fn play(platform: &str) -> Result<Told, Failure> {
    let binary = std::env::var_os("STILLME_TESTBED_SERVICE").ok_or(USAGE)?;
    let runtime = Runtime::new()?;
    let stage: Arc<dyn Stage> = match platform {
        "docker" => Arc::new(runtime.block_on(docker::DockerStage::open(binary.into()))?),
        _ => Arc::new(local::LocalStage::open(binary.into())?),
    };
    let told = runtime.block_on(watched(Arc::clone(&stage)));
    if let Ok(Told::Until(signal)) = &told {
        note(format_args!("\ndemo: {signal}: removes what it made"));
    }
    // Ends a run that would go on by itself, before what it works on is removed.
    runtime.shutdown_timeout(Duration::from_secs(5));
    match clean_up(stage.as_ref()) {
        Ok(()) => note("Everything that this demo made is removed."),
        Err(failure) => {
            let error = format!("something is left: {failure}; {}", stage.leftovers());
            // Both are worth knowing, and only one can be the result.
            if let Err(first) = &told {
                note(format_args!("\ndemo: {first}"));
            }
            return Err(error.into());
        }
    }
    told
}

/// The story in a task of its own, so that its panic is a failure like others.
async fn watched(stage: Arc<dyn Stage>) -> Result<Told, Failure> {
    let mut signals = Signals::take_over()?;
    let mut story = tokio::spawn(async move { story::tell(stage.as_ref()).await });
    let told = tokio::select! {
        told = timeout(LIMIT, &mut story) => told,
        signal = signals.first() => return Ok(Told::Until(signal)),
    };
    match told {
        Ok(Ok(told)) => told.map(|()| Told::All),
        Ok(Err(panic)) => Err(panic.into()),
        Err(_) => Err(format!("not done within {} s", LIMIT.as_secs()).into()),
    }
}

fn clean_up(stage: &dyn Stage) -> Result<(), Failure> {
    let cleaning = async { timeout(CLEANING_LIMIT, stage.clean_up()).await };
    match Runtime::new()?.block_on(cleaning) {
        Ok(cleaned) => cleaned,
        Err(_) => Err(format!("not done within {} s", CLEANING_LIMIT.as_secs()).into()),
    }
}
