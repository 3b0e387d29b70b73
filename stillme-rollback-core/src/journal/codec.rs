//! One record, one line: JSON that `less`, `grep` and `jq` read, sealed against damage.
//!
//! ```json
//! {"v":1,"by":"0.1.0","run":"01J…","seq":1,"epoch":1,"ts":"2026-11-23T14:05:09.123Z","elapsed_ms":12,
//!  "type":"intent","data":{…},"prev":"9f86…","crc":"e3069283"}
//! ```
//!
//! (On one line.) `crc` is the CRC-32C of all bytes before `,"crc"`: it finds damage. `prev` is the
//! SHA-256 of the line before, its line break included, so that `sed -n 3p FILE | sha256sum` gives the
//! `prev` of line 4: it finds lines that were edited, left out or moved.
//!
//! Whatever changes in later formats, `v`, `by` and the last member `crc` stay as they are: they are
//! what an older version needs to say that the file is sound, and which version to use instead. A
//! member that is added to a record's `data` is a new format, because older versions would skip it.

use serde::Deserialize;
use std::time::SystemTime;

use super::record::{Entry, Record};
use super::shorten::shortened;
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint::Fingerprint;
use crate::id::RunId;
use crate::printable::Printable;

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: u64 = 1;

/// The longest line of a record. Longer texts in it are cut first; what is still longer is refused.
pub const MAX_LINE: usize = 16 * 1024;

/// The longest first line, which has the plan: half of what a journal's file reserves, so that the
/// other half is left for the records of the run.
pub const MAX_FIRST_LINE: usize = 128 * 1024;

/// What stands before the checksum, and after it.
const SEAL: (&str, &str) = (r#","crc":""#, "\"}");
const CRC_DIGITS: usize = 8;
const SEAL_LEN: usize = SEAL.0.len() + CRC_DIGITS + SEAL.1.len();

/// What a line in front of the first one would hash to: nothing does.
const NO_LINE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of a run's records: what the next one must look like, for who writes and who reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    run: RunId,
    next: u64,
    prev: String,
}

