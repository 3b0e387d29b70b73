//! `rollback abort`: a run is given up.

use std::time::Duration;

use stillme_rollback_core::engine::Wish;
use stillme_rollback_core::journal::{FileJournal, Journal as _};
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{Clock as _, Error, ErrorKind, Result, RunId, SystemClock};

use super::resume::take_up;
use crate::cli::Abort;
use crate::exit::{Failure, Outcome};
use crate::follow::follow;
use crate::io::{Io, Surroundings};
use crate::runner::Judge;
use crate::signals::Signals;
use crate::state_dir::StateDir;
use crate::{output, recorded};

/// How often a run that was asked to give up is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Gives a run up.
pub(crate) async fn run(arguments: &Abort, io: &mut Io, around: &Surroundings) -> Outcome {
    let state = StateDir::choose(&arguments.place, around)?;
    let journal = state.journal();
    let run = recorded::find(&journal, &arguments.run).await?;
    let format = arguments.format.output;
    let who = format!("{} (rollback abort)", around.user);
    let mut wish = Wish::default();
    wish.undo = Some(format!("given up by {who}"));
    let mut signals = Signals::take_over()?;
    let (access, patience) = (&arguments.access, arguments.patience);
    match take_up(&state, run, wish, Judge::Nobody, access, patience, around).await {
        Ok((handle, told)) => follow(handle, told, io, format, &mut signals).await,
        Err(error) if error.kind() == ErrorKind::Held && works(&journal, run).await => {
            journal.request_abort(run, &who).await?;
            io.note(format_args!("run {run} works; asked it to give up at its next step boundary"));
            let report = obeyed(&journal, run, arguments.wait, &mut signals).await?;
            output::report(io, format, &report);
            Ok(report.exit_code)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a process works on the run, and not only on its target.
async fn works(journal: &FileJournal, run: RunId) -> bool {
    match journal.open(run).await {
        Err(error) => error.kind() == ErrorKind::Held,
        Ok(_) => {
            // A leftover of the look; whoever opens it next does the same.
            let _ = journal.close(run).await;
            false
        }
    }
}

/// Waits until a run has ended or paused.
async fn obeyed(
    journal: &FileJournal,
    run: RunId,
    limit: Duration,
    signals: &mut Signals,
) -> Outcome<Report> {
    let clock = SystemClock::new();
    loop {
        let report = report(journal, run).await?;
        if report.state.is_some() {
            return Ok(report);
        }
        if !works(journal, run).await {
            return Err(Failure::during_run(
                still(run, "its process ended before it obeyed")
                    .with_hint(format!("`rollback abort {run}` once more takes it back")),
            ));
        }
        if clock.elapsed() >= limit {
            let seconds = limit.as_secs();
            let why = format!("it has not stopped after {seconds} s; the request stays");
            return Err(Failure::during_run(still(run, &why).with_hint(format!(
                "it stops at its next step boundary; `rollback show {run}` tells where it is"
            ))));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = signals.next() => {
                let why = "no longer waited for; the request stays";
                return Err(Failure::during_run(still(run, why).with_hint(format!(
                    "it stops at its next step boundary; `rollback show {run}` tells where it is"
                ))));
            }
        }
    }
}

async fn report(journal: &FileJournal, run: RunId) -> Result<Report> {
    Report::from_records(run, &journal.load(run).await?)
}

fn still(run: RunId, why: &str) -> Error {
    Error::new(ErrorKind::Timeout, "give up run", why).with_context("run", run.to_string())
}
