use super::*;
use crate::end::EndState;
use crate::report::story::{Story, id, plan, run};

fn lines(story: &Story) -> Vec<String> {
    Narrator::replay(run(), &story.records)
        .unwrap()
        .iter()
        .map(|event| format!("{}.{} {}", event.epoch, event.seq, event.kind))
        .collect()
}

#[test]
fn a_journal_is_told_line_by_line() {
    let story = Story::begin()
        .done("create")
        .intent("stop", 1, Direction::Do)
        .result("stop", 1, Direction::Do, StepOutcome::NotYet, Some("no answer\nyet"))
        .intent("stop", 2, Direction::Do)
        .result("stop", 2, Direction::Do, StepOutcome::Adopted, None)
        .done("start")
        .verdict(Outcome::Fail, "500")
        .evidence("/e/logs.txt", "exited with code 1")
        .turn_back("the verdict was fail")
        .undone("start")
        .end(EndState::Restored, "the verdict was fail");
    assert_eq!(
        lines(&story),
        [
            "1.0 taking docker/web back from stillme:v2 (222222222222) to stillme:v1 (111111111111) in 5 steps",
            "1.1 create",
            "1.2 create: done after 100 ms",
            "1.3 stop",
            r"1.4 stop: attempt 1 showed no effect yet: no answer\u{a}yet",
            "1.5 stop, attempt 2",
            "1.6 stop: done, though its answer was lost after 300 ms",
            "1.7 start",
            "1.8 start: done after 100 ms",
            "1.9 check: verdict fail: fail: GET http://127.0.0.1:8080/healthz: 500",
            "1.10 kept evidence: logs.txt; exited with code 1",
            "1.11 turning back: the verdict was fail",
            "1.12 undo start",
            "1.13 undo start: done after 100 ms",
            "1.14 Restored: the verdict was fail",
        ]
    );
}

#[test]
fn events_name_their_records_and_carry_times() {
    let story = Story::begin().done("create");
    let events = Narrator::replay(run(), &story.records).unwrap();
    let last = &events[2];
    assert_eq!((last.record, last.seq), (Some(2), 2));
    assert_eq!((last.elapsed_ms, last.at_ms), (200, 1_795_499_870_200));
}

/// The same events for the same records, whether transient ones are told between them or not.
#[test]
fn live_and_replay_tell_the_same_story() {
    let story = Story::begin()
        .switched()
        .verdict(Outcome::Pass, "ok")
        .done("remove")
        .end(EndState::RolledBack, "verified");
    let mut narrator = Narrator::new(run(), plan().into());
    let mut live = Vec::new();
    for record in &story.records {
        let wait = EventKind::Waiting { step: None, why: "for news".into(), for_ms: None };
        let wait = narrator.tell(record.at, record.elapsed_ms, wait);
        assert_eq!((wait.record, wait.priority()), (None, crate::event::Priority::Low));
        live.push(narrator.record(record).kind);
    }
    let replayed: Vec<_> = Narrator::replay(run(), &story.records)
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(live, replayed);
}

#[test]
fn a_resumed_run_announces_what_is_done_and_counts_anew() {
    let before = Story::begin().done("create").intent("stop", 1, Direction::Do);
    let known = before.records.len();
    let story = before.resumed("pid 7 on b").result(
        "stop",
        1,
        Direction::Do,
        StepOutcome::AlreadyDone,
        None,
    );
    let mut narrator = Narrator::new(run(), plan().into());
    narrator.catch_up(&story.records[..known]);
    let event = narrator.record(&story.records[known]);
    assert_eq!((event.epoch, event.seq, event.record), (2, 0, Some(4)));
    let EventKind::RunStarted(started) = event.kind else {
        panic!("{event:?}");
    };
    assert_eq!(started.resumed_by.as_deref(), Some("pid 7 on b"));
    let done: Vec<_> = started.steps.iter().map(|step| step.done).collect();
    assert_eq!(done, [true, false, false, false, false]);

    let event = narrator.record(&story.records[known + 1]);
    // The attempt began in a life whose clock is gone: its time counts from this life's begin.
    assert_eq!(event.kind.to_string(), "stop: was so already after 100 ms");
}

#[test]
fn a_step_that_was_undone_is_not_announced_as_done() {
    let story = Story::begin().done("create").turn_back("x").undone("create").resumed("y");
    let events = Narrator::replay(run(), &story.records).unwrap();
    let Some(EventKind::RunStarted(started)) = events.last().map(|event| &event.kind) else {
        panic!("{events:?}");
    };
    assert!(started.steps.iter().all(|step| !step.done));
}

#[test]
fn undoing_has_a_time_of_its_own() {
    let story =
        Story::begin().done("create").verdict(Outcome::Fail, "500").turn_back("x").undone("create");
    assert_eq!(lines(&story).last().unwrap(), "1.6 undo create: done after 100 ms");
}

#[test]
fn a_pause_tells_how_to_go_on() {
    for (outcome, accept) in [(Outcome::Inconclusive, true), (Outcome::Pass, false)] {
        let story = Story::begin().switched().verdict(outcome, "?").pause("asked to");
        let events = Narrator::replay(run(), &story.records).unwrap();
        let Some(EventKind::Paused { next, .. }) = events.last().map(|event| &event.kind) else {
            panic!("{events:?}");
        };
        let has = |part: &str| next.iter().any(|line| line.contains(part));
        assert!(has(&format!("rollback resume {}", run())) && has("rollback abort"), "{next:?}");
        assert_eq!(has("--accept"), accept);
    }
}

#[test]
fn what_operators_say_is_told() {
    let story = Story::begin()
        .switched()
        .verdict(Outcome::Inconclusive, "?")
        .then(0, Entry::Answer { step: id("stop"), happened: false })
        .then(0, Entry::Accept { step: id("check"), reason: "ann".into() })
        .then(0, Entry::TailRepaired { dropped: 3 });
    assert_eq!(
        lines(&story)[8..],
        [
            "1.8 stop: did not happen, says the operator",
            "1.9 check: accepted: ann",
            "1.10 dropped a torn record of 3 bytes",
        ]
    );
}

#[test]
fn a_journal_without_a_beginning_is_refused() {
    let story = Story::begin().done("create");
    for records in [&story.records[1..], &[]] {
        let error = Narrator::replay(run(), records).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
