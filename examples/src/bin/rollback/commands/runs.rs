//! `rollback runs`: what was done here.

use std::time::{Duration, SystemTime};

use serde_json::json;
use stillme_rollback_core::report::Report;

use crate::cli::{Listing, Output};
use crate::exit::{ERROR, Outcome};
use crate::io::{Io, Surroundings};
use crate::output;
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// Lists the runs.
pub(crate) async fn run(arguments: &Listing, io: &mut Io, around: &Surroundings) -> Outcome {
    let journal = StateDir::choose(&arguments.place, around)?.journal();
    let recorded = Recorded::read(&journal).await?;
    match arguments.format.output {
        Output::Json => recorded.reports.iter().for_each(|report| io.say(line(report))),
        Output::Text if recorded.reports.is_empty() && recorded.unreadable.is_empty() => {
            io.say(format_args!("no runs in {}", journal.dir().display()));
        }
        Output::Text => io.say(list(recorded.reports.iter())),
    }
    for (run, error) in &recorded.unreadable {
        io.note(format_args!(
            "rollback: run {run} can't be read: {}",
            output::safe(&error.to_string())
        ));
    }
    Ok(if recorded.unreadable.is_empty() { 0 } else { ERROR })
}

/// A table of runs.
pub(crate) fn list<'a>(reports: impl Iterator<Item = &'a Report>) -> String {
    let head = ["RUN", "STATE", "TARGET", "FROM", "TO", "BEGAN", "TOOK"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(reports.map(row));
    output::table(&rows)
}

fn row(report: &Report) -> Vec<String> {
    vec![
        report.run.to_string(),
        report.state.map_or_else(|| "unfinished".to_owned(), |state| state.to_string()),
        report.target.to_string(),
        report.from.to_string(),
        report.to.to_string(),
        moment(report.began_ms),
        span(report.elapsed_ms),
    ]
}

fn line(report: &Report) -> serde_json::Value {
    json!({
        "type": "run", "run": report.run, "state": report.state, "exit_code": report.exit_code,
        "target": report.target, "from": report.from, "to": report.to,
        "began_ms": report.began_ms, "elapsed_ms": report.elapsed_ms, "reason": report.reason,
    })
}

/// `2026-11-24 05:57:50 UTC`.
fn moment(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(unix_ms / 1000);
    humantime::format_rfc3339_seconds(at).to_string().replace('T', " ").replace('Z', " UTC")
}

/// `2m 5s`, in whole seconds from a second on.
fn span(ms: u64) -> String {
    let time = match ms {
        0..1000 => Duration::from_millis(ms),
        _ => Duration::from_secs(ms / 1000),
    };
    humantime::format_duration(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_people() {
        assert_eq!(moment(1_795_499_870_123), "2026-11-24 05:57:50 UTC");
        for (ms, text) in [(0, "0s"), (850, "850ms"), (3_299, "3s"), (125_000, "2m 5s")] {
            assert_eq!(span(ms), text);
        }
    }
}
