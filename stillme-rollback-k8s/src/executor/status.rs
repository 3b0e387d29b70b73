//! How a workload is now, for people, and whether its controller may go on. No plan, no run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::KubernetesExecutor;
use super::patch::at_version;
use crate::cluster::{Mode, Object, Selection};
use crate::history::Revision;
use crate::names::{Kind, WorkloadRef};
use crate::object;
use crate::owners::owners;
use crate::resource::PODS;
use crate::rollout::{Progress, Scene, is_ready, progress, restarts, trouble_of};

/// How often a pause is tried when somebody wrote the workload meanwhile.
const MOST_TRIES: u32 = 10;

/// How a workload is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The version that its template says, once its controller has seen it.
    pub current: Option<Revision>,
    /// How many pods it shall have.
    pub wanted: i64,
    /// Whether only ready pods of that version are there.
    pub rolled_out: bool,
    /// Whether it will not get there.
    pub failed: bool,
    /// How far it is, or why not.
    pub progress: String,
    /// Whether its controller was told to wait.
    pub paused: bool,
    /// Its pods, by name.
    pub pods: Vec<PodStatus>,
    /// Who else writes it, and would take a rollback back.
    pub owners: Vec<String>,
}

/// How a pod is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PodStatus {
    /// Its name.
    pub name: String,
    /// The label that tells its version.
    pub version: String,
    /// Whether it is ready, and stays.
    pub ready: bool,
    /// How often its containers were restarted.
    pub restarts: i64,
    /// What keeps it from being ready.
    pub trouble: Option<String>,
}

impl KubernetesExecutor {
    /// How a workload is now.
    ///
    /// # Errors
    /// `NotFound` if there is none, and whatever kept the server from telling.
    pub async fn status(&self, workload: &WorkloadRef) -> Result<Status> {
        let (live, history) = self.read_with_history(workload).await?;
        let live = live.expose();
        let selection = Selection::labels(object::selector(live));
        let pods = self.cluster.list(PODS, &workload.namespace, &selection).await?;
        let pods: Vec<_> = pods.iter().map(Object::expose).collect();
        let current = history.current().cloned();
        let version = current.as_ref().map(|current| {
            workload.kind.pod_label_of(&current.hash, current.name.as_str()).to_owned()
        });
        let (rolled_out, failed, progress) =
            told(workload.kind, live, &pods, &version.unwrap_or_default());
        let mut pods: Vec<_> = pods.into_iter().map(|pod| pod_status(workload.kind, pod)).collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Status {
            current,
            wanted: workload.kind.wanted_pods(live),
            rolled_out,
            failed,
            progress,
            paused: live.pointer("/spec/paused") == Some(&Value::Bool(true)),
            pods,
            owners: owners(live).iter().map(ToString::to_string).collect(),
        })
    }

    /// Tells a workload's controller to wait with its pods, or to go on. `false`: it was told so before.
    ///
    /// # Errors
    /// `Unsupported` for kinds that can't be paused; `NotFound` if there is none; `Conflict` if somebody wrote it
    /// meanwhile. Nothing was touched then.
    pub async fn pause(&self, workload: &WorkloadRef, wanted: bool) -> Result<bool> {
        if !matches!(workload.kind, Kind::Deployment | Kind::Rollout) {
            let why = format!("a {} can't be paused", workload.kind);
            return Err(Error::new(ErrorKind::Unsupported, "pause workload", why)
                .with_hint("nothing was touched; only a Deployment and a Rollout can"));
        }
        for _ in 0..MOST_TRIES {
            let live = self.read(workload).await?;
            let live = live.expose();
            let is = live.pointer("/spec/paused") == Some(&Value::Bool(true));
            if is == wanted {
                return Ok(false);
            }
            let mut operations = at_version(live);
            operations.push(json!({ "op": "add", "path": "/spec/paused", "value": wanted }));
            let (resource, patch) = (workload.kind.resource(), Value::Array(operations));
            let sent = self
                .cluster
                .patch(resource, &workload.namespace, &workload.name, &patch, Mode::Real)
                .await;
            match sent {
                Ok(_) => return Ok(true),
                // Its controller writes its status all the time.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Conflict, "pause workload", "it is written all the time")
            .with_context("workload", workload.to_string())
            .with_hint("nothing was touched; try again"))
    }
}

fn told(kind: Kind, live: &Value, pods: &[&Value], version: &str) -> (bool, bool, String) {
    let scene = Scene {
        kind,
        workload: live,
        pods: pods.to_vec(),
        version,
        before: &BTreeMap::new(),
        watched: Duration::ZERO,
    };
    match progress(&scene) {
        Progress::Done { pods } => {
            (true, false, format!("{pods} pods are available, and no others"))
        }
        Progress::Nothing => (false, false, "no pods are wanted".to_owned()),
        Progress::Waiting(what) => (false, false, what),
        Progress::Failed(why) => (false, true, why),
    }
}

fn pod_status(kind: Kind, pod: &Value) -> PodStatus {
    PodStatus {
        name: object::name(pod).to_owned(),
        version: object::label(pod, kind.pod_label()).unwrap_or_default().to_owned(),
        ready: is_ready(pod),
        restarts: restarts(pod),
        trouble: trouble_of(pod).map(|trouble| trouble.to_string()),
    }
}
