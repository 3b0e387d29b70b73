//! Damage to a journal's file of 100 records: every cut and every flipped bit.

use std::time::Instant;

use stillme_rollback_benches::{Result, memory, records};
use stillme_rollback_core::RunId;
use stillme_rollback_core::journal::{Chain, Record, verify};

use super::child::{Scratch, on_a_runtime};
use super::table::{Table, Times, grouped};

const RECORDS: u32 = 100;

/// Every so many cuts are also made in a real file and read through `verify`.
const IN_FILES: usize = 37;

pub(crate) fn take(table: &mut Table) -> Result<()> {
    let plan = on_a_runtime(async { memory::plan(&memory::platform("web"), "web").await })?;
    let file = Lines::of(records::run(1), records::of(plan, RECORDS))?;
    // Undamaged it reads whole, or the figures mean nothing.
    if read(file.lines[0].before.clone(), &file.bytes).len() != file.lines.len() {
        return Err("the undamaged file can't be read".into());
    }
    cuts(table, &file)?;
    flips(table, &file);
    Ok(())
}

/// A journal's file, and for each line the chain in front of it.
struct Lines {
    run: RunId,
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    start: usize,
    before: Chain,
    record: Record,
}

impl Lines {
    fn of(run: RunId, records: Vec<Record>) -> Result<Self> {
        let (mut chain, mut bytes, mut lines) = (Chain::new(run), Vec::new(), Vec::new());
        for record in records {
            let (start, before) = (bytes.len(), chain.clone());
            bytes.extend(chain.seal(&record)?.bytes());
            lines.push(Line { start, before, record });
        }
        Ok(Self { run, bytes, lines })
    }

    fn line_at(&self, byte: usize) -> &Line {
        &self.lines[self.lines.partition_point(|line| line.start <= byte) - 1]
    }
}

/// The records of the bytes behind a chain, up to the first line that is not the next record.
fn read(mut chain: Chain, bytes: &[u8]) -> Vec<Record> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map_while(|line| chain.read(line).ok()).collect()
}

fn cuts(table: &mut Table, file: &Lines) -> Result<()> {
    let began = Instant::now();
    let mut wrong = 0;
    for cut in 0..file.bytes.len() {
        let line = file.line_at(cut);
        wrong += u64::from(!read(line.before.clone(), &file.bytes[line.start..cut]).is_empty());
    }
    let scratch = Scratch::new()?;
    let path = scratch.path().join(format!("{}.jsonl", file.run));
    let mut in_files = 0;
    // Without its first record a file is no journal.
    let first_end = file.lines[1].start;
    for cut in (first_end..file.bytes.len()).step_by(IN_FILES) {
        std::fs::write(&path, &file.bytes[..cut])?;
        let line = file.line_at(cut);
        let whole = file.lines.iter().take_while(|other| other.start < line.start);
        let expected: Vec<_> = whole.map(|line| &line.record).collect();
        let found = verify(&path)?;
        let is_right = found.records.iter().eq(expected) && found.torn == (cut - line.start) as u64;
        wrong += u64::from(!is_right);
        in_files += 1;
    }
    table.row(
        format!("Journal of {RECORDS} records: every byte cut"),
        "0 wrong",
        format!(
            "{} cuts, {in_files} of them in files as well, {wrong} wrong, {}",
            grouped(file.bytes.len() as u64),
            Times::new(vec![began.elapsed()]).seconds()
        ),
        1,
    );
    Ok(())
}

fn flips(table: &mut Table, file: &Lines) {
    let began = Instant::now();
    let mut wrong = 0_u64;
    let mut bytes = file.bytes.clone();
    for byte in 0..bytes.len() {
        let line = file.line_at(byte);
        for bit in 0..8 {
            bytes[byte] ^= 1 << bit;
            wrong += u64::from(!read(line.before.clone(), &bytes[line.start..]).is_empty());
            bytes[byte] ^= 1 << bit;
        }
    }
    table.row(
        format!("Journal of {RECORDS} records: every bit flipped"),
        "0 wrong",
        format!(
            "{} flips, {wrong} wrong, {}",
            grouped(bytes.len() as u64 * 8),
            Times::new(vec![began.elapsed()]).seconds()
        ),
        1,
    );
}
