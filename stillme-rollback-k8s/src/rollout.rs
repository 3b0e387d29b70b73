//! Whether the pods of a version run, and only they: the first check of every verdict here.

mod endpoints;
mod pods;
mod progress;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{Check, Outcome, Result, Run, Verdict, Verifier};
use tokio::time::Instant;

use crate::action::Order;
use crate::cluster::Selection;
use crate::executor::KubernetesExecutor;
use crate::mirror::{Mirror, Subject};
use crate::names::{Kind, Uid, WorkloadRef};
use crate::object;
use crate::resource::PODS;

pub(crate) use self::pods::restarts;
pub(crate) use self::progress::{Progress, Scene, progress};

pub(crate) use self::endpoints::selects;
pub use self::pods::Trouble;

/// What keeps a pod from being ready, however often it was restarted before.
pub(crate) fn trouble_of(pod: &Value) -> Option<Trouble> {
    pods::trouble(pod, 0)
}

/// Whether a pod is ready, and stays.
pub(crate) fn is_ready(pod: &Value) -> bool {
    pods::is_ready(pod) && !object::is_ending(pod)
}

/// Why none of these pods will get ready, if all that are not have a cause that waiting can't help.
pub(crate) fn hopeless_pods(pods: &[&Value]) -> Option<String> {
    progress::hopeless_pods(pods)
}

const CHECK: &str = "rollout";

/// How long to wait for a change before looking all the same.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at the endpoints, which are not watched.
const ENDPOINTS_PAUSE: Duration = Duration::from_millis(100);

/// Watches a rollout until its end.
///
/// - Pass: the controller has seen the template, all pods that are wanted are of its version and available, no pod
///   of another version is left, and the Services that select these pods send to them alone.
/// - Fail: every pod that is not ready has a cause that waiting can't help: an image that is not found or denied, a
///   container that crashes twice since the beginning, a quota. Pods' reasons are the evidence.
/// - Inconclusive: time ran out, or nothing shall run.
///
/// The controller's own `ProgressDeadlineExceeded` is never believed: after an undo it can be the one from before.
#[derive(Clone, Debug)]
pub struct RolloutVerifier {
    executor: KubernetesExecutor,
}

impl RolloutVerifier {
    /// A verifier that shares its executor's watch.
    pub(crate) const fn new(executor: KubernetesExecutor) -> Self {
        Self { executor }
    }

    async fn watch(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let (workload, uid) = WorkloadRef::of(&run.plan.target)?;
        let order = Order::of(run)?;
        let begin = Instant::now();
        let mut pods: Option<Mirror> = None;
        let mut before = BTreeMap::new();
        let mut said = String::new();
        loop {
            let left = time_left.saturating_sub(begin.elapsed());
            let live = self.executor.look(&workload, &uid).await?;
            let Some(live) = live else {
                return Ok(single(Outcome::Fail, format!("{workload} is gone")));
            };
            if !order.to.is(&self.executor.digest_of(live.expose())) {
                // The engine's own look finds out whose it is.
                let why = "its template is not the one that was gone back to any more";
                return Ok(single(Outcome::Fail, why));
            }
            let mirror = pods.get_or_insert_with(|| self.pods_of(&workload, live.expose()));
            // A selector finds also what others made; these pods are their ReplicaSets'.
            let is_its = |pod: &&Value| {
                matches!(workload.kind, Kind::Deployment | Kind::Rollout)
                    || object::is_controlled_by(pod, &uid)
            };
            let seen: Vec<_> =
                mirror.look().await?.values().map(|pod| pod.expose()).filter(is_its).collect();
            for pod in &seen {
                let restarts = pods::restarts(pod);
                before.entry(object::uid(pod).to_string()).or_insert_with(|| {
                    // One that came later began at nought.
                    if said.is_empty() { restarts } else { 0 }
                });
            }
            let scene = Scene {
                kind: workload.kind,
                workload: live.expose(),
                pods: seen.clone(),
                version: order.to.pod_label(workload.kind),
                before: &before,
                watched: begin.elapsed(),
            };
            match progress(&scene) {
                Progress::Done { pods } => {
                    // A Rollout keeps the pods of the version before for a while, which get no requests.
                    let label = workload.kind.pod_label();
                    let gets_requests = |pod: &&&Value| {
                        workload.kind != Kind::Rollout
                            || object::label(pod, label) == Some(scene.version)
                    };
                    let uids: Vec<_> =
                        seen.iter().filter(gets_requests).map(|pod| object::uid(pod)).collect();
                    let ready = self.endpoints(&workload, live.expose(), &uids).await?;
                    match ready {
                        endpoints::Traffic::Only(services) => {
                            let evidence = done(pods, &order.to.hash, &services, begin.elapsed());
                            return Ok(single(Outcome::Pass, evidence));
                        }
                        endpoints::Traffic::Elsewhere(what) => {
                            self.executor.teller().changed(&mut said, what);
                        }
                    }
                    if left <= ENDPOINTS_PAUSE {
                        return Ok(single(Outcome::Inconclusive, format!("time ran out: {said}")));
                    }
                    mirror.changed(ENDPOINTS_PAUSE).await;
                    continue;
                }
                Progress::Nothing => {
                    let why = "no pods are wanted: nothing runs, and nothing is proven";
                    return Ok(single(Outcome::Inconclusive, why));
                }
                Progress::Failed(why) => return Ok(single(Outcome::Fail, why)),
                Progress::Waiting(what) => self.executor.teller().changed(&mut said, what),
            }
            if left.is_zero() {
                return Ok(single(Outcome::Inconclusive, format!("time ran out: {said}")));
            }
            let pause = left.min(PAUSE);
            tokio::select! {
                () = self.executor.changed(&workload, &uid, pause) => {}
                () = mirror.changed(pause) => {}
            }
        }
    }

    fn pods_of(&self, workload: &WorkloadRef, live: &Value) -> Mirror {
        let selection = Selection::labels(object::selector(live));
        let namespace = workload.namespace.clone();
        let subject = Subject { resource: PODS, namespace, selection };
        Mirror::new(self.executor.cluster().clone(), subject)
    }

    async fn endpoints(
        &self,
        workload: &WorkloadRef,
        live: &Value,
        pods: &[Uid],
    ) -> Result<endpoints::Traffic> {
        let cluster = self.executor.cluster().as_ref();
        endpoints::traffic(cluster, workload, live, pods).await
    }
}

#[async_trait]
impl Verifier for RolloutVerifier {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        self.watch(run, time_left).await
    }
}

fn done(pods: i64, hash: &str, services: &endpoints::Services, took: Duration) -> String {
    let noun = if pods == 1 { "pod" } else { "pods" };
    format!(
        "{pods} {noun} of {hash} available and no other, after {:.1} s; {services}",
        took.as_secs_f64()
    )
}

fn single(outcome: Outcome, evidence: impl Into<String>) -> Verdict {
    Verdict::of(vec![Check::new(CHECK, outcome, evidence)])
}
