use std::path::PathBuf;

use super::*;
use crate::journal::{Chain, Entry};
use crate::testing::conformance::sample;

struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn file(run: RunId, records: &[Record], tail: &[u8]) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("{run}.jsonl"));
    let mut chain = Chain::new(run);
    let mut bytes: Vec<u8> =
        records.iter().flat_map(|record| chain.seal(record).unwrap().into_bytes()).collect();
    bytes.extend(tail);
    std::fs::write(&path, bytes).unwrap();
    File { _dir: dir, path }
}

#[test]
fn a_sound_file_tells_what_it_holds() {
    let run = sample::run(1);
    let mut records = sample::records(3);
    let torn = br#"{"v":1,"by""#;
    let file = file(run, &records, torn);
    let found = verify(&file.path).unwrap();
    assert_eq!((found.run, found.ended), (run, None));
    assert_eq!(found.records, records);
    assert_eq!(found.torn, torn.len() as u64);
    assert_eq!(found.plan, sample::plan().fingerprint());
    let text = found.to_string();
    for says in [
        "target      memory/web",
        "ended       not yet",
        "records     3, checksums and chain are sound",
        "torn        11 bytes",
        "begin: memory/web back to v1 with sample",
        "do stop, attempt 1",
        "do stop: not yet; old is up; no answer, attempt 1",
    ] {
        assert!(text.contains(says), "`{says}` in:\n{text}");
    }
    let end = Entry::End { state: EndState::Restored, reason: "\u{1b}[2J".into() };
    records.push(sample::record(3, end));
    let found = verify(&self::file(run, &records, b"").path).unwrap();
    assert_eq!((found.ended, found.torn), (Some(EndState::Restored), 0));
    assert!(found.to_string().ends_with("end: Restored: \\u{1b}[2J\n"), "{found}");
}

/// The hash of the last line is what `tail -n 1 FILE | sha256sum` prints.
#[test]
fn the_last_hash_is_that_of_the_last_line() {
    let file = file(sample::run(1), &sample::records(3), b"");
    let text = std::fs::read_to_string(&file.path).unwrap();
    let last = text.split_inclusive('\n').next_back().unwrap();
    let found = verify(&file.path).unwrap();
    assert_eq!(found.last_hash, Fingerprint::of_bytes(last.as_bytes()).as_str());
}

#[test]
fn records_that_contradict_each_other_are_refused() {
    let mut records = sample::records(2);
    records.push(sample::record(2, sample::following(1).entry));
    let file = file(sample::run(1), &records, b"");
    let error = verify(&file.path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let path = file.path.display().to_string();
    for says in ["record 2: an attempt out of order", &path] {
        assert!(error.to_string().contains(says), "{says} in {error}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_named_like_a_run_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for (name, kind) in [
        (format!("{}.jsonl", sample::run(1)), ErrorKind::Journal),
        ("notes.txt".to_owned(), ErrorKind::NotFound),
        ("..".to_owned(), ErrorKind::NotFound),
    ] {
        assert_eq!(verify(&dir.path().join(&name)).unwrap_err().kind(), kind, "{name}");
    }
}
