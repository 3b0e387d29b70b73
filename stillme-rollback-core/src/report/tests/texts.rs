//! What a person reads, word for word, for every end state.

use super::*;

/// What every one of these stories says behind the headline.
fn identity(took: &str, more: &str) -> String {
    let fingerprint = plan().fingerprint();
    format!(
        "
run         01M8623HSG28T5CY4TQKFF04HM
from        stillme:v2 (222222222222)
to          stillme:v1 (111111111111)
strategy    create-first
fingerprint {fingerprint}
began       2026-11-24 05:57:50 UTC
took        {took}
{more}"
    )
}

const NOTHING_DONE: &str = "
steps
   1. create web.rbn: not reached
   2. stop web: not reached
   3. start web.rbn: not reached
   4. check web: not reached
   5. remove the old container: not reached
";

#[track_caller]
fn reads(story: &Story, headline: &str, identity: &str, rest: &str) {
    let shown = report(story).to_string();
    let expected = format!("{headline}\n{identity}{rest}");
    assert!(shown == expected, "--- shown\n{shown}\n--- expected\n{expected}");
}

#[test]
fn rolled_back() {
    reads(
        &pass().done("remove").end(EndState::RolledBack, "verified"),
        "ROLLED BACK docker/web to stillme:v1 (111111111111) in 2.8 s, verified: 200 in 3 ms, 3 in a row",
        &identity("2.8 s", ""),
        "
steps
   1. create web.rbn: done in 100 ms
   2. stop web: done in 100 ms
   3. start web.rbn: done in 100 ms
   4. check web: decided in 2.0 s
   5. remove the old container: done in 100 ms

verdict: pass
  pass: GET http://127.0.0.1:8080/healthz: 200 in 3 ms, 3 in a row (n=3: fewer than 64 % bad at 95 % confidence)
",
    );
}

#[test]
fn rolled_back_and_hardly_proven() {
    let accept = Entry::Accept { step: id("check"), reason: "ann: seen it".into() };
    let inconclusive = || Story::begin().switched().verdict(Outcome::Inconclusive, "no data");
    for (story, assured, next) in [
        (
            Story::begin().switched().verdict(Outcome::Pass, "still up after 10 s (weak)"),
            "in 2.6 s, WEAKLY verified: still up after 10 s (weak)",
            "# the verdict is weak: look at the service yourself; a health URL makes it stronger",
        ),
        (
            inconclusive().then(0, accept),
            "in 2.6 s, NOT PROVEN, accepted: ann: seen it",
            "# nothing proved that it works: look at the service yourself",
        ),
        (
            inconclusive(),
            "in 2.6 s, NOT PROVEN: the verdict stayed inconclusive",
            "# nothing proved that it works: look at the service yourself",
        ),
    ] {
        let report = report(&story.end(EndState::RolledBack, "kept"));
        let text = report.to_string();
        let headline = text.lines().next().unwrap();
        assert_eq!(
            headline,
            format!("ROLLED BACK docker/web to stillme:v1 (111111111111) {assured}")
        );
        assert_eq!(report.next, [next]);
    }
}

#[test]
fn already_there() {
    reads(
        &Story::begin().end(EndState::AlreadyThere, "it runs stillme:v1"),
        "NOTHING TO DO: docker/web already runs stillme:v1 (111111111111); nothing was touched",
        &identity("0 ms", ""),
        &format!(
            "{NOTHING_DONE}
next
  rollback versions docker web  # lists the versions to go back to
"
        ),
    );
}

#[test]
fn restored() {
    reads(
        &Story::begin()
            .switched()
            .verdict(Outcome::Fail, "500 in 3 ms")
            .evidence("/var/lib/runs/logs.txt", "exited with code 1 after 0.4 s")
            .turn_back("the verdict was fail")
            .undone("start")
            .undone("stop")
            .undone("create")
            .end(EndState::Restored, "the verdict was fail"),
        "NOT ROLLED BACK: docker/web runs stillme:v2 (222222222222) again, as before, after 3.2 s: the verdict was fail",
        &identity("3.2 s", "turned back the verdict was fail\n"),
        "
steps
   1. create web.rbn: done in 100 ms; undone in 100 ms
   2. stop web: done in 100 ms; undone in 100 ms
   3. start web.rbn: done in 100 ms; undone in 100 ms
   4. check web: FAILED in 2.0 s
   5. remove the old container: not reached

verdict: fail
  fail: GET http://127.0.0.1:8080/healthz: 500 in 3 ms

evidence
  exited with code 1 after 0.4 s
  /var/lib/runs/logs.txt (5 bytes)

next
  # read the evidence: it shows why the other version failed
  rollback versions docker web  # lists the versions to go back to
",
    );
}

