use super::*;
use crate::id::StepId;
use crate::step::{Action, Phase};

fn step(kind: StepKind) -> Step {
    let action = Action::new("stop", serde_json::Value::Null);
    Step::apply(StepId::new("stop").unwrap(), Phase::Switch, kind, "stop", action)
        .expects(Condition::new().is("old", "up"))
        .makes(Condition::new().is("old", "down"))
        .undo(Undo::Restores(Condition::new().is("old", "up")))
}

fn blind(kind: StepKind) -> Step {
    let mut step = step(kind);
    step.expects = Condition::new();
    step.makes = Condition::new();
    step.undo = Undo::Nothing;
    step
}

fn old(state: &'static str) -> Facts {
    Facts::new().with("old", state)
}

fn failed(kind: ErrorKind, disposition: Disposition) -> Result<(), CallError> {
    Err(CallError { note: ErrorNote::text("no"), kind, disposition })
}

const PLENTY: Budget = Budget { attempts_left: true, time_left: true, insist: false };
const BACK: Budget = Budget { insist: true, ..PLENTY };

/// The word for a ruling, for tables.
fn word(ruling: &Ruling) -> &'static str {
    match ruling {
        Ruling::Act => "act",
        Ruling::Done(StepOutcome::Changed) => "changed",
        Ruling::Done(StepOutcome::AlreadyDone) => "already",
        Ruling::Done(_) => "adopted",
        Ruling::Poll => "poll",
        Ruling::Retry { in_doubt: true, .. } => "retry in doubt",
        Ruling::Retry { .. } => "retry",
        Ruling::Fail { in_doubt: true, .. } => "fail in doubt",
        Ruling::Fail { .. } => "fail",
        Ruling::Ask => "ask",
        Ruling::Foreign(_) => "foreign",
    }
}

#[test]
fn before_a_request_the_facts_decide() {
    let step = step(StepKind::Observable);
    for (direction, repeated, state, ruling) in [
        (Direction::Do, false, "up", "act"),
        (Direction::Do, false, "down", "already"),
        (Direction::Do, true, "down", "adopted"),
        (Direction::Do, false, "gone", "fail"),
        (Direction::Undo, false, "up", "already"),
        (Direction::Undo, false, "down", "act"),
        (Direction::Undo, false, "gone", "act"),
    ] {
        let found = before(&step, direction, repeated, &old(state));
        assert_eq!(word(&found), ruling, "{direction:?} {state}");
    }
}

#[test]
fn after_a_request_what_is_seen_counts_and_not_what_was_answered() {
    use Disposition::{InDoubt, Permanent, Reread, Retry};
    let step = step(StepKind::Observable);
    let timeout = || failed(ErrorKind::Timeout, InDoubt);
    for (answer, state, budget, ruling) in [
        (Ok(()), "down", PLENTY, "changed"),
        (timeout(), "down", PLENTY, "adopted"),
        (failed(ErrorKind::Rejected, Permanent), "down", PLENTY, "adopted"),
        (Ok(()), "up", PLENTY, "poll"),
        (Ok(()), "up", Budget { time_left: false, ..PLENTY }, "fail"),
        (Ok(()), "gone", PLENTY, "fail"),
        (timeout(), "gone", PLENTY, "fail in doubt"),
        (timeout(), "up", PLENTY, "retry in doubt"),
        (timeout(), "up", Budget { attempts_left: false, ..PLENTY }, "fail in doubt"),
        (failed(ErrorKind::Unavailable, Retry), "up", PLENTY, "retry"),
        (failed(ErrorKind::Conflict, Reread), "up", PLENTY, "retry"),
        (failed(ErrorKind::Rejected, Permanent), "up", PLENTY, "fail"),
        (failed(ErrorKind::Panicked, Permanent), "down", PLENTY, "fail in doubt"),
    ] {
        let found = after(&step, Direction::Do, &answer, &old(state), budget);
        assert_eq!(word(&found), ruling, "{answer:?} {state} {budget:?}");
    }
}

#[test]
fn the_way_back_is_insisted_on() {
    use Disposition::{InDoubt, Permanent};
    let step = step(StepKind::Observable);
    let last = Budget { attempts_left: false, ..BACK };
    for (answer, state, budget, ruling) in [
        (Ok(()), "up", BACK, "changed"),
        (failed(ErrorKind::Rejected, Permanent), "down", BACK, "retry"),
        (
            failed(ErrorKind::Timeout, InDoubt),
            "down",
            Budget { time_left: false, ..BACK },
            "retry in doubt",
        ),
        (failed(ErrorKind::Panicked, Permanent), "down", BACK, "retry in doubt"),
        (Ok(()), "down", Budget { time_left: false, ..BACK }, "retry"),
        (failed(ErrorKind::Rejected, Permanent), "down", last, "fail"),
    ] {
        let found = after(&step, Direction::Undo, &answer, &old(state), budget);
        assert_eq!(word(&found), ruling, "{answer:?} {state} {budget:?}");
    }
}

#[test]
fn a_wait_that_the_platform_asks_for_is_kept() {
    let step = step(StepKind::Observable);
    let minute = Duration::from_secs(60);
    let answer = failed(ErrorKind::RateLimited, Disposition::RetryAfter(minute));
    let found = after(&step, Direction::Do, &answer, &old("up"), PLENTY);
    assert!(
        matches!(found, Ruling::Retry { not_before: Some(time), .. } if time == minute),
        "{found:?}"
    );
}

#[test]
fn what_must_not_happen_twice_is_never_tried_again() {
    use Disposition::{InDoubt, Permanent, Retry};
    for (step, answer, ruling) in [
        (blind(StepKind::AtMostOnce), Ok(()), "changed"),
        (blind(StepKind::AtMostOnce), failed(ErrorKind::Timeout, InDoubt), "ask"),
        (blind(StepKind::AtMostOnce), failed(ErrorKind::Panicked, Permanent), "ask"),
        (blind(StepKind::AtMostOnce), failed(ErrorKind::Unavailable, Retry), "fail"),
        (step(StepKind::AtMostOnce), failed(ErrorKind::Timeout, InDoubt), "ask"),
        (step(StepKind::AtMostOnce), failed(ErrorKind::Unavailable, Retry), "fail"),
        (blind(StepKind::Keyed), failed(ErrorKind::Timeout, InDoubt), "retry in doubt"),
        (blind(StepKind::Keyed), failed(ErrorKind::Rejected, Permanent), "fail"),
    ] {
        let found = after(&step, Direction::Do, &answer, &old("up"), PLENTY);
        assert_eq!(word(&found), ruling, "{:?} {answer:?}", step.kind);
    }
}

#[test]
fn a_failure_says_what_was_found() {
    let step = step(StepKind::Observable);
    let found = before(&step, Direction::Do, false, &old("gone"));
    let Ruling::Fail { error, .. } = found else { panic!("{found:?}") };
    assert_eq!(
        error.message,
        "stop: not done, because the target is not as expected: old is gone, not up"
    );
}
