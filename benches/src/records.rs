//! Records of a run that tried its first step again and again: legal, and as many as are wanted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stillme_rollback_core::journal::{Direction, Entry, ErrorNote, Record, StepOutcome};
use stillme_rollback_core::{Facts, Plan, RunId};

/// The identity of the run with a number.
pub fn run(number: u128) -> RunId {
    RunId::from_parts(SystemTime::UNIX_EPOCH, number)
}

/// So many records of a run of the plan, the first of which begins it.
pub fn of(plan: Plan, count: u32) -> Vec<Record> {
    let plan = Arc::new(plan);
    let begin = Entry::Begin { fingerprint: plan.fingerprint(), plan: Arc::clone(&plan) };
    let following = (1..count).map(|seq| following(&plan, seq));
    let entries = std::iter::once(begin).chain(following);
    (0..).zip(entries).map(|(seq, entry)| record(seq, entry)).collect()
}

/// Intents with odd numbers, their results with even ones.
fn following(plan: &Plan, seq: u32) -> Entry {
    let (step, attempt) = (plan.steps[0].id.clone(), seq.div_ceil(2));
    let direction = Direction::Do;
    if seq % 2 == 1 {
        return Entry::Intent { step, attempt, direction };
    }
    Entry::Result {
        step,
        attempt,
        direction,
        outcome: StepOutcome::NotYet,
        in_doubt: false,
        facts: Facts::new().with("name", "old").with("old", "up").with("new", "absent"),
        error: Some(ErrorNote::text(format!("no answer to attempt {attempt}"))),
    }
}

fn record(seq: u64, entry: Entry) -> Record {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_442_709_123 + seq);
    Record::new(seq, 1, at, seq, entry)
}
