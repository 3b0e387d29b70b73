//! What the journals know: every run in the folder, and what they say of a target's releases.

use stillme_rollback_core::journal::{FileJournal, Journal as _};
use stillme_rollback_core::report::{Assurance, Report};
use stillme_rollback_core::{
    EndState, Error, ErrorKind, Evidence, Printable, Release, Result, RunId, Target,
};
use stillme_rollback_docker::compose;

/// The runs of a journal, newest first, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) reports: Vec<Report>,
    pub(crate) unreadable: Vec<(RunId, Error)>,
}

impl Recorded {
    /// Reads all of them.
    pub(crate) async fn read(journal: &FileJournal) -> Result<Self> {
        let mut recorded = Self::default();
        for run in journal.list().await?.into_iter().rev() {
            let records = journal.load(run).await;
            match records.and_then(|records| Report::from_records(run, &records)) {
                Ok(report) => recorded.reports.push(report),
                Err(error) => recorded.unreadable.push((run, error)),
            }
        }
        Ok(recorded)
    }

    /// The runs that can be resumed, or that work.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| !report.state.is_some_and(EndState::is_final))
    }

    /// What the runs of a target say of its releases, newest first. Only the latest word on a release
    /// counts: one that was left and gone back to later is a good one again.
    pub(crate) fn releases(&self, target: &Target) -> Vec<Release> {
        let mut releases: Vec<Release> = Vec::new();
        let mut add = |release: &Release, evidence: Evidence| {
            if !releases.iter().any(|known| known.version == release.version) {
                let mut release = release.clone();
                release.evidence = vec![evidence];
                releases.push(release);
            }
        };
        // Who was isolated or stopped went to no release.
        let went = |report: &&Report| report.target == *target && report.purpose.is_none();
        for report in self.reports.iter().filter(went) {
            if report.state != Some(EndState::RolledBack) {
                continue;
            }
            if matches!(report.assurance, Assurance::Verified | Assurance::Weak) {
                add(&report.to, Evidence::VerifiedBy { run: report.run });
            }
            add(&report.from, Evidence::LeftBy { run: report.run });
        }
        releases
    }
}

impl Recorded {
    /// What the runs of Compose services say of their releases, newest first.
    pub(crate) fn of_compose(&self) -> Vec<compose::Recorded> {
        let mut records = Vec::new();
        for report in self.reports.iter().filter(|report| report.target.platform() == "compose") {
            if report.state != Some(EndState::RolledBack) {
                continue;
            }
            let mut add = |release: &Release, evidence| {
                let mut release = release.clone();
                release.evidence = vec![evidence];
                records.push(compose::Recorded::new(report.target.clone(), release));
            };
            if matches!(report.assurance, Assurance::Verified | Assurance::Weak) {
                add(&report.to, Evidence::VerifiedBy { run: report.run });
            }
            add(&report.from, Evidence::LeftBy { run: report.run });
        }
        records
    }
}

/// The shortest end of a run's id that is taken for it.
const SHORTEST: usize = 4;

/// The run that somebody means: a whole id, or the end of one.
pub(crate) async fn find(journal: &FileJournal, text: &str) -> Result<RunId> {
    choose(&journal.list().await?, text)
}

fn choose(runs: &[RunId], text: &str) -> Result<RunId> {
    if let Ok(run) = text.parse() {
        return Ok(run);
    }
    let end = text.to_ascii_lowercase();
    let is_end =
        (SHORTEST..26).contains(&text.len()) && end.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_end {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "find run",
            format!("`{}` is neither a run's id nor the end of one", Printable(text)),
        )
        .with_hint("nothing was touched; `rollback runs` lists the runs"));
    }
    let is_it = |run: &&RunId| run.to_string().to_ascii_lowercase().ends_with(&end);
    let found: Vec<_> = runs.iter().filter(is_it).collect();
    match found.as_slice() {
        [run] => Ok(**run),
        [] => Err(Error::new(ErrorKind::NotFound, "find run", format!("no run ends in `{end}`"))
            .with_hint("nothing was touched; `rollback runs` lists the runs")),
        several => Err(Error::new(
            ErrorKind::Conflict,
            "find run",
            format!("{} runs end in `{end}`", several.len()),
        )
        .with_hint("nothing was touched; give more of its end")),
    }
}

#[cfg(test)]
mod tests;
