//! A plan and the records of a run, legal in every respect, for suites that need some.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::journal::{Direction, Entry, ErrorNote, Record, StepOutcome};
use crate::{
    Action, Condition, Facts, Phase, Plan, Release, Step, StepId, StepKind, Target, Undo, Version,
};

#[expect(clippy::expect_used, reason = "the names below are fixed and fit")]
pub(crate) fn plan() -> Arc<Plan> {
    let release = |version| Release::new(Version::new(version).expect("a version"));
    let target = Target::new("memory", "conformance", "web").expect("a target");
    let mut plan = Plan::new("sample", target, release("v2"), release("v1"));
    plan.starts = Condition::new().is("old", "up");
    plan.steps = vec![
        Step::apply(
            stop(),
            Phase::Switch,
            StepKind::Observable,
            "stop the old one",
            Action::new("stop", serde_json::Value::Null),
        )
        .makes(Condition::new().is("old", "down"))
        .undo(Undo::Restores(Condition::new().is("old", "up"))),
        Step::verdict(
            StepId::new("verify").expect("a step's name"),
            "see whether it works",
            Duration::from_secs(1),
        ),
    ];
    plan.check().expect("a legal plan");
    Arc::new(plan)
}

#[expect(clippy::expect_used, reason = "the name is fixed and fits")]
fn stop() -> StepId {
    StepId::new("stop").expect("a step's name")
}

/// The first record of a run.
pub(crate) fn begin(plan: &Arc<Plan>) -> Record {
    record(0, Entry::Begin { plan: Arc::clone(plan), fingerprint: plan.fingerprint() })
}

/// The record with this `seq`, from 1: intents with odd ones, their results with even ones.
pub(crate) fn following(seq: u64) -> Record {
    let attempt = u32::try_from(seq.div_ceil(2)).unwrap_or(u32::MAX);
    let (step, direction) = (stop(), Direction::Do);
    record(
        seq,
        if seq % 2 == 1 {
            Entry::Intent { step, attempt, direction }
        } else {
            Entry::Result {
                step,
                attempt,
                direction,
                outcome: StepOutcome::NotYet,
                in_doubt: false,
                facts: Facts::new().with("old", "up"),
                error: Some(ErrorNote::text(format!("no answer, attempt {attempt}"))),
            }
        },
    )
}

/// The first `count` records of a run.
pub(crate) fn records(count: u64) -> Vec<Record> {
    let first = begin(&plan());
    std::iter::once(first).chain((1..count).map(following)).collect()
}

pub(crate) fn record(seq: u64, entry: Entry) -> Record {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_442_709_123 + seq);
    Record::new(seq, 1, at, seq, entry)
}

/// The identity of a run, as many as there are numbers: the higher the number, the later.
#[cfg(test)]
pub(crate) fn run(number: u64) -> crate::RunId {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_442_709_123 + number);
    crate::RunId::from_parts(at, 0x0123_4567_89ab_cdef_0123)
}
