use std::time::Duration;

use super::*;
use crate::journal::{Attachment, Direction, ErrorNote, StepOutcome};
use crate::testing::conformance::sample;
use crate::{Check, EndState, Facts, Outcome, Proof, StepId, Verdict};

fn step() -> StepId {
    StepId::new("stop").unwrap()
}

/// One entry of every kind, with everything in it that can be there.
fn every_entry() -> Vec<Entry> {
    let begin = sample::begin(&sample::plan()).entry;
    let (step, direction) = (step(), Direction::Undo);
    vec![
        begin,
        Entry::Resumed { by: "pid 7 on \"host\"\n\u{202e}".into() },
        Entry::Intent { step: step.clone(), attempt: u32::MAX, direction },
        Entry::Result {
            step: step.clone(),
            attempt: 1,
            direction,
            outcome: StepOutcome::Adopted,
            in_doubt: true,
            facts: Facts::new().with("old", "größer").with_foreign(crate::Foreign::new("v3")),
            error: Some(ErrorNote { message: "a".into(), causes: vec!["b".into(), "c".into()] }),
        },
        Entry::Result {
            step: step.clone(),
            attempt: 1,
            direction: Direction::Do,
            outcome: StepOutcome::Changed,
            in_doubt: false,
            facts: Facts::new(),
            error: None,
        },
        Entry::Verdict {
            step: step.clone(),
            verdict: Verdict::of(vec![
                // 0.05^(1/n) has all its bits set: what is read must be what was written.
                Check::new("GET /", Outcome::Pass, "200").with_proof(Proof::all_good(59)),
                Check::new("GET /", Outcome::Pass, "200").with_proof(Proof::all_good(u64::MAX)),
            ]),
        },
        Entry::TurnBack { reason: "r".into() },
        Entry::Accept { step: step.clone(), reason: "r".into() },
        Entry::Answer { step, happened: true },
        Entry::Evidence {
            files: vec![Attachment::of("log", b"x")],
            summary: vec!["exit 1".into()],
        },
        Entry::Pause { reason: "r".into() },
        Entry::TailRepaired { dropped: u64::MAX },
        Entry::End { state: EndState::Restored, reason: "r".into() },
    ]
}

#[test]
fn every_entry_survives() {
    let run = sample::run(1);
    let (mut writer, mut reader) = (Chain::new(run), Chain::new(run));
    for (seq, entry) in (0..).zip(every_entry()) {
        let record = sample::record(seq, entry);
        let line = writer.seal(&record).unwrap();
        assert_eq!(reader.read(line.as_bytes()), Ok(record));
    }
    assert_eq!(reader, writer);
}

#[test]
fn the_largest_numbers_survive() {
    let run = sample::run(1);
    let (mut writer, mut reader) = (Chain::new(run), Chain::new(run));
    writer.next = u64::MAX - 1;
    reader.next = u64::MAX - 1;
    let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567_891);
    let record =
        Record::new(u64::MAX - 1, u32::MAX, at, u64::MAX, Entry::Pause { reason: String::new() });
    let line = writer.seal(&record).unwrap();
    assert_eq!(reader.read(line.as_bytes()), Ok(record));
}

/// A plan is hashed again when it is read, so no number in it may change by a bit.
#[test]
fn a_plan_keeps_its_fingerprint() {
    let mut plan = (*sample::plan()).clone();
    let odd = [0.1, 1.0 / 3.0, 5e-324, f64::MAX, 0.1 + 0.2, 1.0 / 49.0];
    plan.checks = vec![crate::CheckSpec::new(
        "slo",
        "slo",
        serde_json::json!({
            "odd": odd, "large": [u64::MAX, i64::MIN], "nested": {"crc": "00000000", "type": "begin", "data": 1},
        }),
    )];
    let record = sample::begin(&std::sync::Arc::new(plan));
    let run = sample::run(1);
    let line = Chain::new(run).seal(&record).unwrap();
    let read = Chain::new(run).read(line.as_bytes()).unwrap();
    assert_eq!(read, record);
    crate::journal::Progress::replay([&read.entry]).unwrap();
}

