//! How long users wait while a container is replaced: `make outage`.
//!
//! Every way is taken on a real engine, under the same open-loop prober, in rounds that take each way
//! once: a machine that gets busy is so for all of them. Nothing here fails because of a time.
//!
//! ```text
//! outage [--rounds N] [--svg FILE]
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod compose;
mod goals;
mod kamal;
mod plot;
mod prober;
mod stage;
mod tally;
mod ways;

use std::path::PathBuf;
use std::process::ExitCode;

use stillme_rollback_benches::Result;

use self::goals::Goals;
use self::stage::{Case, Stage};
use self::tally::{Figures, Tally};
use self::ways::{Tools, Way};

/// Rounds unless `--rounds` says otherwise.
const ROUNDS: usize = 10;

/// Rounds of what no goal compares.
const ROUNDS_WITHOUT_GOAL: usize = 3;

struct Options {
    rounds: usize,
    svg: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self { rounds: ROUNDS, svg: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse()?,
                "--svg" => options.svg = Some(value()?.into()),
                other => {
                    return Err(format!("`{other}` is no option: --rounds N, --svg FILE").into());
                }
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outage: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let options = Options::read()?;
    let stage = Stage::set_up().await?;
    let taken = rounds(&stage, options.rounds).await;
    // Also after a failure: nothing of it shall stay on the engine.
    stage.clean_up().await;
    let figures = Figures::of(taken?);
    let goals = Goals { figures: &figures, announces: stage.announces() };
    println!("{}: {} rounds\n\n{figures}\n{goals}", stage.engine_name(), options.rounds);
    if let Some(file) = options.svg {
        std::fs::write(&file, plot::svg(stage.engine_name(), &figures))?;
        eprintln!("plotted into {}", file.display());
    }
    Ok(())
}

async fn rounds(stage: &Stage, rounds: usize) -> Result<Vec<(Case, Way, Tally)>> {
    let tools = Tools::find(stage).await?;
    let mut taken = Vec::new();
    for round in 1..=rounds {
        for case in Case::ALL {
            for way in Way::ALL {
                let has_a_goal = way.has_a_goal() && case.has_a_goal();
                let is_enough = round > ROUNDS_WITHOUT_GOAL && !has_a_goal;
                if is_enough || !way.goes(case, stage) {
                    continue;
                }
                eprintln!("round {round} of {rounds}: {case}, {way}");
                taken.push((case, way, ways::take(stage, &tools, case, way).await?));
            }
        }
    }
    Ok(taken)
}
