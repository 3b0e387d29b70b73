use super::*;
use crate::id::StepId;
use crate::step::{Action, Work};
use crate::target::Version;

fn step(name: &str, phase: Phase) -> Step {
    let id = StepId::new(name).unwrap();
    if phase == Phase::Verify {
        return Step::verdict(id, name, Duration::from_secs(1));
    }
    Step::apply(id, phase, StepKind::Observable, name, Action::new(name, serde_json::Value::Null))
        .makes(Condition::new().is(name, "done"))
        .undo(Undo::Restores(Condition::new().is(name, "not done")))
}

fn plan(steps: Vec<Step>) -> Plan {
    let release = |v: &str| Release::new(Version::new(v).unwrap());
    let mut plan =
        Plan::new("test", Target::new("memory", "m", "web").unwrap(), release("v2"), release("v1"));
    plan.starts = Condition::new().is("old", "up");
    plan.steps = steps;
    plan
}

fn legal() -> Vec<Step> {
    vec![
        step("create", Phase::Prepare),
        step("stop", Phase::Switch),
        step("verify", Phase::Verify),
        step("rename", Phase::Commit),
    ]
}

#[test]
fn a_legal_plan_passes_and_reads_as_text() {
    let plan = plan(legal());
    plan.check().unwrap();
    let text = plan.to_string();
    for part in ["memory/web back to v1", "prepare", "switch", "verify", "commit", "fingerprint"] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
}

#[test]
fn each_law_is_enforced() {
    type Break = fn(&mut Plan);
    let cases: [(&str, Break); 8] = [
        ("no steps", |p| p.steps.clear()),
        ("stands twice", |p| p.steps[1].id = p.steps[0].id.clone()),
        ("earlier phase", |p| p.steps.swap(0, 1)),
        ("mixes up", |p| p.steps[2].work = Work::Apply(Action::new("x", serde_json::Value::Null))),
        ("without a verdict", |p| {
            p.steps.remove(2);
        }),
        ("nothing to observe", |p| p.steps[0].makes = Condition::new()),
        ("not in commit", |p| p.steps[1].undo = Undo::Impossible),
        ("before one that can", |p| {
            let mut last = step("forget", Phase::Commit);
            last.undo = Undo::Impossible;
            p.steps.insert(3, last);
        }),
    ];
    for (text, break_it) in cases {
        let mut plan = plan(legal());
        break_it(&mut plan);
        let error = plan.check().expect_err(text);
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
}

#[test]
fn a_newer_format_is_refused() {
    let mut plan = plan(legal());
    plan.format = PLAN_FORMAT + 1;
    assert_eq!(plan.check().unwrap_err().kind(), ErrorKind::UnknownFormat);
}

#[test]
fn the_fingerprint_survives_serialisation_and_sees_every_change() {
    let plan = plan(legal());
    let text = serde_json::to_string(&plan).unwrap();
    let again: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(again, plan);
    assert_eq!(again.fingerprint(), plan.fingerprint());
    let mut other = plan.clone();
    other.deadline_ms += 1;
    assert_ne!(other.fingerprint(), plan.fingerprint());
}

#[test]
fn the_last_word_on_each_fact_counts_at_the_end() {
    let mut steps = legal();
    steps[3] = steps[3].clone().makes(Condition::new().is("create", "gone"));
    let ends = plan(steps).ends();
    assert_eq!(ends, Condition::new().is("create", "gone").is("stop", "done"));
}

#[test]
fn the_diff_names_what_is_different() {
    let diff = plan(legal()).diff(&Facts::new().with("old", "down"));
    assert_eq!(diff[0].to_string(), "old is down, not up");
}
