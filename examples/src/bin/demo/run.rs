//! One run of the engine, told while it goes on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::event::{Cursor, Event, EventBuffer, EventKind};
use stillme_rollback_core::journal::FileJournal;
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{EndState, Plan, Printable};

use crate::page::{quote, say, span};
use crate::prober::Prober;
use crate::stage::{Failure, Stage, Version};

/// Goes to a version: shows the plan, runs it with a journal in `folder`, and tells what happened
/// and what the prober saw. Fails if it does not end as expected, or if `serves` does not serve then.
pub(crate) async fn go_to(
    to: &Version,
    stage: &dyn Stage,
    prober: &Prober,
    folder: &Path,
    expected: EndState,
    serves: &Version,
) -> Result<(), Failure> {
    let plan = stage.plan(to).await?;
    say("The plan, made by looking and without touching anything:\n");
    quote(&plan);

    say("\nIt is run. Each step is written to a journal before it is done:\n");
    let began = prober.now();
    let report = run(plan, stage, folder).await?;
    let ended = prober.now();
    say("\nThe report:\n");
    quote(&report);
    show_evidence(&report).await?;

    prober.until_served(serves.name, ended, 20).await?;
    let seen = prober.seen(began, prober.now()).await?;
    say(format!("\nMeasured by the probe: {seen}"));
    if report.state == Some(expected) {
        return Ok(());
    }
    Err(format!("{expected} was expected, not {:?}", report.state).into())
}

/// The log of a version that failed; the files themselves go with the demo.
async fn show_evidence(report: &Report) -> Result<(), Failure> {
    let log = report.evidence.iter().find(|file| file.name == "log.txt");
    if let Some(path) = log.and_then(|log| log.path.as_ref()) {
        say("\nWhat the failed version printed was kept before it was removed:\n");
        let log = tokio::fs::read(path).await?;
        for line in String::from_utf8_lossy(&log).lines() {
            quote(Printable(line));
        }
    }
    Ok(())
}

async fn run(plan: Plan, stage: &dyn Stage, folder: &Path) -> Result<Report, Failure> {
    let verifier = Arc::new(stage.verifier(&plan)?);
    let journal = Arc::new(FileJournal::new(folder.join("journal")));
    let lease = Arc::new(FileLease::new(folder.join("lock")));
    let engine = Engine::builder(stage.executor(), verifier, journal, lease).build();
    // What was shown is what is run, and nothing else.
    let approved = plan.fingerprint();
    let run = engine.start(plan, Some(&approved)).await?;
    follow(run.events()).await;
    Ok(run.wait().await?)
}

/// Tells the events of a run until there are no more.
async fn follow(events: EventBuffer) {
    let mut cursor = Cursor::default();
    loop {
        let news = events.news(cursor).await;
        for event in news.events.iter().filter(|event| is_worth_a_line(&event.kind)) {
            quote(line(event));
        }
        if news.closed {
            return;
        }
        cursor = news.cursor;
    }
}

/// Beginnings and waits are seen by the ends that follow them.
fn is_worth_a_line(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::StepStarted { .. } | EventKind::Waiting { .. } | EventKind::Verifying { .. }
    )
}

fn line(event: &Event) -> String {
    let since = span(Duration::from_millis(event.elapsed_ms));
    format!("{since:>8}  {}", event.kind)
}
