use super::story::{Story, id, plan, run};
use super::*;
use crate::error::ErrorKind;
use crate::facts::{Facts, Foreign};
use crate::journal::{Direction, Entry, ErrorNote};
use crate::verdict::Outcome;

mod texts;

fn report(story: &Story) -> Report {
    Report::from_records(run(), &story.records).unwrap()
}

fn pass() -> Story {
    Story::begin().switched().verdict(Outcome::Pass, "200 in 3 ms, 3 in a row")
}

#[test]
fn the_state_and_its_exit_code_come_from_the_journal() {
    for (story, state, code) in [
        (Story::begin(), None, 1),
        (Story::begin().pause("asked to"), Some(EndState::Paused), 15),
        (Story::begin().pause("asked to").resumed("x"), Some(EndState::Paused), 15),
        (Story::begin().pause("asked to").resumed("x").done("create"), None, 1),
        (Story::begin().end(EndState::Refused, "no"), Some(EndState::Refused), 13),
        (pass().end(EndState::RolledBack, "ok"), Some(EndState::RolledBack), 0),
    ] {
        let report = report(&story);
        assert_eq!((report.state, report.exit_code), (state, code));
    }
}

#[test]
fn a_report_says_how_sure_it_is() {
    let inconclusive = || Story::begin().switched().verdict(Outcome::Inconclusive, "no data");
    let accept = Entry::Accept { step: id("check"), reason: "ann: seen it".into() };
    for (story, assurance) in [
        (Story::begin(), Assurance::None),
        (pass(), Assurance::Verified),
        (
            Story::begin().switched().verdict(Outcome::Pass, "weak: only the ports answer"),
            Assurance::Weak,
        ),
        (
            Story::begin().switched().verdict(Outcome::Pass, "tweaked twice, 3 in a row"),
            Assurance::Verified,
        ),
        (inconclusive(), Assurance::Unproven),
        (inconclusive().then(0, accept), Assurance::Accepted),
        (Story::begin().switched().verdict(Outcome::Fail, "500"), Assurance::Failed),
    ] {
        assert_eq!(report(&story).assurance, assurance);
    }
}

#[test]
fn times_add_up_over_lives_that_each_have_their_own_clock() {
    let story = Story::begin()
        .done("create")
        .intent("stop", 1, Direction::Do)
        .resumed("pid 7 on b")
        .result("stop", 1, Direction::Do, StepOutcome::Adopted, None)
        .intent("start", 1, Direction::Do)
        .result("start", 1, Direction::Do, StepOutcome::NotYet, Some("no answer"))
        .intent("start", 2, Direction::Do)
        .result("start", 2, Direction::Do, StepOutcome::Changed, None);
    let report = report(&story);
    assert_eq!(report.elapsed_ms, 300 + 500);
    assert_eq!(report.latest_ms - report.began_ms, 300 + 3_600_000 + 500);
    let lives: Vec<_> =
        report.lives.iter().map(|life| (life.epoch, life.by.as_deref(), life.elapsed_ms)).collect();
    assert_eq!(lives, [(1, None, 300), (2, Some("pid 7 on b"), 500)]);
    let steps: Vec<_> =
        report.steps.iter().map(|step| (step.standing, step.attempts, step.elapsed_ms)).collect();
    assert_eq!(
        steps,
        [
            (Standing::Done, 1, 100),
            (Standing::Done, 1, 100),
            (Standing::Done, 2, 300),
            (Standing::NotReached, 0, 0),
            (Standing::NotReached, 0, 0),
        ]
    );
    assert_eq!(report.steps[2].error, Some(ErrorNote::text("no answer")));
}

#[test]
fn a_step_that_took_two_lives_took_the_time_of_both() {
    let story = Story::begin()
        .intent("create", 1, Direction::Do)
        .result("create", 1, Direction::Do, StepOutcome::NotYet, Some("no answer"))
        .resumed("pid 7 on b")
        .intent("create", 2, Direction::Do)
        .result("create", 2, Direction::Do, StepOutcome::Changed, None);
    assert_eq!(report(&story).steps[0].elapsed_ms, 200);
}

/// What is left of a run that is stuck on its way back is undone from its last step on.
#[test]
fn what_is_left_to_undo_is_told_backwards_and_with_the_runs_own_names() {
    let story = Story::begin()
        .switched()
        .verdict(Outcome::Fail, "500")
        .turn_back("the verdict was fail")
        .undone("start")
        .intent("stop", 1, Direction::Undo)
        .result("stop", 1, Direction::Undo, StepOutcome::Failed, Some("refused"))
        .end(EndState::Stuck, "can't start web");
    let short = run().short();
    assert_eq!(
        report(&story).remaining,
        ["docker start web".to_owned(), format!("docker rm web.rbn-{short}")]
    );
}

