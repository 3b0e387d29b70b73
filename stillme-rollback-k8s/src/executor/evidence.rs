//! What a failed version left behind, before its pods are gone: states, events, logs.

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use stillme_rollback_core::{Exhibit, Result, Run};

use super::{KubernetesExecutor, logs};
use crate::action::Order;
use crate::cluster::{Object, Selection};
use crate::names::WorkloadRef;
use crate::object::{self, text};
use crate::resource::{EVENTS, PODS};
use crate::rollout::trouble_of;

/// How long each piece may take. The service waits for its way back meanwhile.
const EACH: Duration = Duration::from_secs(2);
/// The most pods whose state is kept.
const MOST_PODS: usize = 20;
/// The most events that are kept.
const MOST_EVENTS: usize = 500;

impl KubernetesExecutor {
    pub(super) async fn collect(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let (workload, uid) = WorkloadRef::of(&run.plan.target)?;
        let order = Order::of(run)?;
        let Some(live) = self.look(&workload, &uid).await? else { return Ok(Vec::new()) };
        let selector = object::selector(live.expose());
        let (label, version) = (workload.kind.pod_label(), order.to.pod_label(workload.kind));
        let selection = Selection::labels(format!("{selector},{label}={version}"));
        let pods = self.cluster.list(PODS, &workload.namespace, &selection);
        let pods = match tokio::time::timeout(EACH, pods).await {
            Ok(Ok(pods)) => pods,
            Ok(Err(error)) => return Ok(vec![missing("pods.json", &error.to_string())]),
            Err(_) => return Ok(vec![missing("pods.json", "the server did not answer in time")]),
        };
        let events = self.events(&workload, &live, &pods);
        let logs = logs::of(self.cluster.as_ref(), &workload.namespace, &pods);
        let (events, logs) = join(events, logs).await;
        Ok(vec![states(&pods), events, logs])
    }

    /// What the cluster noted of the workload, its ReplicaSets and these pods, by time.
    async fn events(&self, workload: &WorkloadRef, live: &Object, pods: &[Object]) -> Exhibit {
        let name = "events.jsonl";
        let of_workload =
            Selection::fields(format!("involvedObject.uid={}", object::uid(live.expose())));
        let of_pods = pods.iter().take(MOST_PODS).map(|pod| {
            Selection::fields(format!("involvedObject.uid={}", object::uid(pod.expose())))
        });
        let selections: Vec<_> = std::iter::once(of_workload).chain(of_pods).collect();
        let asked =
            selections.iter().map(|one| self.cluster.list(EVENTS, &workload.namespace, one));
        let answers = match tokio::time::timeout(EACH, join_all(asked)).await {
            Ok(answers) => answers,
            Err(_) => return missing(name, "the server did not answer in time"),
        };
        let mut events = Vec::new();
        for answer in answers {
            match answer {
                Ok(found) => events.extend(found),
                Err(error) => return missing(name, &error.to_string()),
            }
        }
        events.sort_by(|a, b| time_of(a.expose()).cmp(time_of(b.expose())));
        let lines: Vec<_> =
            events.iter().rev().take(MOST_EVENTS).rev().map(|event| bare(event.expose())).collect();
        Exhibit::new(name, "", lines.join("\n").into_bytes())
    }
}

fn missing(name: &str, why: &str) -> Exhibit {
    Exhibit::new(name, format!("no {name}: {why}"), Vec::new())
}

/// The states of pods, without what they were made with: that holds environment values.
pub(crate) fn states(pods: &[Object]) -> Exhibit {
    let pods: Vec<_> = pods.iter().map(|pod| pod.expose()).collect();
    let troubled = pods.iter().filter_map(|pod| {
        trouble_of(pod).map(|trouble| format!("pod {}: {trouble}", object::name(pod)))
    });
    let troubled: Vec<_> = troubled.take(3).collect();
    let summary = match troubled.as_slice() {
        [] => format!("{} pods, none in trouble", pods.len()),
        some => format!("{} pods; {}", pods.len(), some.join("; ")),
    };
    let kept = pods.iter().take(MOST_PODS).map(|pod| {
        json!({
            "name": object::name(pod),
            "uid": object::uid(pod),
            "node": text(pod, "/spec/nodeName"),
            "created": text(pod, "/metadata/creationTimestamp"),
            "status": pod.get("status"),
        })
    });
    let kept = Value::Array(kept.collect());
    Exhibit::new("pods.json", summary, serde_json::to_vec_pretty(&kept).unwrap_or_default())
}

fn time_of(event: &Value) -> &str {
    let times = ["/eventTime", "/lastTimestamp", "/firstTimestamp", "/metadata/creationTimestamp"];
    times.iter().map(|path| text(event, path)).find(|time| !time.is_empty()).unwrap_or_default()
}

fn bare(event: &Value) -> String {
    json!({
        "time": time_of(event),
        "type": event.get("type"),
        "reason": event.get("reason"),
        "object": event.pointer("/involvedObject/name"),
        "count": event.get("count"),
        "message": event.get("message"),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use stillme_rollback_core::Secret;

    use super::*;

    #[test]
    fn states_hold_nothing_that_a_pod_was_made_with() {
        let pod = Secret::new(json!({
            "metadata": {"name": "web-1"},
            "spec": {"nodeName": "n", "containers": [{"env": [{"name": "T", "value": "canary"}]}]},
            "status": {"phase": "Pending", "containerStatuses": [
                {"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}},
            ]},
        }));
        let exhibit = states(&[pod]);
        let text = String::from_utf8(exhibit.content.expose().clone()).unwrap();
        assert!(!text.contains("canary") && text.contains("ErrImagePull"), "{text}");
        assert_eq!(
            exhibit.summary,
            "1 pods; pod web-1: its image can't be pulled: ErrImagePull: not found"
        );
    }

    #[test]
    fn events_are_told_by_their_time() {
        let event =
            json!({"lastTimestamp": "2026-01-01T00:00:00Z", "eventTime": null, "reason": "X"});
        assert_eq!(time_of(&event), "2026-01-01T00:00:00Z");
        assert!(bare(&event).contains(r#""reason":"X""#));
    }
}