#[test]
fn a_line_is_json_with_its_seal_at_the_end() {
    let run = sample::run(1);
    let mut chain = Chain::new(run);
    let first = chain.seal(&sample::begin(&sample::plan())).unwrap();
    let second = chain.seal(&sample::following(1)).unwrap();
    assert_eq!(second.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&second).unwrap();
    for (key, value) in [
        ("v", serde_json::json!(1)),
        ("by", serde_json::json!(env!("CARGO_PKG_VERSION"))),
        ("run", serde_json::json!(run.to_string())),
        ("seq", serde_json::json!(1)),
        ("epoch", serde_json::json!(1)),
        ("ts", serde_json::json!("2026-11-23T14:05:09.124Z")),
        ("elapsed_ms", serde_json::json!(1)),
        ("type", serde_json::json!("intent")),
        ("data", serde_json::json!({"step": "stop", "attempt": 1, "direction": "do"})),
        // What `sed -n 1p FILE | sha256sum` prints.
        ("prev", serde_json::json!(Fingerprint::of_bytes(first.as_bytes()).as_str())),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(json.as_object().unwrap().len(), 11);
    let crc = json["crc"].as_str().unwrap();
    let body = second.split(r#","crc""#).next().unwrap();
    assert_eq!(crc, format!("{:08x}", crc32c::crc32c(body.as_bytes())));
}

/// A line as another version might have written it: sound, but changed.
fn changed(line: &str, from: &str, to: &str) -> String {
    assert_eq!(line.matches(from).count(), 1, "{from} in {line}");
    let body = line.rsplit_once(SEAL.0).unwrap().0.replace(from, to);
    format!("{body}{}\n", seal_of(body.as_bytes()))
}

#[test]
fn what_a_newer_version_wrote_is_refused_by_its_name() {
    let run = sample::run(1);
    let mut chain = Chain::new(run);
    chain.seal(&sample::begin(&sample::plan())).unwrap();
    let line = chain.clone().seal(&sample::following(1)).unwrap();
    let by = concat!(r#""by":""#, env!("CARGO_PKG_VERSION"));
    let newer = changed(&line, by, r#""by":"7.0.0"#);
    assert!(chain.clone().read(newer.as_bytes()).is_ok(), "another writer of the same format");
    for (from, to, says) in [
        (r#""v":1"#, r#""v":2"#, "format 2"),
        (r#""v":1"#, r#""v":18446744073709551615"#, "format 18446744073709551615"),
        (r#""type":"intent""#, r#""type":"teleport""#, "unknown variant `teleport`"),
        (r#""direction":"do""#, r#""direction":"sideways""#, "unknown variant `sideways`"),
        (r#""attempt":1"#, r#""attempt":-1"#, "invalid value"),
        (r#""step":"stop","#, "", "missing field `step`"),
    ] {
        let line = changed(&newer, from, to);
        match chain.clone().read(line.as_bytes()) {
            Err(Flaw::Unknown { what, by }) => {
                assert!(what.contains(says), "{what}");
                assert_eq!(by, "7.0.0");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn a_sound_line_in_the_wrong_place_is_refused() {
    let (run, other) = (sample::run(1), sample::run(2));
    let lines: Vec<String> = {
        let mut chain = Chain::new(run);
        sample::records(4).iter().map(|record| chain.seal(record).unwrap()).collect()
    };
    let mut chain = Chain::new(run);
    chain.read(lines[0].as_bytes()).unwrap();
    let edited = changed(&lines[0], "stop the old one", "stop the new one");
    let mut behind_an_edit = Chain::new(run);
    behind_an_edit.read(edited.as_bytes()).unwrap();
    for (chain, line, says) in [
        (&chain, &lines[0], "has seq 0 where 1 is next"),
        (&chain, &lines[2], "has seq 2 where 1 is next"),
        (&Chain::new(other), &lines[0], "is of run"),
        (&behind_an_edit, &lines[1], "does not follow"),
    ] {
        match chain.clone().read(line.as_bytes()) {
            Err(Flaw::OutOfPlace(why)) => assert!(why.contains(says), "{why}"),
            other => panic!("{says}: {other:?}"),
        }
    }
}

#[test]
fn a_record_out_of_order_is_not_sealed() {
    let mut chain = Chain::new(sample::run(1));
    chain.seal(&sample::begin(&sample::plan())).unwrap();
    for seq in [0, 2, 1 << 40] {
        let before = chain.clone();
        let pause = sample::record(seq, Entry::Pause { reason: String::new() });
        let error = chain.seal(&pause).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{seq}");
        assert_eq!(chain, before);
    }
}

#[test]
fn long_texts_of_others_are_cut_and_what_decides_is_not() {
    let run = sample::run(1);
    let megabyte = "ä".repeat(512 * 1024);
    let note = ErrorNote { message: megabyte.clone(), causes: vec![megabyte.clone(); 100] };
    let check = Check::new(megabyte.clone(), Outcome::Fail, megabyte.clone());
    let (step, direction) = (step(), Direction::Do);
    for entry in [
        Entry::Resumed { by: megabyte.clone() },
        Entry::Result {
            step: step.clone(),
            attempt: 3,
            direction,
            outcome: StepOutcome::Failed,
            in_doubt: true,
            facts: Facts::new().with("old", "up"),
            error: Some(note),
        },
        Entry::Verdict { step: step.clone(), verdict: Verdict::of(vec![check]) },
        Entry::TurnBack { reason: megabyte.clone() },
        Entry::Accept { step, reason: megabyte.clone() },
        Entry::Evidence { files: vec![], summary: vec![megabyte.clone(); 100] },
        Entry::Pause { reason: megabyte.clone() },
        Entry::End { state: EndState::Stuck, reason: megabyte.clone() },
    ] {
        let mut chain = Chain::new(run);
        chain.seal(&sample::begin(&sample::plan())).unwrap();
        let mut reader = chain.clone();
        let line = chain.seal(&sample::record(1, entry.clone())).unwrap();
        assert!(line.len() <= MAX_LINE, "{}", line.len());
        assert!(line.contains("… (1048576 bytes, sha256 "), "{line}");
        let read = reader.read(line.as_bytes()).unwrap();
        let plan = sample::plan();
        let mut whole = crate::journal::Progress::begin(&plan);
        let mut after_a_cut = whole.clone();
        // Whatever the entry leads to, its cut copy leads to the same.
        assert_eq!(whole.apply(&plan, &entry), after_a_cut.apply(&plan, &read.entry));
        assert_eq!(whole, after_a_cut);
    }
}

#[test]
fn a_plan_is_never_cut() {
    let mut plan = (*sample::plan()).clone();
    let mut chain = Chain::new(sample::run(1));
    for (bytes, fits) in [(64 * 1024, true), (MAX_FIRST_LINE, false)] {
        plan.expected_outage = "x".repeat(bytes);
        let record = sample::begin(&std::sync::Arc::new(plan.clone()));
        match chain.clone().seal(&record) {
            Ok(line) => {
                assert!(fits);
                assert_eq!(chain.clone().read(line.as_bytes()), Ok(record));
            }
            Err(error) => {
                assert!(!fits);
                assert_eq!(error.kind(), ErrorKind::Journal);
            }
        }
    }
    let facts = (0..2000).fold(Facts::new(), |facts, n| facts.with(format!("key{n}"), "value"));
    chain.seal(&sample::begin(&sample::plan())).unwrap();
    let error = chain
        .seal(&sample::record(
            1,
            Entry::Result {
                step: step(),
                attempt: 1,
                direction: Direction::Do,
                outcome: StepOutcome::Changed,
                in_doubt: false,
                facts,
                error: None,
            },
        ))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Journal, "facts are what is decided by");
}
