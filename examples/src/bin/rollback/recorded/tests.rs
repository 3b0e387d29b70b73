use std::time::{Duration, SystemTime};

use stillme_rollback_core::Version;
use stillme_rollback_core::journal::{Entry, Record};
use stillme_rollback_core::{
    Action, Check, Condition, Outcome, Phase, Plan, Step, StepId, StepKind, Verdict,
};

use super::*;

fn release(name: &str) -> Release {
    Release::new(Version::new(name).unwrap())
}

fn target(name: &str) -> Target {
    Target::new("docker", "e", name).unwrap()
}

fn run_id(n: u64) -> RunId {
    RunId::from_parts(SystemTime::UNIX_EPOCH + Duration::from_secs(n), u128::from(n))
}

/// The report of a run from one version to another that came to this verdict and ended so.
fn report(n: u64, from: &str, to: &str, outcome: Outcome, end: Option<EndState>) -> Report {
    let verify = StepId::new("verify").unwrap();
    let mut plan = Plan::new("s", target("web"), release(from), release(to));
    let action = Action::new("go", serde_json::Value::Null);
    let go = StepId::new("go").unwrap();
    plan.steps = vec![
        Step::apply(go, Phase::Switch, StepKind::Observable, "go", action)
            .makes(Condition::new().is("a", "b")),
        Step::verdict(verify.clone(), "check", Duration::from_secs(1)),
    ];
    let fingerprint = plan.fingerprint();
    let verdict = Verdict::of(vec![Check::new("c", outcome, "e")]);
    let mut entries = vec![
        Entry::Begin { plan: plan.into(), fingerprint },
        Entry::Verdict { step: verify, verdict },
    ];
    entries.extend(end.map(|state| Entry::End { state, reason: String::new() }));
    let records: Vec<_> = (0..)
        .zip(entries)
        .map(|(seq, entry)| Record::new(seq, 1, SystemTime::UNIX_EPOCH, 0, entry))
        .collect();
    Report::from_records(run_id(n), &records).unwrap()
}

fn told(reports: Vec<Report>) -> Vec<String> {
    let recorded = Recorded { reports, unreadable: Vec::new() };
    let releases = recorded.releases(&target("web"));
    let word = |release: &Release| match release.evidence.as_slice() {
        [Evidence::VerifiedBy { run }] => format!("{release} good {run}"),
        [Evidence::LeftBy { run }] => format!("{release} left {run}"),
        other => panic!("{other:?}"),
    };
    releases.iter().map(word).collect()
}

#[test]
fn the_latest_word_on_a_release_counts() {
    use EndState::{Restored, RolledBack};
    use Outcome::{Inconclusive, Pass};
    let good = |n, name| format!("{name} good {}", run_id(n));
    let left = |n, name| format!("{name} left {}", run_id(n));
    for (reports, expected) in [
        (vec![], vec![]),
        (vec![report(1, "b", "a", Pass, Some(RolledBack))], vec![good(1, "a"), left(1, "b")]),
        // Left, and gone back to later.
        (
            vec![
                report(2, "a", "b", Pass, Some(RolledBack)),
                report(1, "b", "a", Pass, Some(RolledBack)),
            ],
            vec![good(2, "b"), left(2, "a")],
        ),
        // What came to nothing says nothing.
        (vec![report(1, "b", "a", Pass, Some(Restored))], vec![]),
        (vec![report(1, "b", "a", Pass, None)], vec![]),
        // Kept without a verdict: it is not called good.
        (vec![report(1, "b", "a", Inconclusive, Some(RolledBack))], vec![left(1, "b")]),
    ] {
        assert_eq!(told(reports), expected);
    }
}

#[test]
fn another_targets_runs_say_nothing() {
    let reports = vec![report(1, "b", "a", Outcome::Pass, Some(EndState::RolledBack))];
    let recorded = Recorded { reports, unreadable: Vec::new() };
    assert!(recorded.releases(&target("db")).is_empty());
}

#[test]
fn what_can_be_resumed_is_unfinished() {
    let states = [None, Some(EndState::Paused), Some(EndState::Restored), Some(EndState::Stuck)];
    let reports: Vec<_> = (1..)
        .zip(states)
        .map(|(n, state)| {
            let mut report = report(n, "b", "a", Outcome::Fail, None);
            report.state = state;
            report
        })
        .collect();
    let recorded = Recorded { reports, unreadable: Vec::new() };
    let unfinished: Vec<_> = recorded.unfinished().map(|report| report.state).collect();
    assert_eq!(unfinished, [None, Some(EndState::Paused)]);
}

#[test]
fn a_run_is_found_by_its_id_or_the_end_of_it() {
    let (one, two) = (run_id(1), RunId::from_parts(SystemTime::UNIX_EPOCH, 1 << 70));
    let other = run_id(0x1234_5678);
    let runs = [one, two, other];
    let whole = other.to_string();
    assert_eq!(choose(&runs, &whole).unwrap(), other);
    assert_eq!(choose(&runs, &whole.to_lowercase()).unwrap(), other);
    assert_eq!(choose(&runs, &other.short()).unwrap(), other);
    assert_eq!(choose(&runs, &whole[21..]).unwrap(), other);
    // A whole id is taken as it is: the journal says whether there is such a run.
    assert_eq!(choose(&[], &whole).unwrap(), other);
    for (text, kind) in [
        ("zzzz", ErrorKind::NotFound),
        ("", ErrorKind::InvalidInput),
        ("0", ErrorKind::InvalidInput),
        ("../../etc/passwd", ErrorKind::InvalidInput),
        ("0000\u{1b}[2J", ErrorKind::InvalidInput),
        ("\u{430}bcd", ErrorKind::InvalidInput),
    ] {
        assert_eq!(choose(&runs, text).unwrap_err().kind(), kind, "{text}");
    }
    let alike = [run_id(1), RunId::from_parts(SystemTime::UNIX_EPOCH, 1)];
    assert_eq!(choose(&alike, &one.short()).unwrap_err().kind(), ErrorKind::Conflict);
}
