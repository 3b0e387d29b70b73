//! A template that is put back at once, with nothing asked and nothing proven.

use stillme_rollback_core::{Note, Purpose, Step};

use crate::history::Revision;
use crate::names::WorkloadRef;

/// What it does, in words that promise no more.
pub(super) fn purpose(workload: &WorkloadRef, from: &Revision, to: &Revision) -> Purpose {
    let version = format!("revision {} ({})", to.number, to.hash);
    Purpose::new(
        format!("put the template of {version} into {workload} at once"),
        format!("PUT BACK {workload}: it has the template of {version}; NOTHING IS VERIFIED"),
        format!("NOT PUT BACK {workload}: it has its template as before"),
    )
    .taken_back_by(format!(
        "rollback {} {} -n {} --to hash:{}",
        workload.kind, workload.name, workload.namespace, from.hash
    ))
}

/// What it goes past.
pub(super) fn notes() -> Vec<Note> {
    vec![
        Note::warning(
            "no verdict: whether its pods get ready is not waited for, and a version that does not work stays",
        ),
        Note::warning(
            "not asked: whether one may do all of it, what the server would say of the template, whether its ConfigMaps and Secrets are there, who would take it back",
        ),
    ]
}

/// Leaves the steps that prove something out.
pub(super) fn without_proof(steps: &mut Vec<Step>) {
    steps.retain(|step| !step.is_verdict() && step.id.as_str() != super::MARK);
}
