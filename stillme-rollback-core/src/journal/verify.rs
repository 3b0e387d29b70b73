//! A journal's file, looked at: is it whole, and what does it tell?

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::file::read_run;
use super::progress::Progress;
use super::record::Record;
use super::timeline::Timeline;
use crate::end::EndState;
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint::Fingerprint;
use crate::id::RunId;
use crate::printable::Printable;
use crate::target::Target;

/// What a look at a journal's file found. The file is sound, or there would be an error instead.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The run.
    pub run: RunId,
    /// What it takes back.
    pub target: Target,
    /// The fingerprint of its plan.
    pub plan: Fingerprint,
    /// Its end, if it has one.
    pub ended: Option<EndState>,
    /// The bytes of a torn record at the end, which the next resume drops. 0 in a whole file.
    pub torn: u64,
    /// The SHA-256 of the last whole line. Kept elsewhere, it shows later that nothing was changed
    /// since: the chain alone finds a changed line, not a file that was written anew.
    pub last_hash: String,
    /// The records, replayed without a contradiction.
    pub records: Vec<Record>,
}

/// Reads a journal's file without its journal, checks every line's checksum, place and chain, and
/// replays the records. Changes nothing, and works while somebody writes.
///
/// Uses the disk on the calling thread: in async code call it from blocking work.
///
/// # Errors
/// `Corrupt` and `UnknownFormat`, naming the line; `NotFound`, `Journal`.
pub fn verify(path: &Path) -> Result<Verification> {
    let run = run_of(path)?;
    let scan = read_run(run, path)?;
    let entries = scan.records.iter().map(|record| &record.entry);
    let (plan, progress) = Progress::replay(entries)
        .map_err(|error| error.with_context("path", path.display().to_string()))?;
    Ok(Verification {
        run,
        target: plan.target.clone(),
        plan: plan.fingerprint(),
        ended: progress.ended,
        torn: scan.torn as u64,
        last_hash: scan.chain.last_hash().to_owned(),
        records: scan.records,
    })
}

/// The run that a file's name says: the records must be of the same one.
fn run_of(path: &Path) -> Result<RunId> {
    path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()).ok_or_else(
        || {
            Error::new(
                ErrorKind::NotFound,
                "read journal",
                format!(
                    "`{}` is not named like a run (26 letters and digits, `.jsonl`)",
                    Printable(&path.to_string_lossy())
                ),
            )
            .with_hint("`rollback runs` lists the runs")
        },
    )
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "run         {}", self.run)?;
        writeln!(f, "target      {}", self.target)?;
        writeln!(f, "plan        {}", self.plan)?;
        match self.ended {
            Some(state) => writeln!(f, "ended       {state}")?,
            None => writeln!(f, "ended       not yet")?,
        }
        let count = self.records.len();
        writeln!(f, "records     {count}, checksums and chain are sound")?;
        if self.torn > 0 {
            writeln!(f, "torn        {} bytes of a record that was never acknowledged", self.torn)?;
        }
        writeln!(f, "last line   sha256 {}", self.last_hash)?;
        Timeline(&self.records).fmt(f)
    }
}

#[cfg(test)]
mod tests;
