//! Does this crate's plans on a cluster.

mod evidence;
mod facts;
mod logs;
mod observe;
mod patch;
mod pods;
mod preflight;
mod status;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, HashKey, Observation, Result, Run,
    Step, StepContext, Target,
};
use tokio::time::Instant;

use crate::action::{Order, Replaced, Verb, Version};
use crate::argo;
use crate::cluster::{Cluster, Mode, Object, Selection};
use crate::mirror::{Mirror, Subject};
use crate::names::{Uid, WorkloadRef};
use crate::object;
use crate::resource::{ROLLOUT_STATUSES, Resource};
use crate::rollout::RolloutVerifier;
use crate::teller::Teller;
use crate::traffic::TrafficExecutor;

pub(crate) use self::evidence::states;
pub(crate) use self::facts::key;
pub use self::status::{PodStatus, Status};

/// A watch that nobody looked at for so long is closed at the next look at another one.
const UNUSED: Duration = Duration::from_secs(120);

/// The executor of plans for workloads of Kubernetes. Cheap to clone; clones share their watches.
///
/// What it keeps in memory is a copy of what the server has, and can be lost at any time: the plan names versions
/// by uid and digest, and the workload carries the run's id as an annotation.
#[derive(Clone)]
pub struct KubernetesExecutor {
    cluster: Arc<dyn Cluster>,
    key: HashKey,
    mirrors: Arc<Mutex<BTreeMap<Uid, Entry>>>,
    templates: Arc<Mutex<BTreeMap<String, Object>>>,
    teller: Teller,
}

#[derive(Clone, Debug)]
struct Entry {
    mirror: Arc<tokio::sync::Mutex<Mirror>>,
    used: Instant,
}

