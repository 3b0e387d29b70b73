//! `rollback resume`: on with a run that was interrupted or paused.

use stillme_rollback_core::engine::{RunHandle, Wish};
use stillme_rollback_core::journal::{FileJournal, Journal as _, Progress};
use stillme_rollback_core::{Error, ErrorKind, Result, RunId};

use super::{recover, runs};
use crate::cli::{Access, Happened, Output, Patience, Resume};
use crate::exit::{Failure, Outcome};
use crate::follow::follow;
use crate::io::{Io, Surroundings};
use crate::platform::Told;
use crate::recorded::{self, Recorded};
use crate::runner::{self, Judge};
use crate::signals::Signals;
use crate::state_dir::StateDir;
use crate::{health, platform};

/// Goes on with a run.
pub(crate) async fn run(arguments: &Resume, io: &mut Io, around: &Surroundings) -> Outcome {
    if let Some(name) = &arguments.from_engine {
        return recover::run(name, arguments, io, around).await;
    }
    let wish = wish(arguments, &around.user)?;
    let url = health::url(arguments.health_url.as_deref())?;
    let state = StateDir::choose(&arguments.place, around)?;
    let format = arguments.format.output;
    let journal = state.journal();
    let run = match &arguments.run {
        Some(text) => recorded::find(&journal, text).await?,
        None => match only_unfinished(&Recorded::read(&journal).await?, io, format)? {
            Some(run) => run,
            None => return Ok(0),
        },
    };
    let mut signals = Signals::take_over()?;
    let (handle, told) =
        take_up(&state, run, wish, Judge::Plan(url), &arguments.access, arguments.patience, around)
            .await?;
    follow(handle, told, io, format, &mut signals).await
}

/// What the operator says with it.
fn wish(arguments: &Resume, user: &str) -> Outcome<Wish> {
    let mut wish = Wish::default();
    wish.happened = arguments.happened.map(|happened| happened == Happened::Yes);
    wish.accept = match arguments.accept.as_deref() {
        None => None,
        Some("") => Some(format!("{user} accepted it")),
        Some(reason) if reason.parse::<RunId>().is_ok() => {
            return Err(Failure::usage(
                Error::new(
                    ErrorKind::InvalidInput,
                    "read --accept",
                    "a run's id stands where the reason should",
                )
                .with_hint("nothing was touched; write `rollback resume RUN --accept REASON`"),
            ));
        }
        Some(reason) => Some(format!("{user}: {reason}")),
    };
    Ok(wish)
}

/// The one run that is not finished, if there is one.
fn only_unfinished(recorded: &Recorded, io: &mut Io, format: Output) -> Result<Option<RunId>> {
    let unfinished: Vec<_> = recorded.unfinished().collect();
    match unfinished.as_slice() {
        [one] => Ok(Some(one.run)),
        [] => {
            if format == Output::Text {
                io.say("no run is unfinished; nothing was touched");
                io.note("if a journal is lost: `rollback resume --from-engine NAME`");
            }
            Ok(None)
        }
        several => {
            io.note(runs::list(several.iter().copied()));
            Err(Error::new(
                ErrorKind::Conflict,
                "choose run",
                format!("{} runs are unfinished", several.len()),
            )
            .with_hint("nothing was touched; say which: `rollback resume RUN`"))
        }
    }
}

/// Puts together again what a run is made of, from its plan, and goes on with it.
pub(crate) async fn take_up(
    state: &StateDir,
    run: RunId,
    wish: Wish,
    judge: Judge,
    access: &Access,
    patience: Patience,
    around: &Surroundings,
) -> Result<(RunHandle, Option<Told>)> {
    let journal: FileJournal = state.journal();
    let records = journal.load(run).await?;
    let (plan, _) = Progress::replay(records.iter().map(|record| &record.entry))?;
    let platform = platform::of(&plan.target, access, state).await?;
    let engine = runner::engine(&plan, platform.as_ref(), judge, state, patience, around)?;
    Ok((engine.resume(run, wish).await?, platform.told()))
}
