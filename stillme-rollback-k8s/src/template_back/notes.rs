//! What a plan says beside its steps.

use serde_json::Value;
use stillme_rollback_core::{Note, Printable};

use crate::argo;
use crate::detail::Detail;
use crate::history::Revision;
use crate::names::{Kind, WorkloadRef};
use crate::object::text;
use crate::owners::owners;

/// What users will feel.
pub(super) fn expected_outage(kind: Kind, workload: &Value) -> String {
    if kind == Kind::Rollout {
        return "none: its controller moves the requests when the pods are ready".to_owned();
    }
    if !kind.replaces_pods(workload) {
        return "none, with one of the pods missing at a time".to_owned();
    }
    if text(workload, "/spec/strategy/type") == "Recreate" {
        return "all pods end before new ones start: the boot time of the service".to_owned();
    }
    let (path, usual) = match kind {
        Kind::Deployment | Kind::Rollout => ("/spec/strategy/rollingUpdate/maxUnavailable", "25%"),
        Kind::StatefulSet | Kind::DaemonSet => {
            ("/spec/updateStrategy/rollingUpdate/maxUnavailable", "1")
        }
    };
    let unavailable = match workload.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => usual.to_owned(),
    };
    format!("none, with up to {unavailable} of the pods missing meanwhile")
}

/// What the reader should know before saying yes.
pub(super) fn notes(
    workload: &WorkloadRef,
    detail: &Detail,
    from: &Revision,
    to: &Revision,
) -> Vec<Note> {
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
    if workload.kind == Kind::Rollout {
        notes.push(Note::info(format!("now: {}", Printable(&argo::told(&detail.workload)))));
    }
    let partition = workload.kind.partition(&detail.workload);
    if partition > 0 {
        notes.push(Note::warning(format!(
            "its partition is {partition}: pods with a number below that stay as they are"
        )));
    }
    if workload.kind.wanted_pods(&detail.workload) == 0 {
        notes
            .push(Note::warning("no pods are wanted: nothing will run, and nothing can be proven"));
    }
    for what in &detail.preflight.not_checked {
        notes.push(Note::info(format!("not checked: {}", Printable(what))));
    }
    let rest = match workload.kind {
        Kind::StatefulSet => "ConfigMaps, Secrets, volumes and what is in them stay as they are",
        Kind::Deployment | Kind::DaemonSet | Kind::Rollout => {
            "ConfigMaps, Secrets and other objects stay as they are"
        }
    };
    notes.push(Note::info(rest));
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
