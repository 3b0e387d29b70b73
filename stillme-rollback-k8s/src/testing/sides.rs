//! A Service and two Deployments behind it in memory, for the strategies that move requests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stillme_rollback_core::testing::{Model, Simulated};
use stillme_rollback_core::{
    Check, Error, ErrorKind, Outcome, Result, Run, Secret, Verdict, Verifier,
};

use super::patch::applied;
use crate::cluster::{Cluster, Life, Mode, Object, Permission, Selection, Watch};
use crate::names::{Namespace, ObjectName, Uid};
use crate::object::{self, number, text};
use crate::resource::{DEPLOYMENT_SCALES, DEPLOYMENTS, PODS, REPLICA_SETS, Resource, SERVICES};
use crate::template::HASH_LABEL;

/// A request, as data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SidesCall {
    /// Reads an object: its resource's plural and its name.
    Get(&'static str, String),
    /// Lists objects of a resource, those with a label's value if one is named.
    List(&'static str, String),
    /// Patches an object.
    Patch(&'static str, String, Value),
}

/// The reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SidesReply {
    /// An object, or none of that name.
    Object(Option<Value>),
    /// Objects.
    Objects(Vec<Value>),
}

/// The Service `web`, and the Deployments `web-blue` (of `web:v1`) and `web-green` (of `web:v2`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SidesModel {
    /// The Service.
    pub service: Value,
    /// The Deployments.
    pub deployments: Vec<Value>,
    /// Deployments whose pods don't get ready.
    pub sick: Vec<String>,
}

impl SidesModel {
    /// Green serves with two pods; blue has none.
    pub fn blue_green() -> Self {
        Self::with(json!({"app": "web", "side": "green"}), 0, 2)
    }

    /// Both serve, blue with two pods and green, the canary, with one.
    pub fn canary() -> Self {
        Self::with(json!({"app": "web"}), 2, 1)
    }

    fn with(selector: Value, blue: i64, green: i64) -> Self {
        let service = json!({
            "metadata": {"name": "web", "uid": "service", "resourceVersion": "1", "annotations": {"kept": "as it is"}},
            "spec": {"selector": selector},
        });
        let mut deployments =
            vec![deployment("blue", "web:v1", blue), deployment("green", "web:v2", green)];
        deployments.iter_mut().for_each(|one| reconcile(one, &[]));
        Self { service, deployments, sick: Vec::new() }
    }

    fn object(&mut self, plural: &str, name: &str) -> Option<&mut Value> {
        match plural {
            "services" => Some(&mut self.service).filter(|service| object::name(service) == name),
            _ => self.deployments.iter_mut().find(|one| object::name(one) == name),
        }
    }

    fn list(&self, plural: &str, label: &str) -> Vec<Value> {
        match plural {
            "services" => vec![self.service.clone()],
            "deployments" => self.deployments.clone(),
            "replicasets" => self.deployments.iter().map(replica_set).collect(),
            "pods" => {
                let its = self.deployments.iter().filter(|one| label.contains(&hash(one)));
                its.flat_map(|one| pods(one, self.sick.contains(&object::name(one).to_owned())))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn patch(&mut self, plural: &str, name: &str, patch: &Value) -> Result<Value> {
        let sick = self.sick.clone();
        let none = || Error::new(ErrorKind::NotFound, "patch", "there is none");
        let object = self.object(plural, name).ok_or_else(none)?;
        let mut patched = applied(object, patch)?;
        let version = |object: &Value| text(object, "/metadata/resourceVersion").to_owned();
        if version(&patched) != version(object) {
            return Err(Error::new(ErrorKind::Conflict, "patch", "it has been modified"));
        }
        if patched != *object {
            let next = version(object).parse::<u64>().unwrap_or(0) + 1;
            patched["metadata"]["resourceVersion"] = next.to_string().into();
            if plural != "services" {
                reconcile(&mut patched, &sick);
            }
            *object = patched.clone();
        }
        Ok(patched)
    }
}

fn deployment(side: &str, image: &str, replicas: i64) -> Value {
    let labels = json!({"app": "web", "side": side});
    json!({
        "metadata": {"name": format!("web-{side}"), "uid": side, "resourceVersion": "1"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}},
        },
    })
}

/// Its controller and its pods, at once.
fn reconcile(deployment: &mut Value, sick: &[String]) {
    let is_sick = sick.iter().any(|sick| sick == object::name(deployment));
    let ready = if is_sick { 0 } else { number(deployment, "/spec/replicas") };
    deployment["status"]["availableReplicas"] = ready.into();
}

fn hash(deployment: &Value) -> String {
    format!("hash-{}", object::uid(deployment))
}

fn replica_set(deployment: &Value) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH_LABEL] = hash(deployment).into();
    json!({
        "metadata": {
            "name": hash(deployment), "uid": hash(deployment), "labels": {HASH_LABEL: hash(deployment)},
            "ownerReferences": [{"uid": object::uid(deployment), "controller": true}],
        },
        "spec": {"template": template},
    })
}

