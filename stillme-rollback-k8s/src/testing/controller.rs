//! What the controllers of the model do, until there is nothing left for them to do.

use serde_json::{Value, json};

use super::model::ClusterModel;
use crate::argo;
use crate::names::Kind;
use crate::object;

/// Keeps the template as a version with the highest number, and brings the pods to it.
pub(super) fn reconcile(model: &mut ClusterModel) {
    let Some(workload) = &model.workload else { return };
    let wanted = workload["spec"]["template"].clone();
    let highest = model.kept.iter().map(|kept| model.kind.kept_number(kept)).max().unwrap_or(0);
    let known = model.kept.iter().position(|kept| model.kind.kept_template(kept) == wanted);
    let at = known.unwrap_or_else(|| {
        let kept = keep(model.kind, object::name(workload), model.kept.len() + 1, wanted);
        model.kept.push(kept);
        model.kept.len() - 1
    });
    let kept = &mut model.kept[at];
    if has_replica_sets(model.kind) || known.is_none() {
        let annotations = workload["metadata"]["annotations"].as_object().into_iter().flatten();
        for (key, value) in annotations {
            kept["metadata"]["annotations"][key] = value.clone();
        }
    }
    let number = model.kind.kept_number(kept);
    if number < highest || number == 0 {
        renumber(model.kind, kept, highest + 1);
    }
    if let Some(workload) = &mut model.workload {
        workload["status"]["observedGeneration"] = workload["metadata"]["generation"].clone();
    }
    match model.kind {
        Kind::StatefulSet => pods(model, at),
        Kind::Rollout => begin_update(model, at),
        Kind::Deployment | Kind::DaemonSet => {}
    }
}

const fn has_replica_sets(kind: Kind) -> bool {
    matches!(kind, Kind::Deployment | Kind::Rollout)
}

/// A Rollout's controller begins an update, and is held up at a step. A word of an earlier one is forgotten.
fn begin_update(model: &mut ClusterModel, current: usize) {
    let hash = object::label(&model.kept[current], argo::HASH_LABEL).unwrap_or_default().to_owned();
    let Some(workload) = &mut model.workload else { return };
    if argo::current_hash(workload) == hash {
        return;
    }
    workload["status"]["promoteFull"] = false.into();
    workload["status"]["currentPodHash"] = hash.clone().into();
    if argo::stable_hash(workload).is_empty() {
        workload["status"]["stableRS"] = hash.into();
    }
}

/// It goes on without steps, when it was told to.
pub(super) fn promote(model: &mut ClusterModel) {
    let Some(workload) = &mut model.workload else { return };
    workload["status"]["stableRS"] = workload["status"]["currentPodHash"].clone();
    workload["status"]["promoteFull"] = false.into();
}

fn keep(kind: Kind, workload: &str, number: usize, mut template: Value) -> Value {
    let hash = format!("h{number}");
    let mut kept = json!({
        "metadata": {
            "name": format!("{workload}-{hash}"), "uid": hash, "labels": {}, "annotations": {},
            "ownerReferences": [{"uid": "workload", "controller": true}],
        },
    });
    if has_replica_sets(kind) {
        kept["metadata"]["labels"][kind.pod_label()] = hash.clone().into();
        template["metadata"]["labels"][kind.pod_label()] = hash.into();
        kept["spec"]["template"] = template;
    } else {
        template["$patch"] = "replace".into();
        kept["data"]["spec"]["template"] = template;
    }
    kept
}

fn renumber(kind: Kind, kept: &mut Value, number: i64) {
    let number_of = match kind {
        Kind::Deployment => "deployment.kubernetes.io/revision",
        Kind::Rollout => argo::REVISION,
        Kind::StatefulSet | Kind::DaemonSet => {
            kept["revision"] = number.into();
            return;
        }
    };
    kept["metadata"]["annotations"][number_of] = number.to_string().into();
}

/// The pods of a StatefulSet, in order: as long as one is not ready, nothing else is done. A pod that is missing is made
/// from the template.
fn pods(model: &mut ClusterModel, current: usize) {
    let Some(workload) = model.workload.clone() else { return };
    let wanted = Kind::StatefulSet.wanted_pods(&workload);
    let version = object::name(&model.kept[current]).to_owned();
    loop {
        for number in 0..wanted {
            let name = format!("{}-{number}", object::name(&workload));
            if !model.pods.iter().any(|pod| object::name(pod) == name) {
                let pod = made(model, &name, current);
                model.pods.push(pod);
            }
        }
        model.pods.sort_by(|a, b| object::name(a).cmp(object::name(b)));
        let is_held_up = model.pods.iter().any(|pod| !crate::rollout::is_ready(pod));
        if is_held_up || !Kind::StatefulSet.replaces_pods(&workload) {
            return;
        }
        let label = Kind::StatefulSet.pod_label();
        let is_old = |pod: &Value| object::label(pod, label) != Some(version.as_str());
        match model.pods.iter().rposition(is_old) {
            Some(at) => drop(model.pods.remove(at)),
            None => return,
        }
    }
}

fn made(model: &mut ClusterModel, name: &str, version: usize) -> Value {
    model.made += 1;
    let kept = &model.kept[version];
    let image = &kept["data"]["spec"]["template"]["spec"]["containers"][0]["image"];
    let is_sick = model.sick.iter().any(|sick| image == sick.as_str());
    json!({
        "metadata": {
            "name": name, "uid": format!("pod-{}", model.made),
            "labels": {Kind::StatefulSet.pod_label(): object::name(kept)},
            "ownerReferences": [{"uid": "workload", "controller": true}],
        },
        "status": {"conditions": [{"type": "Ready", "status": if is_sick { "False" } else { "True" }}]},
    })
}

/// A pod for a view: all but who it is.
pub(super) fn told(pod: &Value) -> String {
    let version = object::label(pod, Kind::StatefulSet.pod_label()).unwrap_or_default();
    let ready = if crate::rollout::is_ready(pod) { "ready" } else { "not ready" };
    format!("{} of {version}, {ready}", object::name(pod))
}
