//! What a plan says beside its steps.

use serde_json::Value;
use stillme_rollback_core::{Note, Printable};

use crate::detail::Detail;
use crate::history::Revision;
use crate::object::text;
use crate::owners::owners;

/// What users will feel.
pub(super) fn expected_outage(workload: &Value) -> String {
    if text(workload, "/spec/strategy/type") == "Recreate" {
        return "all pods end before new ones start: the boot time of the service".to_owned();
    }
    let unavailable = workload.pointer("/spec/strategy/rollingUpdate/maxUnavailable");
    let unavailable = match unavailable {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "25%".to_owned(),
    };
    format!("none, with up to {unavailable} of the pods missing meanwhile")
}

/// What the reader should know before saying yes.
pub(super) fn notes(detail: &Detail, from: &Revision, to: &Revision) -> Vec<Note> {
    let mut notes = vec![images(from, to)];
    if !to.verified {
        notes.push(Note::info(
            "no rollback has verified that version; whether it ever was ready is not known",
        ));
    }
    if to.left {
        notes.push(Note::warning(
            "a rollback went away from that version: going there takes that rollback back",
        ));
    }
    notes.extend(
        owners(&detail.workload)
            .iter()
            .map(|owner| Note::warning(Printable(&owner.to_string()).to_string())),
    );
    for name in &detail.preflight.autoscalers {
        notes.push(Note::info(format!(
            "autoscaler {name} goes on scaling it: replicas are not touched"
        )));
    }
    if detail.workload.pointer("/spec/replicas") == Some(&0.into()) {
        notes.push(Note::warning(
            "no replicas are wanted: nothing will run, and nothing can be proven",
        ));
    }
    for what in &detail.preflight.not_checked {
        notes.push(Note::info(format!("not checked: {}", Printable(what))));
    }
    notes.push(Note::info("ConfigMaps, Secrets and other objects stay as they are"));
    notes
}

fn images(from: &Revision, to: &Revision) -> Note {
    let before = |name: &str| from.images.iter().find(|(known, _)| known == name);
    let changes: Vec<_> = to
        .images
        .iter()
        .map(|(name, image)| match before(name) {
            Some((_, old)) if old == image => format!("{name} stays {image}"),
            Some((_, old)) => format!("{name} {old} → {image}"),
            None => format!("{name} comes back with {image}"),
        })
        .collect();
    let cause = to.change_cause.as_deref().map(|cause| format!(" (deployed as: {cause})"));
    let text = format!(
        "revision {} of {}: {}{}",
        to.number,
        to.created,
        changes.join(", "),
        cause.unwrap_or_default()
    );
    Note::info(Printable(&text).to_string())
}
