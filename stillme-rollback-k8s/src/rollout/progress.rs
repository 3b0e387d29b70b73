//! How far a rollout is: a pure function of what the cluster shows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::argo;

use super::pods::{self, GRACE, Outlook, Trouble};
use crate::names::Kind;
use crate::object::{self, number, text};

/// What is judged.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// The workload.
    pub(crate) workload: &'a Value,
    /// All its pods.
    pub(crate) pods: Vec<&'a Value>,
    /// The label of the pods of the version that shall run.
    pub(crate) version: &'a str,
    /// The restarts of pods when they were seen first, by uid.
    pub(crate) before: &'a BTreeMap<String, i64>,
    /// How long it has been watched.
    pub(crate) watched: Duration,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Only pods of the version run, all of them available.
    Done {
        /// How many.
        pods: i64,
    },
    /// Nothing shall run, so nothing can be seen.
    Nothing,
    /// Not yet, and this is missing.
    Waiting(String),
    /// It will not get there.
    Failed(String),
}

/// Judges it. The controller's `Progressing` condition is not read: after an undo it may be the one from before
/// (it is reset at the next progress, not at a new wish), so its deadline would be somebody else's.
pub(crate) fn progress(scene: &Scene<'_>) -> Progress {
    let workload = scene.workload;
    if !object::is_observed(workload) {
        return Progress::Waiting("the controller has not seen the new template yet".to_owned());
    }
    let wanted = scene.kind.wanted_pods(workload);
    if wanted == 0 {
        return Progress::Nothing;
    }
    let is_ours = |pod: &&Value| object::label(pod, scene.kind.pod_label()) == Some(scene.version);
    let (ours, others): (Vec<_>, Vec<_>) =
        scene.pods.iter().filter(|pod| !is_kept_back(scene, pod)).partition(|pod| is_ours(pod));
    let troubles = troubles(&ours, scene.before);
    if let Some(why) =
        hopeless(&troubles, scene.watched).or_else(|| no_pods(workload, scene.watched))
    {
        return Progress::Failed(why);
    }
    if let Some(why) = argo::invalid(workload).filter(|_| scene.kind == Kind::Rollout) {
        return Progress::Failed(format!("its controller refuses it: {why}"));
    }
    let kept_back = scene.pods.iter().filter(|pod| is_kept_back(scene, pod)).count();
    let wanted = (wanted - i64::try_from(kept_back).unwrap_or(i64::MAX)).max(0);
    let ready = ours.iter().filter(|pod| pods::is_ready(pod) && !object::is_ending(pod)).count();
    let is_complete = counts_are(scene.kind, workload, wanted)
        && (others.is_empty() || scene.kind == Kind::Rollout && argo::is_blue_green(workload))
        && is_stable(scene)
        && i64::try_from(ready).is_ok_and(|ready| ready == wanted);
    if is_complete {
        return Progress::Done { pods: wanted };
    }
    let mut missing = vec![format!("{ready} of {wanted} pods are ready")];
    if !others.is_empty() {
        let ending = others.iter().filter(|pod| object::is_ending(pod)).count();
        missing.push(format!(
            "{} pods of other versions are there, {ending} of them ending",
            others.len()
        ));
    }
    if scene.kind == Kind::Rollout {
        missing.push(argo::told(workload));
    } else if workload.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        missing.push("it is paused, so that its controller does nothing".to_owned());
    }
    missing.extend(troubles.first().map(|(pod, trouble)| format!("pod {pod}: {trouble}")));
    Progress::Waiting(missing.join("; "))
}

/// Whether a partition keeps a pod at the version that it has.
fn is_kept_back(scene: &Scene<'_>, pod: &Value) -> bool {
    let partition = scene.kind.partition(scene.workload);
    let ordinal = object::name(pod).rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    partition > 0 && ordinal.is_some_and(|ordinal: i64| ordinal < partition)
}

