//! Texts that are cut when a record would be too long for its line.
//!
//! An engine that answers with a megabyte must not be able to end a rollback half-way, so what people
//! and platforms say is cut, with its length and hash kept. Nothing that a resumed run decides by is.

use super::record::{Entry, ErrorNote, Record};
use crate::fingerprint::Fingerprint;

/// How many characters of a text are kept.
const TEXT: usize = 240;
/// How many lines of a list are kept.
const LINES: usize = 16;

/// The record with its long texts cut.
pub(super) fn shortened(record: &Record) -> Record {
    let mut record = record.clone();
    match &mut record.entry {
        Entry::Begin { .. } | Entry::Intent { .. } | Entry::Answer { .. } => {}
        Entry::TailRepaired { .. } => {}
        Entry::Resumed { by: text }
        | Entry::TurnBack { reason: text }
        | Entry::Accept { reason: text, .. }
        | Entry::Pause { reason: text }
        | Entry::End { reason: text, .. } => cut(text),
        Entry::Result { error, .. } => {
            if let Some(ErrorNote { message, causes }) = error {
                cut(message);
                cut_lines(causes);
            }
        }
        Entry::Verdict { verdict, .. } => {
            for check in &mut verdict.checks {
                cut(&mut check.name);
                cut(&mut check.evidence);
            }
        }
        Entry::Evidence { summary, .. } => cut_lines(summary),
    }
    record
}

fn cut_lines(lines: &mut Vec<String>) {
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("… and {more} more"));
    }
    lines.iter_mut().for_each(cut);
}

fn cut(text: &mut String) {
    let Some((end, _)) = text.char_indices().nth(TEXT) else {
        return;
    };
    let (bytes, hash) = (text.len(), Fingerprint::of_bytes(text.as_bytes()));
    text.truncate(end);
    text.push_str(&format!("… ({bytes} bytes, sha256 {:.16})", hash.as_str()));
}