#[test]
fn what_is_left_to_do_is_told_forwards() {
    let story = pass()
        .intent("remove", 1, Direction::Do)
        .result("remove", 1, Direction::Do, StepOutcome::Failed, Some("in use"))
        .end(EndState::Stuck, "can't remove");
    let (short, whole) = (run().short(), run());
    assert_eq!(report(&story).remaining, [format!("docker rm web.rbo-{short}  # {whole}")]);
    let early = Story::begin().done("create").end(EndState::Stuck, "?");
    assert_eq!(
        report(&early).remaining,
        [
            "docker stop web".to_owned(),
            "# start web.rbn, so that start is done".to_owned(),
            "# check: check web".to_owned(),
            format!("docker rm web.rbo-{short}  # {whole}"),
        ]
    );
}

#[test]
fn a_failed_step_leaves_something_only_when_it_is_in_doubt() {
    for (in_doubt, left) in [(false, 0), (true, 1)] {
        let failed = Entry::Result {
            step: id("create"),
            attempt: 1,
            direction: Direction::Do,
            outcome: StepOutcome::Failed,
            in_doubt,
            facts: Facts::new(),
            error: None,
        };
        let story = Story::begin()
            .intent("create", 1, Direction::Do)
            .then(100, failed)
            .turn_back("create failed")
            .end(EndState::Stuck, "?");
        assert_eq!(report(&story).remaining.len(), left, "in doubt: {in_doubt}");
    }
}

#[test]
fn a_step_without_a_command_says_what_must_hold() {
    let story = Story::begin().switched().turn_back("?").end(EndState::Stuck, "?");
    assert_eq!(
        report(&story).remaining[0],
        "# take back \"start web.rbn\", so that start is not done"
    );
}

/// Lines are pasted into shells: a line break in a title must not end a comment.
#[test]
fn text_of_others_stays_in_its_comment() {
    let mut story = Story::begin();
    let mut plan = plan();
    plan.steps[2].title = "start\nrm -rf /".into();
    let fingerprint = plan.fingerprint();
    story.records[0].entry = Entry::Begin { plan: plan.into(), fingerprint };
    let story = story.switched().turn_back("?").end(EndState::Stuck, "?");
    let report = report(&story);
    assert!(report.remaining.iter().all(|line| !line.contains('\n')), "{:?}", report.remaining);
    assert!(!report.to_string().contains("\nrm -rf"), "{report}");
}

#[test]
fn a_long_command_is_shown_whole_and_harmless() {
    let mut story = Story::begin();
    let mut plan = plan();
    let long = format!("docker create --label x={}\u{1b}[2J stillme:v1", "y".repeat(2000));
    plan.steps[0].by_hand = Some(long.clone());
    let fingerprint = plan.fingerprint();
    story.records[0].entry = Entry::Begin { plan: plan.into(), fingerprint };
    let report = report(&story.end(EndState::Stuck, "?"));
    assert_eq!(report.remaining[0], long);
    let shown = report.to_string();
    assert!(shown.contains(&long.replace('\u{1b}', r"\u{1b}")), "{shown}");
}