fn pods(deployment: &Value, is_sick: bool) -> Vec<Value> {
    let pod = |number: i64| {
        let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}});
        let status = if is_sick {
            json!({"containerStatuses": [{"state": waiting}]})
        } else {
            json!({"conditions": [{"type": "Ready", "status": "True"}]})
        };
        json!({"metadata": {"name": format!("{}-{number}", object::name(deployment))}, "status": status})
    };
    (0..number(deployment, "/spec/replicas")).map(pod).collect()
}

impl Model for SidesModel {
    type Call = SidesCall;
    type Reply = SidesReply;

    fn is_write(call: &SidesCall) -> bool {
        matches!(call, SidesCall::Patch(..))
    }

    fn perform(&mut self, call: &SidesCall) -> Result<SidesReply> {
        Ok(match call {
            SidesCall::Get(plural, name) => SidesReply::Object(self.object(plural, name).cloned()),
            SidesCall::List(plural, label) => SidesReply::Objects(self.list(plural, label)),
            SidesCall::Patch(plural, name, patch) => {
                SidesReply::Object(Some(self.patch(plural, name, patch)?))
            }
        })
    }

    fn view(&self) -> String {
        let scales: Vec<_> =
            self.deployments.iter().map(|one| number(one, "/spec/replicas")).collect();
        let annotations = self.service["metadata"]["annotations"].as_object();
        let keys: Vec<_> = annotations.into_iter().flatten().map(|(key, _)| key).collect();
        format!("{}\nmarks {keys:?}\nreplicas {scales:?}", self.service["spec"])
    }
}

/// An API server in memory. Everything is allowed.
#[derive(Clone, Debug)]
pub struct SidesCluster(Simulated<SidesModel>);

impl SidesCluster {
    /// The server over a simulated model.
    pub const fn new(model: Simulated<SidesModel>) -> Self {
        Self(model)
    }
}

#[async_trait]
impl Cluster for SidesCluster {
    async fn get(
        &self,
        resource: Resource,
        _namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Option<Object>> {
        match self.0.call(SidesCall::Get(resource.plural, name.to_string()))? {
            SidesReply::Object(found) => Ok(found.map(Secret::new)),
            SidesReply::Objects(_) => Err(unexpected()),
        }
    }

    async fn list(
        &self,
        resource: Resource,
        _namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Vec<Object>> {
        if ![SERVICES, DEPLOYMENTS, REPLICA_SETS, PODS].contains(&resource) {
            return Ok(Vec::new());
        }
        match self.0.call(SidesCall::List(resource.plural, selection.labels.clone()))? {
            SidesReply::Objects(objects) => Ok(objects.into_iter().map(Secret::new).collect()),
            SidesReply::Object(_) => Err(unexpected()),
        }
    }

    async fn watch(
        &self,
        _resource: Resource,
        _namespace: &Namespace,
        _selection: &Selection,
    ) -> Result<Box<dyn Watch>> {
        Err(unexpected())
    }

    async fn patch(
        &self,
        resource: Resource,
        _namespace: &Namespace,
        name: &ObjectName,
        patch: &Value,
        _mode: Mode,
    ) -> Result<Object> {
        let plural = if resource == DEPLOYMENT_SCALES { "deployments" } else { resource.plural };
        match self.0.call(SidesCall::Patch(plural, name.to_string(), patch.clone()))? {
            SidesReply::Object(found) => Ok(Secret::new(found.unwrap_or_default())),
            SidesReply::Objects(_) => Err(unexpected()),
        }
    }

    async fn delete(
        &self,
        _resource: Resource,
        _namespace: &Namespace,
        _name: &ObjectName,
        _uid: &Uid,
    ) -> Result<()> {
        Err(unexpected())
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

fn unexpected() -> Error {
    Error::new(ErrorKind::Unsupported, "call cluster", "no such call was expected")
}

/// A verdict that is always the same.
#[derive(Clone, Copy, Debug)]
pub struct Always(pub Outcome);

#[async_trait]
impl Verifier for Always {
    async fn verify(&self, _run: &Run, _time_left: Duration) -> Result<Verdict> {
        Ok(Verdict::of(vec![Check::new("always", self.0, "as the test says")]))
    }
}