impl Chain {
    /// The chain of a run that has no records yet.
    pub fn new(run: RunId) -> Self {
        Self { run, next: 0, prev: NO_LINE.to_owned() }
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The `seq` of the next record.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// The SHA-256 of the last line: with it, a copy of the file can be recognised as whole.
    pub fn last_hash(&self) -> &str {
        &self.prev
    }

    /// Makes the line of the next record, with its line break, and goes on behind it.
    ///
    /// Long texts of people and platforms (reasons, errors, evidence) are cut when the line would be
    /// longer than [`MAX_LINE`]; a plan never is.
    ///
    /// # Errors
    /// `Conflict` if the record is not the next one; `Journal` if it is too long all the same. The
    /// chain stays where it was.
    pub fn seal(&mut self, record: &Record) -> Result<String> {
        if record.seq != self.next {
            return Err(Error::new(
                ErrorKind::Conflict,
                "write journal",
                format!("record {} is not the next one, {}", record.seq, self.next),
            )
            .with_context("run", self.run.to_string())
            .with_hint("another process goes on with this run, or this one lost count: nothing was written"));
        }
        let limit = longest(record.seq);
        let mut line = self.line(record)?;
        if line.len() > limit {
            line = self.line(&shortened(record))?;
        }
        if line.len() > limit {
            return Err(Error::new(
                ErrorKind::Journal,
                "write journal",
                format!("record {} has {} bytes, {limit} fit", record.seq, line.len()),
            )
            .with_context("run", self.run.to_string())
            .with_hint("nothing was written; a plan or an answer of the platform is larger than a journal takes"));
        }
        self.pass(line.as_bytes());
        Ok(line)
    }

    /// Reads the next line, with its line break, and goes on behind it.
    ///
    /// # Errors
    /// What is wrong with it. The chain stays where it was.
    pub fn read(&mut self, line: &[u8]) -> Result<Record, Flaw> {
        let sealed =
            line.strip_suffix(b"\n").filter(|sealed| is_sealed(sealed)).ok_or(Flaw::Damaged)?;
        let stamp: Stamp = serde_json::from_slice(sealed).map_err(|_| Flaw::Damaged)?;
        if stamp.v != FORMAT {
            return Err(Flaw::Unknown { what: format!("format {}", stamp.v), by: stamp.by });
        }
        let unknown = |error: serde_json::Error| Flaw::Unknown {
            what: Printable(&error.to_string()).to_string(),
            by: stamp.by.clone(),
        };
        let head: Head = serde_json::from_slice(sealed).map_err(unknown)?;
        self.check_place(&head)?;
        let entry: Entry = serde_json::from_slice(sealed).map_err(unknown)?;
        self.pass(line);
        Ok(Record::new(head.seq, head.epoch, head.ts, head.elapsed_ms, entry))
    }

    fn check_place(&self, head: &Head) -> Result<(), Flaw> {
        if head.run != self.run {
            return Err(Flaw::OutOfPlace(format!("is of run {}", head.run)));
        }
        if head.seq != self.next {
            return Err(Flaw::OutOfPlace(format!(
                "has seq {} where {} is next",
                head.seq, self.next
            )));
        }
        if head.prev != self.prev {
            return Err(Flaw::OutOfPlace(
                "does not follow the line before it, which was changed afterwards".to_owned(),
            ));
        }
        Ok(())
    }

    fn line(&self, record: &Record) -> Result<String> {
        let members = serde_json::to_string(record).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "write journal", "the record has no JSON")
                .with_source(error)
        })?;
        // The record's members without its braces stand between ours.
        let members = &members[1..members.len() - 1];
        let (by, run, prev) = (env!("CARGO_PKG_VERSION"), self.run, &self.prev);
        let mut line =
            format!(r#"{{"v":{FORMAT},"by":"{by}","run":"{run}",{members},"prev":"{prev}""#);
        let seal = seal_of(line.as_bytes());
        line.push_str(&seal);
        line.push('\n');
        Ok(line)
    }

    fn pass(&mut self, line: &[u8]) {
        self.prev = Fingerprint::of_bytes(line).as_str().to_owned();
        self.next += 1;
    }
}

/// How long the line of a record may be.
pub(super) fn longest(seq: u64) -> usize {
    if seq == 0 { MAX_FIRST_LINE } else { MAX_LINE }
}

/// Why a line is not the next record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The bytes are not the ones that were written, or not all of them.
    Damaged,
    /// The bytes are sound, and this version does not know what they say.
    Unknown {
        /// What is unknown.
        what: String,
        /// The version that wrote it.
        by: String,
    },
    /// The line is sound, but it is not the one that belongs here.
    OutOfPlace(String),
}

/// What every format has.
#[derive(Deserialize)]
struct Stamp {
    v: u64,
    by: String,
}

/// What every record of this format has.
#[derive(Deserialize)]
struct Head {
    run: RunId,
    seq: u64,
    epoch: u32,
    #[serde(deserialize_with = "super::rfc3339::deserialize")]
    ts: SystemTime,
    elapsed_ms: u64,
    prev: String,
}

/// Whether the bytes (a line without its break) end in the checksum of what stands before it.
pub(super) fn is_sealed(line: &[u8]) -> bool {
    line.len()
        .checked_sub(SEAL_LEN)
        .is_some_and(|at| seal_of(&line[..at]).as_bytes() == &line[at..])
}

/// The length of the whole record that the bytes begin with, if they do.
pub(super) fn sealed_prefix(bytes: &[u8]) -> Option<usize> {
    let mark = SEAL.0.as_bytes();
    bytes
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| *window == mark)
        .map(|(at, _)| at + SEAL_LEN)
        .find(|end| bytes.get(..*end).is_some_and(is_sealed))
}

fn seal_of(body: &[u8]) -> String {
    format!("{}{:08x}{}", SEAL.0, crc32c::crc32c(body), SEAL.1)
}

#[cfg(test)]
mod tests;