/// Whether a Rollout's controller calls the version the stable one, and sends all requests to it.
fn is_stable(scene: &Scene<'_>) -> bool {
    let (workload, version) = (scene.workload, scene.version);
    if scene.kind != Kind::Rollout {
        return true;
    }
    let sends = match argo::is_blue_green(workload) {
        true => text(workload, "/status/blueGreen/activeSelector") == version,
        false => true,
    };
    argo::stable_hash(workload) == version && argo::current_hash(workload) == version && sends
}

/// Whether the controller counts as many pods of the template as are wanted, and no others.
fn counts_are(kind: Kind, workload: &Value, wanted: i64) -> bool {
    let all = |keys: &[&str]| {
        keys.iter().all(|key| number(workload, &format!("/status/{key}")) == wanted)
    };
    match kind {
        Kind::Deployment => all(&["updatedReplicas", "replicas", "availableReplicas"]),
        // The controller counts those of the template, also where a partition keeps others back. When all are of one
        // version, it calls that the current one, and counts them there.
        Kind::StatefulSet => {
            let is_one = text(workload, "/status/currentRevision")
                == text(workload, "/status/updateRevision");
            is_one || number(workload, "/status/updatedReplicas") >= wanted
        }
        // The ReplicaSet that a Rollout's Service sent to before is kept for a while, in case of a way back.
        Kind::Rollout if argo::is_blue_green(workload) => all(&["updatedReplicas"]),
        Kind::Rollout => all(&["updatedReplicas", "replicas", "availableReplicas"]),
        Kind::DaemonSet => {
            all(&["updatedNumberScheduled", "currentNumberScheduled", "numberAvailable"])
        }
    }
}

fn troubles(pods: &[&&Value], before: &BTreeMap<String, i64>) -> Vec<(String, Trouble)> {
    let living = pods.iter().filter(|pod| !object::is_ending(pod));
    let mut found: Vec<_> = living
        .filter_map(|pod| {
            let before = before.get(object::uid(pod).as_str()).copied().unwrap_or_default();
            Some((object::name(pod).to_owned(), pods::trouble(pod, before)?))
        })
        .collect();
    found.sort_by_key(|(_, trouble)| trouble.outlook() != Outlook::Hopeless);
    found
}

/// Why these pods will not get ready, with no time given to what may pass.
pub(crate) fn hopeless_pods(pods: &[&Value]) -> Option<String> {
    let pods: Vec<_> = pods.iter().collect();
    hopeless(&troubles(&pods, &BTreeMap::new()), Duration::ZERO)
}

/// All pods that are not ready are hopeless. As long as one may get there, so may the others on another node.
fn hopeless(troubles: &[(String, Trouble)], watched: Duration) -> Option<String> {
    let is_hopeless = |trouble: &Trouble| match trouble.outlook() {
        Outlook::Hopeless => true,
        Outlook::Doubtful => watched > GRACE,
        Outlook::Usual => false,
    };
    let all = !troubles.is_empty() && troubles.iter().all(|(_, trouble)| is_hopeless(trouble));
    let (pod, trouble) = troubles.first().filter(|_| all)?;
    let more = troubles.len() - 1;
    let others = if more > 0 { format!(", and {more} more") } else { String::new() };
    Some(format!("pod {pod}: {trouble}{others}"))
}

