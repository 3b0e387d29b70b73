use super::*;
use crate::facts::Condition;
use crate::step::{Action, Phase, Step, Undo};
use crate::target::{Release, Target, Version};
use crate::verdict::{Check, Verdict};

fn plan() -> Plan {
    let release = |v: &str| Release::new(Version::new(v).unwrap());
    let target = Target::new("memory", "m", "web").unwrap();
    let mut plan = Plan::new("test", target, release("v2"), release("v1"));
    let step = |name: &str, phase, kind| {
        let action = Action::new(name, serde_json::Value::Null);
        Step::apply(id(name), phase, kind, name, action)
            .makes(Condition::new().is(name, "done"))
            .undo(Undo::Restores(Condition::new().is(name, "not done")))
    };
    plan.steps = vec![
        step("create", Phase::Prepare, StepKind::Observable),
        step("hook", Phase::Switch, StepKind::AtMostOnce),
        Step::verdict(id("verify"), "verify", std::time::Duration::from_secs(1)),
    ];
    plan
}

fn id(name: &str) -> StepId {
    StepId::new(name).unwrap()
}

fn intent(step: &str, attempt: u32, direction: Direction) -> Entry {
    Entry::Intent { step: id(step), attempt, direction }
}

fn result(step: &str, attempt: u32, direction: Direction, outcome: StepOutcome) -> Entry {
    Entry::Result {
        step: id(step),
        attempt,
        direction,
        outcome,
        in_doubt: false,
        facts: crate::Facts::new(),
        error: None,
    }
}

fn turn_back() -> Entry {
    Entry::TurnBack { reason: String::from("x") }
}

fn resumed() -> Entry {
    Entry::Resumed { by: String::from("x") }
}

fn verdict(outcome: Outcome) -> Entry {
    Entry::Verdict { step: id("verify"), verdict: Verdict::of(vec![Check::new("c", outcome, "e")]) }
}

fn after(entries: &[Entry]) -> Result<Progress, &'static str> {
    let plan = plan();
    let mut progress = Progress::begin(&plan);
    for entry in entries {
        progress.apply(&plan, entry)?;
    }
    Ok(progress)
}

#[test]
fn entries_that_can_not_follow_are_refused() {
    use Direction::{Do, Undo};
    use StepOutcome::{Changed, NotYet};
    let end = Entry::End { state: EndState::Restored, reason: String::new() };
    for (entries, why) in [
        (vec![intent("nothing", 1, Do)], "does not have"),
        (vec![intent("create", 2, Do)], "out of order"),
        (vec![result("create", 1, Do, Changed)], "without its intent"),
        (vec![intent("create", 1, Do), result("create", 2, Do, Changed)], "another attempt"),
        (vec![intent("create", 1, Do), result("create", 1, Undo, Changed)], "without its intent"),
        (vec![intent("create", 1, Do), intent("hook", 1, Do)], "another step's is open"),
        (vec![intent("create", 1, Undo)], "before the run turned back"),
        (vec![turn_back(), intent("create", 1, Do)], "after the run turned back"),
        (vec![turn_back(), turn_back()], "twice"),
        (vec![end.clone(), resumed()], "follows the end"),
        (
            vec![intent("create", 1, Do), result("create", 1, Do, NotYet), intent("create", 1, Do)],
            "out of order",
        ),
        (vec![Entry::Answer { step: id("create"), happened: true }], "needs none"),
        (vec![Entry::Accept { step: id("create"), reason: String::new() }], "nothing to accept"),
    ] {
        let refusal = after(&entries).expect_err(why);
        assert!(refusal.contains(why), "{refusal} should say {why}");
    }
}

#[test]
fn a_crash_in_the_middle_of_a_request_leaves_doubt() {
    let before = [intent("create", 1, Direction::Do)];
    assert!(!after(&before).unwrap().in_doubt);
    let resumed = [intent("create", 1, Direction::Do), resumed()];
    assert!(after(&resumed).unwrap().in_doubt);
}

#[test]
fn between_two_requests_a_crash_leaves_no_doubt() {
    let entries = [
        intent("create", 1, Direction::Do),
        result("create", 1, Direction::Do, StepOutcome::Changed),
        resumed(),
    ];
    let progress = after(&entries).unwrap();
    assert!(!progress.in_doubt && progress.steps[0].done);
}

#[test]
fn what_is_tried_again_is_not_done_and_not_answered() {
    let entries = [
        intent("hook", 1, Direction::Do),
        Entry::Answer { step: id("hook"), happened: false },
        intent("hook", 2, Direction::Do),
    ];
    assert_eq!(after(&entries).unwrap().steps[1].answer, None);
}

#[test]
fn a_verdict_or_its_acceptance_decides() {
    assert!(after(&[verdict(Outcome::Pass)]).unwrap().steps[2].done);
    assert!(!after(&[verdict(Outcome::Inconclusive)]).unwrap().steps[2].done);
    let accepted = [
        verdict(Outcome::Inconclusive),
        Entry::Accept { step: id("verify"), reason: String::new() },
    ];
    assert!(after(&accepted).unwrap().steps[2].done);
}

#[test]
fn a_run_is_paused_until_something_happens() {
    let pause = Entry::Pause { reason: String::new() };
    assert!(after(std::slice::from_ref(&pause)).unwrap().paused);
    assert!(after(&[pause.clone(), resumed()]).unwrap().paused);
    assert!(!after(&[pause, resumed(), intent("create", 1, Direction::Do)]).unwrap().paused);
}

#[test]
fn a_replay_needs_a_beginning_with_its_own_plan() {
    let plan = Arc::new(plan());
    let good = Entry::Begin { plan: Arc::clone(&plan), fingerprint: plan.fingerprint() };
    assert!(Progress::replay([&good]).is_ok());
    let other = Entry::Begin { plan, fingerprint: crate::Fingerprint::of_bytes(b"x") };
    for entries in [vec![], vec![&other], vec![&good, &good]] {
        let error = Progress::replay(entries).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}
