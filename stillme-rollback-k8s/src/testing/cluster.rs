//! The API server over the model.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    Check, Error, ErrorKind, Outcome, Result, Run, Secret, Verdict, Verifier,
};

use super::model::{ClusterCall, ClusterModel, ClusterReply};
use crate::argo;
use crate::cluster::{Change, Cluster, Life, Mode, Object, Permission, Selection, Watch};
use crate::names::{Namespace, ObjectName, Uid};
use crate::resource::{
    CONTROLLER_REVISIONS, DEPLOYMENTS, PODS, REPLICA_SETS, ROLLOUTS, Resource, STATEFUL_SETS,
};

/// An API server in memory. Everything is allowed, and no ConfigMap is missing.
#[derive(Clone, Debug)]
pub struct ModelCluster(Simulated<ClusterModel>);

impl ModelCluster {
    /// The server over a simulated model.
    pub const fn new(model: Simulated<ClusterModel>) -> Self {
        Self(model)
    }

    fn object(&self, call: ClusterCall) -> Result<Option<Value>> {
        match self.0.call(call)? {
            ClusterReply::Object(object) => Ok(object),
            ClusterReply::Objects(_) => Err(unexpected()),
        }
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Corrupt, "call cluster", "no such answer was expected")
}

#[async_trait]
impl Cluster for ModelCluster {
    async fn get(
        &self,
        resource: Resource,
        _namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Option<Object>> {
        let found = match resource {
            DEPLOYMENTS | STATEFUL_SETS | ROLLOUTS => self.object(ClusterCall::Get)?,
            REPLICA_SETS | CONTROLLER_REVISIONS => {
                self.object(ClusterCall::GetKept(name.as_str().to_owned()))?
            }
            _ => None,
        };
        Ok(found.map(Secret::new))
    }

    async fn list(
        &self,
        resource: Resource,
        _namespace: &Namespace,
        _selection: &Selection,
    ) -> Result<Vec<Object>> {
        let call = match resource {
            REPLICA_SETS | CONTROLLER_REVISIONS => ClusterCall::ListKept,
            PODS => ClusterCall::ListPods,
            _ => return Ok(Vec::new()),
        };
        match self.0.call(call)? {
            ClusterReply::Objects(objects) => Ok(objects.into_iter().map(Secret::new).collect()),
            ClusterReply::Object(_) => Err(unexpected()),
        }
    }

    async fn watch(
        &self,
        _resource: Resource,
        _namespace: &Namespace,
        _selection: &Selection,
    ) -> Result<Box<dyn Watch>> {
        let first = self.object(ClusterCall::Watch)?;
        Ok(Box::new(ModelWatch { model: self.0.clone(), told: None, next: first, synced: false }))
    }

    async fn patch(
        &self,
        _resource: Resource,
        _namespace: &Namespace,
        _name: &ObjectName,
        patch: &Value,
        mode: Mode,
    ) -> Result<Object> {
        if mode == Mode::DryRun {
            let found = self.object(ClusterCall::Get)?.unwrap_or_default();
            return Ok(Secret::new(found));
        }
        Ok(Secret::new(self.object(ClusterCall::Patch(patch.clone()))?.unwrap_or_default()))
    }

    async fn delete(
        &self,
        _resource: Resource,
        _namespace: &Namespace,
        name: &ObjectName,
        uid: &Uid,
    ) -> Result<()> {
        let (name, uid) = (name.to_string(), uid.to_string());
        self.object(ClusterCall::DeletePod { name, uid }).map(drop)
    }

    async fn logs(
        &self,
        _namespace: &Namespace,
        _pod: &ObjectName,
        _container: &str,
        _life: Life,
    ) -> Result<Secret<Vec<u8>>> {
        Err(Error::new(ErrorKind::NotFound, "get logs", "nobody prints anything here"))
    }

    async fn may(&self, _namespace: &Namespace, _permission: &Permission) -> Result<bool> {
        Ok(true)
    }

    fn limited(&self, _limit: Duration) -> Arc<dyn Cluster> {
        Arc::new(self.clone())
    }
}

/// Tells the workload whenever it is not what was told last.
struct ModelWatch {
    model: Simulated<ClusterModel>,
    told: Option<Value>,
    next: Option<Value>,
    synced: bool,
}

#[async_trait]
impl Watch for ModelWatch {
    async fn next(&mut self) -> Result<Option<Change>> {
        if let Some(next) = self.next.take() {
            self.told = Some(next.clone());
            return Ok(Some(Change::Is(Secret::new(next))));
        }
        if !self.synced {
            self.synced = true;
            return Ok(Some(Change::Synced));
        }
        let now = self.model.model().workload;
        if now == self.told {
            return pending().await;
        }
        let before = std::mem::replace(&mut self.told, now.clone());
        Ok(match (now, before) {
            (Some(now), _) => Some(Change::Is(Secret::new(now))),
            (None, Some(before)) => Some(Change::Gone(Secret::new(before))),
            (None, None) => None,
        })
    }
}

/// A verdict by the image that the workload has, and by its pods.
#[derive(Clone, Debug)]
pub struct ModelVerifier(Simulated<ClusterModel>);

impl ModelVerifier {
    /// The verifier over a simulated model.
    pub const fn new(model: Simulated<ClusterModel>) -> Self {
        Self(model)
    }
}

#[async_trait]
impl Verifier for ModelVerifier {
    async fn verify(&self, _run: &Run, _time_left: Duration) -> Result<Verdict> {
        let model = self.0.model();
        let sick = model.image().is_none_or(|image| model.sick.iter().any(|sick| sick == image));
        let is_held_up = model
            .workload
            .as_ref()
            .is_some_and(|workload| argo::stable_hash(workload) != argo::current_hash(workload));
        let sick =
            sick || is_held_up || model.pods.iter().any(|pod| !crate::rollout::is_ready(pod));
        let (outcome, evidence) = if sick {
            (Outcome::Fail, "its pods don't get ready")
        } else {
            (Outcome::Pass, "its pods are ready")
        };
        Ok(Verdict::of(vec![Check::new("model", outcome, evidence)]))
    }
}