/// Why no pod can be made: a quota, or what admission says.
fn no_pods(workload: &Value, watched: Duration) -> Option<String> {
    // Long enough for a failure of the version before to be taken off again.
    if watched < Duration::from_secs(1) {
        return None;
    }
    let all = workload.pointer("/status/conditions")?.as_array()?;
    let failure = all.iter().find(|condition| {
        text(condition, "/type") == "ReplicaFailure"
            && text(condition, "/status") == "True"
            && text(condition, "/reason") == "FailedCreate"
    })?;
    let said: String = text(failure, "/message").chars().take(300).collect();
    Some(format!("no pod can be made: {said}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::HASH_LABEL;

    fn workload(updated: i64, available: i64, all: i64) -> Value {
        json!({
            "metadata": {"generation": 2}, "spec": {"replicas": 2},
            "status": {
                "observedGeneration": 2, "updatedReplicas": updated,
                "availableReplicas": available, "replicas": all,
                // From before: it must not be believed.
                "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
            },
        })
    }

    fn pod(name: &str, hash: &str, ready: bool) -> Value {
        json!({
            "metadata": {"name": name, "uid": name, "labels": {HASH_LABEL: hash}},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }},
            ]},
        })
    }

    fn failing(name: &str, message: &str) -> Value {
        let mut pod = pod(name, "to", false);
        pod["status"]["containerStatuses"] =
            json!([{"state": {"waiting": {"reason": "ErrImagePull", "message": message}}}]);
        pod
    }

    fn judged(workload: &Value, pods: &[Value], watched: u64) -> Progress {
        let watched = Duration::from_secs(watched);
        let pods = pods.iter().collect();
        progress(&Scene {
            kind: Kind::Deployment,
            workload,
            pods,
            version: "to",
            before: &BTreeMap::new(),
            watched,
        })
    }

    #[test]
    fn it_is_done_when_only_available_pods_of_the_version_are_there() {
        let both = [pod("a", "to", true), pod("b", "to", true)];
        assert_eq!(judged(&workload(2, 2, 2), &both, 0), Progress::Done { pods: 2 });
        for (status, pods) in [
            (workload(1, 2, 2), both.to_vec()),
            (workload(2, 1, 2), both.to_vec()),
            (workload(2, 2, 3), both.to_vec()),
            (workload(2, 2, 2), vec![pod("a", "to", true), pod("b", "to", false)]),
            (workload(2, 2, 2), vec![pod("a", "to", true)]),
            (workload(2, 2, 2), [&both[..], &[pod("c", "from", true)]].concat()),
        ] {
            assert!(matches!(judged(&status, &pods, 0), Progress::Waiting(_)), "{status}");
        }
    }

    #[test]
    fn what_the_controller_has_not_seen_says_nothing() {
        let mut stale = workload(2, 2, 2);
        stale["metadata"]["generation"] = 3.into();
        let pods = [pod("a", "to", true), pod("b", "to", true)];
        assert!(
            matches!(judged(&stale, &pods, 0), Progress::Waiting(why) if why.contains("not seen"))
        );
    }

    #[test]
    fn no_replicas_prove_nothing() {
        let mut none = workload(0, 0, 0);
        none["spec"]["replicas"] = 0.into();
        assert_eq!(judged(&none, &[], 0), Progress::Nothing);
    }

    #[test]
    fn it_fails_when_every_pod_that_is_not_ready_is_hopeless() {
        let gone = failing("a", "not found");
        let timeout = failing("b", "i/o timeout");
        let status = workload(2, 0, 2);
        assert!(
            matches!(judged(&status, std::slice::from_ref(&gone), 0), Progress::Failed(why) if why.contains("pod a"))
        );
        assert!(matches!(
            judged(&status, &[gone.clone(), timeout.clone()], 0),
            Progress::Waiting(_)
        ));
        assert!(matches!(judged(&status, &[gone.clone(), timeout], 61), Progress::Failed(_)));
        assert!(matches!(
            judged(&status, &[gone.clone(), pod("c", "to", false)], 61),
            Progress::Waiting(_)
        ));
        // A pod of another version has no say.
        let mut other = gone;
        other["metadata"]["labels"][HASH_LABEL] = "from".into();
        assert!(matches!(judged(&status, &[other], 61), Progress::Waiting(_)));
    }

    #[test]
    fn a_quota_is_told() {
        let mut refused = workload(0, 0, 0);
        refused["status"]["conditions"] = json!([{
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
            "message": "pods \"web\" is forbidden: exceeded quota",
        }]);
        assert!(matches!(judged(&refused, &[], 0), Progress::Waiting(_)));
        assert!(matches!(judged(&refused, &[], 2), Progress::Failed(why) if why.contains("quota")));
    }
}
