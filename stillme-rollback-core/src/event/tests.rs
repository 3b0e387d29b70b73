use super::*;
use crate::end::EndState;
use crate::id::StepId;
use crate::report::story::{Story, run};

fn waiting() -> EventKind {
    EventKind::Waiting {
        step: Some(StepId::new("stop").unwrap()),
        why: "for the effect".into(),
        for_ms: Some(500),
    }
}

#[test]
fn an_event_is_one_flat_object() {
    let mut event = Event::new(run(), 4, waiting());
    event.record = Some(9);
    let json = serde_json::to_string(&event).unwrap();
    assert_eq!(
        json,
        format!(
            r#"{{"run":"{}","epoch":1,"seq":4,"record":9,"at_ms":0,"elapsed_ms":0,"type":"waiting","step":"stop","why":"for the effect","for_ms":500}}"#,
            run()
        )
    );
}

#[test]
fn every_event_of_a_run_survives_json() {
    let story = Story::begin()
        .switched()
        .verdict(crate::Outcome::Fail, "500")
        .evidence("/e", "boom")
        .turn_back("fail")
        .resumed("pid 7")
        .undone("start")
        .pause("asked to")
        .end(EndState::Restored, "fail");
    for event in Narrator::replay(run(), &story.records).unwrap() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
}

/// An old reader and a newer writer.
#[test]
fn what_a_newer_version_tells_is_unknown_and_no_error() {
    let head = format!(r#""run":"{}","epoch":1,"seq":0,"at_ms":0,"elapsed_ms":0"#, run());
    for (kind, known) in [
        (r#""type":"teleported","where":{"x":[1]}"#, EventKind::Unknown),
        (r#""type":"ended","state":"vanished","reason":"?""#, EventKind::Unknown),
        (
            r#""type":"turned-back","reason":"x","added":"later""#,
            EventKind::TurnedBack { reason: "x".into() },
        ),
    ] {
        let event: Event = serde_json::from_str(&format!("{{{head},{kind}}}")).unwrap();
        assert_eq!(event.kind, known, "{kind}");
    }
}

#[test]
fn an_unknown_kind_by_itself_is_no_error_either() {
    let kind: EventKind = serde_json::from_str(r#"{"type":"teleported","where":1}"#).unwrap();
    assert_eq!(kind, EventKind::Unknown);
}

/// A newer reader and an old writer: fields that came later have a default.
#[test]
fn what_an_older_version_left_out_is_no_error() {
    let json = format!(
        r#"{{"run":"{}","epoch":1,"seq":0,"at_ms":0,"elapsed_ms":0,"type":"step-finished","step":"stop","attempt":1,"direction":"do","outcome":"changed","step_elapsed_ms":5,"attempt_elapsed_ms":5}}"#,
        run()
    );
    let event: Event = serde_json::from_str(&json).unwrap();
    assert_eq!(event.kind.to_string(), "stop: done after 5 ms");
}

#[test]
fn waits_and_repeats_are_of_low_priority_and_an_end_is_terminal() {
    let started = |attempt| EventKind::StepStarted {
        step: StepId::new("stop").unwrap(),
        phase: crate::Phase::Switch,
        attempt,
        direction: crate::journal::Direction::Do,
    };
    let ended = EventKind::Ended { state: EndState::Restored, reason: "x".into() };
    let paused = EventKind::Paused { reason: "x".into(), next: vec![] };
    for (kind, priority, terminal) in [
        (waiting(), Priority::Low, false),
        (started(1), Priority::High, false),
        (started(2), Priority::Low, false),
        (EventKind::Dropped { count: 1 }, Priority::High, false),
        (EventKind::Unknown, Priority::Low, false),
        (ended, Priority::High, true),
        (paused, Priority::High, true),
    ] {
        let event = Event::new(run(), 0, kind);
        assert_eq!((event.priority(), event.is_terminal()), (priority, terminal), "{event:?}");
    }
}

/// Ten thousand runs keep some dozens of events each.
#[test]
fn an_event_is_small() {
    assert!(size_of::<Event>() <= 160, "{}", size_of::<Event>());
}