#[test]
fn a_journal_that_makes_no_sense_has_no_report() {
    let mut story = pass();
    story.records.remove(3);
    for records in [&story.records[..], &[]] {
        let error = Report::from_records(run(), records).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn the_json_is_stable_and_survives() {
    let report = report(&pass().done("remove").end(EndState::RolledBack, "verified"));
    let json = serde_json::to_value(&report).unwrap();
    let mut keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys.join(" "),
        "accepted assurance began_ms elapsed_ms evidence evidence_summary exit_code fingerprint \
         foreign from latest_ms lives next reason remaining repaired_bytes run state steps \
         strategy target to turned_back verdict"
    );
    assert_eq!(json["state"], "rolled-back");
    assert_eq!(json["exit_code"], 0);
    assert_eq!(json["assurance"], "verified");
    assert_eq!(
        json["steps"][0],
        serde_json::json!({
            "id": "create", "phase": "prepare", "title": "create web.rbn", "is_verdict": false,
            "standing": "done", "outcome": "changed", "attempts": 1, "elapsed_ms": 100,
            "undo_attempts": 0, "undo_elapsed_ms": 0, "in_doubt": false, "error": null,
        })
    );
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
}

/// A container that was removed need not be stopped: no record says so, the end state does.
#[test]
fn what_went_with_the_undo_of_others_is_undone_as_well() {
    let story = Story::begin()
        .switched()
        .turn_back("x")
        .undone("stop")
        .undone("create")
        .end(EndState::Restored, "");
    let report = report(&story);
    let standings: Vec<_> = report.steps[..3].iter().map(|step| step.standing).collect();
    assert_eq!(standings, [Standing::Undone; 3]);
    assert_eq!(
        report.steps[2].to_string(),
        "start web.rbn: done in 100 ms; undone along with others"
    );
    // A life that only went back knows no reason of its own.
    assert_eq!(report.reason.as_deref(), Some("x"));
}

#[test]
fn a_run_that_was_superseded_before_the_switch_cleared_its_own_away() {
    let story = Story::begin().done("create").turn_back("somebody else deployed");
    let report = report(&story.end(EndState::Superseded, "somebody else deployed"));
    assert_eq!(report.steps[0].standing, Standing::Undone);
    assert_eq!(report.remaining, [] as [&str; 0]);
}

/// Behind a switch nothing is touched any more, so what was prepared is still there.
#[test]
fn a_run_that_was_superseded_behind_its_switch_leaves_what_it_prepared() {
    let story = Story::begin().done("create").done("stop").turn_back("x");
    let report = report(&story.end(EndState::Superseded, "somebody else deployed"));
    assert_eq!(report.steps[0].standing, Standing::Done);
    assert_eq!(report.remaining.len(), 2);
}

/// The way back looks from the last step to the first: behind the one that failed all is well.
#[test]
fn what_lies_behind_a_failed_undo_is_undone() {
    let story = Story::begin()
        .switched()
        .turn_back("x")
        .intent("stop", 1, Direction::Undo)
        .result("stop", 1, Direction::Undo, StepOutcome::Failed, Some("refused"))
        .end(EndState::Stuck, "`stop` could not be undone: refused");
    let report = report(&story);
    let standings: Vec<_> = report.steps[..3].iter().map(|step| step.standing).collect();
    assert_eq!(standings, [Standing::Done, Standing::UndoFailed, Standing::Undone]);
    assert_eq!(report.remaining.len(), 2);
}

/// Nobody could look, so what was undone may have come back.
#[test]
fn when_nothing_is_known_everything_is_left_to_do() {
    let story = Story::begin()
        .switched()
        .turn_back("x")
        .undone("start")
        .end(EndState::Stuck, "the target can't be looked at");
    assert_eq!(report(&story).remaining.len(), 3);
}

/// A step that must not be repeated, begun.
fn in_question() -> Story {
    let mut story = Story::begin();
    let mut plan = plan();
    plan.steps[0].kind = crate::StepKind::AtMostOnce;
    let fingerprint = plan.fingerprint();
    story.records[0].entry = Entry::Begin { plan: plan.into(), fingerprint };
    story.intent("create", 1, Direction::Do)
}

#[test]
fn a_run_that_does_not_know_asks() {
    let story = in_question().pause("it is not known");
    let run = run();
    let expected = [
        format!("rollback resume {run} --happened yes  # if you see that it happened"),
        format!("rollback resume {run} --happened no  # if not: it is done then"),
        format!("rollback abort {run}  # takes back what it did"),
    ];
    assert_eq!(report(&story).next, expected);
    let events = crate::event::Narrator::replay(run, &story.records).unwrap();
    let crate::event::EventKind::Paused { next, .. } = &events[2].kind else {
        panic!("{events:?}");
    };
    assert_eq!(*next, expected);

    let known = in_question()
        .result("create", 1, Direction::Do, StepOutcome::Changed, None)
        .pause("stopped on request");
    let plain = format!("rollback resume {run}  # goes on where it stopped");
    assert_eq!(report(&known).next[0], plain);
    let events = crate::event::Narrator::replay(run, &known.records).unwrap();
    let crate::event::EventKind::Paused { next, .. } = &events[3].kind else {
        panic!("{events:?}");
    };
    assert_eq!(next[0], plain);

    let answer = Entry::Answer { step: id("create"), happened: true };
    let answered = story.resumed("x").then(0, answer).pause("stopped on request");
    assert_eq!(report(&answered).next[0], plain);
    let events = crate::event::Narrator::replay(run, &answered.records).unwrap();
    let crate::event::EventKind::Paused { next, .. } = &events[5].kind else {
        panic!("{events:?}");
    };
    assert_eq!(next[0], plain);
}

/// A run that takes nothing back to another version is not told as one that does.
#[test]
fn a_purpose_has_words_of_its_own() {
    let told = |end: EndState| {
        let mut story = Story::begin().switched();
        for record in &mut story.records {
            if let Entry::Begin { plan, fingerprint } = &mut record.entry {
                let mut isolating = (**plan).clone();
                isolating.purpose = Some(
                    crate::plan::Purpose::new("isolate it", "ISOLATED it", "NOT ISOLATED it")
                        .taken_back_by("rollback isolate docker web --back"),
                );
                *fingerprint = isolating.fingerprint();
                *plan = isolating.into();
            }
        }
        report(&story.end(end, "because")).to_string()
    };
    let done = told(EndState::RolledBack);
    assert!(done.starts_with("ISOLATED it, in "), "{done}");
    assert!(done.contains("rollback isolate docker web --back  # takes it back"), "{done}");
    let undone = told(EndState::Restored);
    assert!(
        undone.starts_with("NOT ISOLATED it, after ") && undone.contains("because"),
        "{undone}"
    );
    assert!(!done.contains("ROLLED BACK") && !undone.contains("ROLLED BACK"));
}
