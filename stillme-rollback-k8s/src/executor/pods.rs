//! Pods that a run replaces because their controller does not: by deleting them, only if they are still the same.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Facts, Result, StepContext};
use tokio::time::Instant;

use super::{KubernetesExecutor, gone, key};
use crate::action::{Order, Replaced, Slot, Version};
use crate::cluster::{Object, Selection};
use crate::detail::PodSeen;
use crate::names::{Kind, ObjectName, WorkloadRef};
use crate::object;
use crate::resource::PODS;
use crate::rollout::is_ready;

/// Whether a workload has pods that its controller may leave to others to replace.
pub(super) fn may_be_ours_to_replace(kind: Kind, live: &Value) -> bool {
    kind == Kind::StatefulSet || !kind.replaces_pods(live)
}

/// Where a pod stands in its workload.
fn place(kind: Kind, pod: &Value) -> &str {
    match kind {
        Kind::DaemonSet => object::text(pod, "/spec/nodeName"),
        Kind::Deployment | Kind::StatefulSet | Kind::Rollout => object::name(pod),
    }
}

/// The number of a StatefulSet's pod.
fn ordinal(pod: &Value) -> Option<i64> {
    object::name(pod).rsplit_once('-')?.1.parse().ok()
}

impl KubernetesExecutor {
    /// The pods that the controller is to replace with ones of the new template: its own, and not below a partition.
    async fn pods(&self, workload: &WorkloadRef, live: &Value) -> Result<Vec<Object>> {
        let selection = Selection::labels(object::selector(live));
        let uid = object::uid(live);
        let mut pods = self.cluster.list(PODS, &workload.namespace, &selection).await?;
        let partition = workload.kind.partition(live);
        pods.retain(|pod| {
            let pod = pod.expose();
            object::is_controlled_by(pod, &uid)
                && (partition == 0 || ordinal(pod).is_none_or(|ordinal| ordinal >= partition))
        });
        Ok(pods)
    }

