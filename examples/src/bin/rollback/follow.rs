//! Watches a run to its end, and stops it when somebody asks.

use std::future::pending;
use std::pin::pin;

use stillme_rollback_core::engine::RunHandle;
use stillme_rollback_core::event::Cursor;
use stillme_rollback_core::{Error, ErrorKind, RunId};

use crate::cli::Output;
use crate::exit::{Failure, Outcome};
use crate::io::Io;
use crate::output;
use crate::platform::Told;
use crate::progress::Progress;
use crate::signals::{Heard, Signals};

/// Shows a run until it ends or pauses, says its report, and gives its exit code.
pub(crate) async fn follow(
    handle: RunHandle,
    mut told: Option<Told>,
    io: &mut Io,
    format: Output,
    signals: &mut Signals,
) -> Outcome {
    let run = handle.id();
    let (events, canceller) = (handle.events(), handle.canceller());
    let mut progress = Progress::new(io, format);
    let mut cursor = Cursor::default();
    let mut is_open = true;
    let mut ended = pin!(handle.wait());
    let report = loop {
        tokio::select! {
            report = &mut ended => break report,
            news = events.news(cursor), if is_open => {
                progress.show(io, &news);
                (cursor, is_open) = (news.cursor, !news.closed);
            }
            text = next(&mut told) => progress.waits_for(io, &text),
            heard = signals.next() => match heard {
                Heard::HungUp => {}
                Heard::Stop if canceller.is_cancelled() => {
                    progress.end();
                    return Err(left(run));
                }
                Heard::Stop => {
                    canceller.cancel();
                    progress.tell(io, &stopping(run));
                }
            },
        }
    };
    progress.show(io, &events.since(cursor));
    progress.end();
    let report = report.map_err(Failure::during_run)?;
    output::report(io, format, &report);
    Ok(report.exit_code)
}

/// What the verdict waits for now; never, if nobody says.
async fn next(told: &mut Option<Told>) -> String {
    let Some(receiver) = told else { return pending().await };
    if receiver.changed().await.is_err() {
        return pending().await;
    }
    receiver.borrow_and_update().clone()
}

fn stopping(run: RunId) -> String {
    format!(
        "stopping: the run pauses at the next step boundary where the target serves; it finishes a switch or a way back that it has begun.\n\
         afterwards `rollback resume {run}` goes on, `rollback abort {run}` takes it back; Ctrl-C once more leaves at once"
    )
}

fn left(run: RunId) -> Failure {
    let error = Error::new(
        ErrorKind::Interrupted,
        "watch run",
        format!("left run {run} where it is, which is safe at any moment"),
    )
    .with_hint(format!(
        "the target may be in the middle of its switch: `rollback resume {run}` goes on at once, `rollback abort {run}` takes it back"
    ));
    Failure::during_run(error)
}
