//! From the bytes of a journal to its records: where the sound part ends, and why.
//!
//! One append is one line, written in one piece and made durable before the next. So a crash can
//! leave at most one line that is not whole, at the very end: such a *torn tail* was never
//! acknowledged, and is dropped. Everything else is damage to what was once durable, and refused.

use super::codec::{Chain, Flaw, longest, sealed_prefix};
use super::record::Record;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;

/// The largest file that is read or written, in bytes.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;

/// What was read.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// The records of the sound part.
    pub(super) records: Vec<Record>,
    /// Where the next record goes on.
    pub(super) chain: Chain,
    /// The length of the sound part.
    pub(super) sound: usize,
    /// The length of the torn tail.
    pub(super) torn: usize,
}

impl Scan {
    /// Reads all of a run's bytes.
    ///
    /// # Errors
    /// `Corrupt` and `UnknownFormat`, naming the line.
    pub(super) fn of(run: RunId, bytes: &[u8]) -> Result<Self> {
        Self::behind(Chain::new(run), bytes)
    }

    /// Reads what stands behind the records of `chain`.
    pub(super) fn behind(chain: Chain, bytes: &[u8]) -> Result<Self> {
        let mut scan = Self { records: Vec::new(), chain, sound: 0, torn: 0 };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let number = scan.chain.next_seq() + 1;
            match scan.chain.read(line) {
                Ok(record) => {
                    scan.records.push(record);
                    scan.sound += line.len();
                }
                Err(Flaw::Damaged) => {
                    let rest = &bytes[scan.sound..];
                    if !is_torn(rest, longest(scan.chain.next_seq())) {
                        return Err(corrupt(number, "is damaged"));
                    }
                    scan.torn = rest.len();
                    break;
                }
                Err(Flaw::OutOfPlace(why)) => return Err(corrupt(number, &why)),
                Err(Flaw::Unknown { what, by }) => return Err(unknown(number, &what, &by)),
            }
        }
        Ok(scan)
    }
}

/// Whether an append that a crash cut short can have left these bytes.
///
/// - NULs alone: space of the file that was never written.
/// - The beginning of a line, without its break.
/// - A line with its break and NULs inside: its later blocks reached the disk, earlier ones did not.
///
/// A line that is there to its end without NULs was written whole, so what is wrong in it happened
/// afterwards. So it is with anything behind a whole record.
fn is_torn(rest: &[u8], longest: usize) -> bool {
    let is_written = |byte: &u8| *byte != 0;
    let Some(start) = rest.iter().position(is_written) else {
        return true;
    };
    let end = rest.iter().rposition(is_written).map_or(0, |last| last + 1);
    let written = &rest[start..end];
    let has_break = match written.iter().position(|byte| *byte == b'\n') {
        Some(first) if first + 1 < written.len() => return false,
        found => found.is_some(),
    };
    if rest.len() > longest {
        return false;
    }
    match sealed_prefix(written) {
        Some(whole) => start == 0 && whole == written.len(),
        None => !has_break || start > 0 || written.contains(&0),
    }
}

fn corrupt(line: u64, why: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "read journal",
        format!("line {line} {why}"),
    )
    .with_hint(
        "nothing was touched; `head` shows the sound lines before it: look at the target, then finish by hand or from a copy of the file",
    )
}

fn unknown(line: u64, what: &str, by: &str) -> Error {
    let by = crate::Printable(by);
    Error::new(
        ErrorKind::UnknownFormat,
        "read journal",
        format!("line {line} was written by version {by}, and this one does not know it: {what}"),
    )
    .with_hint(format!("nothing was touched; go on with version {by}"))
}

#[cfg(test)]
mod tests;