    /// The pods as a plan has to know them: none where the controller replaces all of them.
    pub(super) async fn pods_for_plan(
        &self,
        workload: &WorkloadRef,
        live: &Value,
    ) -> Result<Vec<PodSeen>> {
        if !may_be_ours_to_replace(workload.kind, live) {
            return Ok(Vec::new());
        }
        let pods = match self.pods(workload, live).await {
            Ok(pods) => pods,
            // The preflight tells that; a plan that needs to know is refused.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut seen = Vec::new();
        for pod in pods.iter().map(Object::expose).filter(|pod| !object::is_ending(pod)) {
            let place = place(workload.kind, pod).to_owned();
            let name = ObjectName::new(object::name(pod))?;
            seen.push(PodSeen {
                slot: Slot { place, pod: name, uid: object::uid(pod), ready: is_ready(pod) },
                version: version_of(workload.kind, pod).to_owned(),
            });
        }
        // As their controller does it: the highest number first.
        seen.sort_by_key(|seen| {
            let ordinal = seen.slot.place.rsplit_once('-').and_then(|(_, n)| n.parse::<i64>().ok());
            (std::cmp::Reverse(ordinal.unwrap_or(-1)), seen.slot.place.clone())
        });
        Ok(seen)
    }

    /// The facts about pods. `away`: the version that the template does not have.
    pub(super) async fn pod_facts(
        &self,
        facts: Facts,
        workload: &WorkloadRef,
        live: &Value,
        order: &Order,
        away: &Version,
    ) -> Result<Facts> {
        if order.ours_to_replace == Replaced::None {
            return Ok(facts);
        }
        let pods = self.pods(workload, live).await?;
        let remains = match object::is_observed(live) {
            // Until then it could make another one.
            false => "unknown",
            true if pods.iter().any(|pod| is_stuck(workload.kind, pod.expose(), away)) => "some",
            true => "none",
        };
        let mut facts = facts.with(key::REMAINS, remains);
        for slot in &order.slots {
            let stands = stands(slot, workload.kind, &pods, order);
            facts = facts.with(key::slot(&slot.place), stands);
        }
        Ok(facts)
    }

    /// Deletes the pods of a version that are stuck.
    pub(super) async fn free_stuck(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
        away: &Version,
    ) -> Result<()> {
        self.await_seen(context, workload, |_| true).await?;
        let live = self.read_live(context, workload).await?;
        for pod in self.pods(workload, live.expose()).await? {
            if is_stuck(workload.kind, pod.expose(), away) {
                self.delete_pod(context, workload, pod.expose()).await?;
            }
        }
        Ok(())
    }

    /// Deletes what stands in a slot and is of the version that the run went to, so that the one of before is made
    /// again.
    pub(super) async fn give_back(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
        order: &Order,
        slot: &Slot,
    ) -> Result<()> {
        self.await_seen(context, workload, |_| true).await?;
        let live = self.read_live(context, workload).await?;
        for pod in self.pods(workload, live.expose()).await? {
            let pod = pod.expose();
            let is_ours = version_of(workload.kind, pod) == order.to.pod_label(workload.kind);
            if is_ours && place(workload.kind, pod) == slot.place && !object::is_ending(pod) {
                self.delete_pod(context, workload, pod).await?;
            }
        }
        Ok(())
    }

    /// Deletes one pod, if it is still there.
    pub(super) async fn replace(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
        slot: &Slot,
    ) -> Result<()> {
        self.await_seen(context, workload, |_| true).await?;
        let cluster = self.cluster.limited(context.time_left);
        gone_is_fine(cluster.delete(PODS, &workload.namespace, &slot.pod, &slot.uid).await)
    }

    async fn delete_pod(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
        pod: &Value,
    ) -> Result<()> {
        let cluster = self.cluster.limited(context.time_left);
        let name = ObjectName::new(object::name(pod))?;
        gone_is_fine(cluster.delete(PODS, &workload.namespace, &name, &object::uid(pod)).await)
    }

    pub(super) async fn read_live(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
    ) -> Result<Object> {
        let (_, uid) = WorkloadRef::of(&context.run.plan.target)?;
        self.look(workload, &uid).await?.ok_or_else(|| gone(workload))
    }

    /// Waits until the controller has seen the template: what is deleted before that, it makes from the old one.
    pub(super) async fn await_seen(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
        is_seen: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        let (_, uid) = WorkloadRef::of(&context.run.plan.target)?;
        let begin = Instant::now();
        loop {
            let live = self.read_live(context, workload).await?;
            if object::is_observed(live.expose()) && is_seen(live.expose()) {
                return Ok(());
            }
            let left = context.time_left.saturating_sub(begin.elapsed());
            if left.is_zero() {
                let why = "its controller did not see the template in time";
                return Err(Error::new(ErrorKind::Timeout, "replace pods", why)
                    .with_context("workload", workload.to_string())
                    .with_hint("no pod was touched; is the controller manager running?"));
            }
            self.changed(workload, &uid, left).await;
        }
    }
}

/// One that is gone, or has another in its place, is what was wanted.
fn gone_is_fine(deleted: Result<()>) -> Result<()> {
    match deleted {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => Ok(()),
        deleted => deleted,
    }
}

fn version_of(kind: Kind, pod: &Value) -> &str {
    object::label(pod, kind.pod_label()).unwrap_or_default()
}

/// Whether a pod is one that its controller waits for in vain.
fn is_stuck(kind: Kind, pod: &Value, away: &Version) -> bool {
    version_of(kind, pod) == away.pod_label(kind) && !object::is_ending(pod) && !is_ready(pod)
}

/// What has a slot.
fn stands(slot: &Slot, kind: Kind, pods: &[Object], order: &Order) -> &'static str {
    let mut found = "none";
    let here = pods.iter().map(Object::expose).filter(|pod| place(kind, pod) == slot.place);
    for pod in here.filter(|pod| !object::is_ending(pod)) {
        let version = version_of(kind, pod);
        if version == order.to.pod_label(kind) && is_ready(pod) {
            return "to";
        }
        if version == order.from.pod_label(kind) && (is_ready(pod) || !slot.ready) {
            found = "from";
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stillme_rollback_core::Secret;

    use super::*;
    use crate::action::Marks;
    use crate::names::Uid;

    fn version(hash: &str) -> Version {
        Version {
            hash: hash.to_owned(),
            number: 1,
            kept_in: ObjectName::new(format!("db-{hash}")).unwrap(),
            uid: Uid::new("u"),
            digest: hash.to_owned(),
            live: None,
        }
    }

    fn order() -> Order {
        let (from, to) = (version("from"), version("to"));
        let before = Marks::default();
        let (ours_to_replace, slots) = (Replaced::All, Vec::new());
        Order { from, to, before, was_paused: false, ours_to_replace, slots }
    }

    fn pod(name: &str, version: &str, ready: bool, ending: bool) -> Object {
        let mut pod = json!({
            "metadata": {"name": name, "uid": name, "labels": {"controller-revision-hash": version}},
            "spec": {"nodeName": "n"},
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        if ending {
            pod["metadata"]["deletionTimestamp"] = "now".into();
        }
        Secret::new(pod)
    }

    #[test]
    fn what_is_stuck_is_not_ready_and_at_the_version_that_is_left() {
        let from = version("from");
        for (pod, is_it) in [
            (pod("db-2", "db-from", false, false), true),
            (pod("db-2", "db-from", true, false), false),
            (pod("db-2", "db-from", false, true), false),
            (pod("db-2", "db-to", false, false), false),
            (pod("db-2", "from", false, false), false),
        ] {
            let found = is_stuck(Kind::StatefulSet, pod.expose(), &from);
            assert_eq!(found, is_it, "{}", pod.expose());
        }
    }

    #[test]
    fn a_slot_is_its_pods_or_nobodys() {
        let order = order();
        let slot = |ready| Slot {
            place: "n".to_owned(),
            pod: ObjectName::new("a").unwrap(),
            uid: Uid::new("a"),
            ready,
        };
        for (was_ready, pods, expected) in [
            (true, vec![], "none"),
            (true, vec![pod("a", "from", true, false)], "from"),
            (true, vec![pod("a", "from", true, true)], "none"),
            (true, vec![pod("a", "from", true, true), pod("b", "to", false, false)], "none"),
            (true, vec![pod("b", "to", true, false)], "to"),
            (true, vec![pod("a", "from", false, false)], "none"),
            (false, vec![pod("a", "from", false, false)], "from"),
        ] {
            let shown: Vec<_> = pods.iter().map(Object::expose).collect();
            assert_eq!(
                stands(&slot(was_ready), Kind::DaemonSet, &pods, &order),
                expected,
                "{shown:?}"
            );
        }
    }
}