impl fmt::Debug for KubernetesExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesExecutor").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl KubernetesExecutor {
    /// An executor on a cluster. `key` is the key of the digests in plans, kept for as long as runs may be resumed.
    pub fn new(cluster: Arc<dyn Cluster>, key: HashKey) -> Self {
        let (mirrors, templates) = (Arc::default(), Arc::default());
        Self { cluster, key, mirrors, templates, teller: Teller::default() }
    }

    /// The same executor, whose verifiers say what they wait for whenever that changes: `2 of 3 pods are ready; …`. For
    /// people who watch; `tell` must not block.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.teller = Teller::new(tell);
        self
    }

    pub(crate) const fn teller(&self) -> &Teller {
        &self.teller
    }

    /// The cluster.
    pub fn cluster(&self) -> &Arc<dyn Cluster> {
        &self.cluster
    }

    /// The executor of plans that move requests between Deployments, on the same cluster.
    pub fn traffic(&self) -> TrafficExecutor {
        TrafficExecutor::new(self.cluster.clone(), self.key.clone()).telling(self.teller.clone())
    }

    /// The verifier that watches a rollout, over the same watch as this executor.
    pub fn rollout_verifier(&self) -> RolloutVerifier {
        RolloutVerifier::new(self.clone())
    }

    /// A workload as it is now, whoever it is.
    pub(crate) async fn look_at(
        &self,
        workload: &WorkloadRef,
        uid: &Uid,
    ) -> Result<Option<Object>> {
        let mirror = self.mirror(workload, uid);
        let mut mirror = mirror.lock().await;
        let objects = mirror.look().await?;
        Ok(objects.get(workload.name.as_str()).cloned())
    }

    /// A workload as it is now, if it is still the same one.
    pub(crate) async fn look(&self, workload: &WorkloadRef, uid: &Uid) -> Result<Option<Object>> {
        let found = self.look_at(workload, uid).await?;
        Ok(found.filter(|found| object::uid(found.expose()) == *uid))
    }

    /// Waits until the server tells of a change of a workload, for at most `limit`.
    pub(crate) async fn changed(&self, workload: &WorkloadRef, uid: &Uid, limit: Duration) {
        self.mirror(workload, uid).lock().await.changed(limit).await;
    }

    fn mirror(&self, workload: &WorkloadRef, uid: &Uid) -> Arc<tokio::sync::Mutex<Mirror>> {
        let mut entries = self.entries();
        entries.retain(|known, entry| known == uid || entry.used.elapsed() < UNUSED);
        let entry = entries.entry(uid.clone()).or_insert_with(|| {
            let subject = Subject {
                resource: workload.kind.resource(),
                namespace: workload.namespace.clone(),
                selection: Selection::named(&workload.name),
            };
            let mirror = Mirror::new(self.cluster.clone(), subject);
            Entry { mirror: Arc::new(tokio::sync::Mutex::new(mirror)), used: Instant::now() }
        });
        entry.used = Instant::now();
        entry.mirror.clone()
    }

    /// Lets a Rollout's controller go to its template's version at once, when it has seen that one: what is said before
    /// that, it forgets.
    async fn promote(
        &self,
        context: &StepContext,
        workload: &WorkloadRef,
        uid: &Uid,
        version: &Version,
    ) -> Result<()> {
        self.await_seen(context, workload, |live| argo::current_hash(live) == version.hash).await?;
        let live = self.read_live(context, workload).await?;
        match patch::promote(live.expose(), &version.hash) {
            Some(patch) => {
                let limit = context.time_left;
                self.send_to(ROLLOUT_STATUSES, workload, uid, &patch, limit).await
            }
            None => Ok(()),
        }
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<Uid, Entry>> {
        // A panic can't leave the map half changed.
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a patch, and lets the next look be no older than its answer. After one that failed the next look begins
    /// anew: it may have happened all the same, or the server has something newer to tell.
    async fn send(
        &self,
        workload: &WorkloadRef,
        uid: &Uid,
        patch: &Value,
        limit: Duration,
    ) -> Result<()> {
        self.send_to(workload.kind.resource(), workload, uid, patch, limit).await
    }

    async fn send_to(
        &self,
        resource: Resource,
        workload: &WorkloadRef,
        uid: &Uid,
        patch: &Value,
        limit: Duration,
    ) -> Result<()> {
        let cluster = self.cluster.limited(limit);
        let sent =
            cluster.patch(resource, &workload.namespace, &workload.name, patch, Mode::Real).await;
        let mirror = self.mirror(workload, uid);
        let mut mirror = mirror.lock().await;
        match sent {
            Ok(object) => {
                mirror.learn(object);
                Ok(())
            }
            Err(error) => {
                mirror.forget();
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Executor for KubernetesExecutor {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.history = true;
        capabilities.side_by_side = true;
        capabilities.attribution = true;
        capabilities
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.observe_all(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.all_facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let (workload, uid) = WorkloadRef::of(&context.run.plan.target)?;
        let live = self.look(&workload, &uid).await?.ok_or_else(|| gone(&workload))?;
        let order = Order::of(&context.run)?;
        let patch = match Verb::of(step)? {
            Verb::SetTemplate(_) => {
                self.template_patch(&workload, live.expose(), &order, Some(context.run.id)).await?
            }
            Verb::MarkVerified { hash } => patch::mark(live.expose(), &hash),
            Verb::FreeStuckPods => {
                return self.free_stuck(context, &workload, &order.from).await;
            }
            Verb::ReplacePod { slot } => {
                return self.replace(context, &workload, &slot).await;
            }
            Verb::PromoteFull => {
                return self.promote(context, &workload, &uid, &order.to).await;
            }
            // Their undo is what they are for.
            Verb::GiveBackPod { .. } | Verb::PromoteBack => None,
        };
        match patch {
            Some(patch) => self.send(&workload, &uid, &patch, context.time_left).await,
            None => Ok(()),
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let (workload, uid) = WorkloadRef::of(&context.run.plan.target)?;
        let order = match Verb::of(step)? {
            Verb::SetTemplate(order) => order,
            Verb::GiveBackPod { slot } => {
                let order = Order::of(&context.run)?;
                return self.give_back(context, &workload, &order, &slot).await;
            }
            Verb::PromoteBack => {
                let order = Order::of(&context.run)?;
                return self.promote(context, &workload, &uid, &order.from).await;
            }
            Verb::FreeStuckPods
            | Verb::ReplacePod { .. }
            | Verb::PromoteFull
            | Verb::MarkVerified { .. } => return Ok(()),
        };
        let live = self.look(&workload, &uid).await?.ok_or_else(|| gone(&workload))?;
        let patch = self.template_patch(&workload, live.expose(), &order, None).await?;
        if let Some(patch) = patch {
            self.send(&workload, &uid, &patch, context.time_left).await?;
        }
        match order.ours_to_replace {
            // Those of the version that the run went to: nobody else would replace them.
            Replaced::Stuck => self.free_stuck(context, &workload, &order.to).await,
            Replaced::None | Replaced::All => Ok(()),
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        self.collect(run).await
    }
}

fn gone(workload: &WorkloadRef) -> Error {
    Error::new(ErrorKind::Mismatch, "find workload", format!("{workload} is gone, or another one"))
        .with_hint("nothing was touched")
}
