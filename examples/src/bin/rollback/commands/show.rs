//! `rollback show`: what a run did, from its journal's file.

use stillme_rollback_core::journal::verify;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{Error, ErrorKind, Result};

use crate::cli::{Output, Show};
use crate::exit::Outcome;
use crate::io::{Io, Surroundings};
use crate::state_dir::StateDir;
use crate::{output, recorded};

/// Checks a run's journal, and says its report and its records.
pub(crate) async fn run(arguments: &Show, io: &mut Io, around: &Surroundings) -> Outcome {
    let journal = StateDir::choose(&arguments.place, around)?.journal();
    let run = recorded::find(&journal, &arguments.run).await?;
    let path = journal.path(run).await?;
    let checked = blocking({
        let path = path.clone();
        move || verify(&path)
    })
    .await?;
    let report = Report::from_records(run, &checked.records)?;
    output::report(io, arguments.format.output, &report);
    match arguments.format.output {
        Output::Json => io.say(output::typed("journal", &checked)),
        Output::Text => {
            io.say(format_args!("\njournal     {}", output::safe(&path.display().to_string())));
            io.say(checked.to_string().trim_end());
        }
    }
    Ok(0)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Unexpected, "read journal", "the work was cut short")
            .with_source(error))
    })
}