#[test]
fn superseded() {
    let mut foreign = Foreign::new("container web is now 3f2a (stillme:v3)");
    foreign.who = Some("ann".into());
    let seen = Entry::Result {
        step: id("stop"),
        attempt: 1,
        direction: Direction::Do,
        outcome: StepOutcome::Failed,
        in_doubt: false,
        facts: Facts::new().with_foreign(foreign),
        error: Some(ErrorNote::text("stop web: it is another container")),
    };
    reads(
        &Story::begin().done("create").intent("stop", 1, Direction::Do).then(100, seen).end(
            EndState::Superseded,
            "somebody else deployed, theirs is untouched: web is now 3f2a",
        ),
        "SUPERSEDED docker/web: somebody else deployed, theirs is untouched: web is now 3f2a",
        &identity("400 ms", "found       container web is now 3f2a (stillme:v3), by ann\n"),
        &format!(
            "
steps
   1. create web.rbn: done in 100 ms
   2. stop web: FAILED in 100 ms
      stop web: it is another container
   3. start web.rbn: not reached
   4. check web: not reached
   5. remove the old container: not reached

left to do by hand, in this order
  docker rm web.rbn-{}

next
  # agree with whoever deployed, then make a new plan
  rollback versions docker web  # lists the versions to go back to
",
            run().short()
        ),
    );
}

/// What the switch touched belongs to somebody else now: no line that undoes it by being pasted.
#[test]
fn superseded_in_the_switch() {
    let story = Story::begin()
        .done("create")
        .done("stop")
        .end(EndState::Superseded, "web is another container");
    assert_eq!(
        report(&story).remaining,
        [
            "# only after a look: docker start web".to_owned(),
            format!("docker rm web.rbn-{}", run().short()),
        ]
    );
}

#[test]
fn refused() {
    reads(
        &Story::begin().end(EndState::Refused, "nothing was touched: old is down, not up"),
        "REFUSED docker/web: nothing was touched: old is down, not up",
        &identity("0 ms", ""),
        &format!(
            "{NOTHING_DONE}
next
  # put right what the reason names, and try again
"
        ),
    );
}

#[test]
fn stuck() {
    let refused = Some("start container: port is taken");
    reads(
        &Story::begin()
            .done("create")
            .done("stop")
            .intent("start", 1, Direction::Do)
            .result("start", 1, Direction::Do, StepOutcome::Failed, Some("no such file"))
            .turn_back("start failed")
            .intent("stop", 1, Direction::Undo)
            .result("stop", 1, Direction::Undo, StepOutcome::NotYet, refused)
            .intent("stop", 2, Direction::Undo)
            .result("stop", 2, Direction::Undo, StepOutcome::Failed, refused)
            .end(EndState::Stuck, "web can't be started again"),
        "STUCK: docker/web needs a person; what is left to do is below: web can't be started again",
        &identity("1.0 s", "turned back start failed\n"),
        &format!(
            "
steps
   1. create web.rbn: done in 100 ms
   2. stop web: done in 100 ms; UNDO FAILED in 300 ms, 2 attempts
      start container: port is taken
   3. start web.rbn: FAILED in 100 ms
      no such file
   4. check web: not reached
   5. remove the old container: not reached

left to do by hand, in this order
  docker start web
  docker rm web.rbn-{}

next
  # do what is left by hand in its order, and look at the target after each line
",
            run().short()
        ),
    );
}

#[test]
fn paused() {
    reads(
        &Story::begin()
            .switched()
            .verdict(Outcome::Inconclusive, "no data")
            .pause("the verdict stayed inconclusive"),
        "PAUSED: docker/web on its way from stillme:v2 (222222222222) to stillme:v1 (111111111111); nothing irreversible was done: the verdict stayed inconclusive",
        &identity("2.6 s", ""),
        &format!(
            "
steps
   1. create web.rbn: done in 100 ms
   2. stop web: done in 100 ms
   3. start web.rbn: done in 100 ms
   4. check web: undecided in 2.0 s
   5. remove the old container: not reached

verdict: inconclusive
  inconclusive: GET http://127.0.0.1:8080/healthz: no data

next
  rollback resume {run}  # goes on where it stopped
  rollback resume {run} --accept  # takes the inconclusive verdict for a pass
  rollback abort {run}  # takes back what it did
",
            run = run()
        ),
    );
}

#[test]
fn unfinished() {
    reads(
        &Story::begin()
            .done("create")
            .intent("stop", 1, Direction::Do)
            .resumed("pid 7 on \u{1b}[31mb")
            .then(0, Entry::TailRepaired { dropped: 17 }),
        "UNFINISHED: docker/web on its way from stillme:v2 (222222222222) to stillme:v1 (111111111111); the run works or was killed",
        &identity(
            "300 ms",
            "resumed     2026-11-24 06:57:50 UTC by pid 7 on \\u{1b}[31mb\n\
             repaired    a torn record of 17 bytes was dropped\n",
        ),
        &format!(
            "
steps
   1. create web.rbn: done in 100 ms
   2. stop web: no result
   3. start web.rbn: not reached
   4. check web: not reached
   5. remove the old container: not reached

next
  rollback resume {run}  # goes on where it stopped, unless it still works
  rollback abort {run}  # takes back what it did
",
            run = run()
        ),
    );
}
