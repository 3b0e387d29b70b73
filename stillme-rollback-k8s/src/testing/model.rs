//! The model: what the server has, and what its controllers make of it at once.

use serde_json::{Value, json};
use stillme_rollback_core::testing::Model;
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::controller;
use super::patch::applied;
use crate::argo;
use crate::names::{ANNOTATION_LEFT, ANNOTATION_RUN, ANNOTATION_VERIFIED, Kind};
use crate::object::{self, number, text};

/// A request, as data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClusterCall {
    /// Reads the workload.
    Get,
    /// Reads what keeps one of its versions.
    GetKept(String),
    /// Lists what keeps its versions.
    ListKept,
    /// Lists its pods.
    ListPods,
    /// Begins a watch of the workload.
    Watch,
    /// Patches the workload.
    Patch(Value),
    /// Deletes a pod of this name if it has this uid.
    DeletePod {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
}

/// The reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterReply {
    /// An object, or none of that name.
    Object(Option<Value>),
    /// Objects.
    Objects(Vec<Value>),
}

/// One workload, and what keeps each version that it had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ClusterModel {
    /// What the workload is.
    pub kind: Kind,
    /// The workload.
    pub workload: Option<Value>,
    /// Its ReplicaSets or ControllerRevisions.
    pub kept: Vec<Value>,
    /// Its pods; a Deployment's are not modelled.
    pub pods: Vec<Value>,
    /// Images whose pods don't get ready.
    pub sick: Vec<String>,
    /// How many pods were made.
    pub(super) made: u64,
}

impl ClusterModel {
    /// A Deployment of this name, of the image `web:v2`, which had `web:v1` before.
    pub fn with_deployment(name: &str) -> Self {
        Self::with(Kind::Deployment, name, json!({}), &[])
    }

    /// A StatefulSet of this name, of the image `web:v2`, which had `web:v1` before. Where `web:v2` is among the sick,
    /// its last pod is stuck there.
    pub fn with_stateful_set(name: &str, sick: &[&str]) -> Self {
        Self::with(Kind::StatefulSet, name, json!({"type": "RollingUpdate"}), sick)
    }

    /// A StatefulSet as [`with_stateful_set`](Self::with_stateful_set) makes it, whose controller replaces no pods:
    /// both of them have `web:v2`.
    pub fn with_stateful_set_on_delete(name: &str) -> Self {
        let mut model = Self::with(Kind::StatefulSet, name, json!({"type": "OnDelete"}), &[]);
        for pod in model.pods.clone() {
            let _ = model.delete_pod(object::name(&pod), object::uid(&pod).as_str());
        }
        model
    }

    /// A Rollout of this name on its way to `web:v2`, held up at a step, whose stable version is `web:v1`.
    pub fn with_rollout(name: &str) -> Self {
        Self::with(Kind::Rollout, name, json!({}), &[])
    }

    /// A Rollout of this name whose stable version is `web:v2`, and which had `web:v1` before.
    pub fn with_rollout_promoted(name: &str) -> Self {
        let mut model = Self::with_rollout(name);
        controller::promote(&mut model);
        model
    }

    fn with(kind: Kind, name: &str, strategy: Value, sick: &[&str]) -> Self {
        let workload = json!({
            "metadata": {
                "name": name, "namespace": "default", "uid": "workload", "resourceVersion": "1", "generation": 1,
                "annotations": {"example.com/kept": "as it is"},
            },
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": name}}, "updateStrategy": strategy,
                "template": template(name, "web:v1"),
            },
            "status": {"observedGeneration": 1},
        });
        let mut model = Self {
            kind,
            workload: Some(workload),
            kept: Vec::new(),
            pods: Vec::new(),
            sick: sick.iter().map(|image| (*image).to_owned()).collect(),
            made: 0,
        };
        controller::reconcile(&mut model);
        model.deploy("web:v2");
        model
    }

    /// Deploys an image, as somebody else would.
    pub fn deploy(&mut self, image: &str) {
        let Some(workload) = &mut self.workload else { return };
        workload["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        self.written();
    }

    /// The workload's image.
    pub fn image(&self) -> Option<&str> {
        let workload = self.workload.as_ref()?;
        workload["spec"]["template"]["spec"]["containers"][0]["image"].as_str()
    }

    fn written(&mut self) {
        let Some(workload) = &mut self.workload else { return };
        let version = text(workload, "/metadata/resourceVersion").parse::<u64>().unwrap_or(0) + 1;
        workload["metadata"]["resourceVersion"] = version.to_string().into();
        workload["metadata"]["generation"] = (number(workload, "/metadata/generation") + 1).into();
        controller::reconcile(self);
    }

    fn patch(&mut self, patch: &Value) -> Result<Value> {
        let none = || Error::new(ErrorKind::NotFound, "patch workload", "there is none");
        let workload = self.workload.as_ref().ok_or_else(none)?;
        let patched = applied(workload, patch)?;
        let version = |object: &Value| text(object, "/metadata/resourceVersion").to_owned();
        if version(&patched) != version(workload) {
            let why = "the object has been modified";
            return Err(Error::new(ErrorKind::Conflict, "patch workload", why));
        }
        if patched == *workload {
            return Ok(patched);
        }
        let is_status =
            patched["spec"] == workload["spec"] && patched["status"] != workload["status"];
        self.workload = Some(patched);
        if is_status {
            controller::promote(self);
        }
        self.written();
        Ok(self.workload.clone().unwrap_or_default())
    }

    fn delete_pod(&mut self, name: &str, uid: &str) -> Result<()> {
        let at = self.pods.iter().position(|pod| object::name(pod) == name);
        let none = || Error::new(ErrorKind::NotFound, "delete pod", "there is none");
        let at = at.ok_or_else(none)?;
        if object::uid(&self.pods[at]).as_str() != uid {
            return Err(Error::new(ErrorKind::Conflict, "delete pod", "it is another one"));
        }
        self.pods.remove(at);
        controller::reconcile(self);
        Ok(())
    }
}

fn template(name: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    })
}

impl Model for ClusterModel {
    type Call = ClusterCall;
    type Reply = ClusterReply;

    fn is_write(call: &ClusterCall) -> bool {
        matches!(call, ClusterCall::Patch(_) | ClusterCall::DeletePod { .. })
    }

    fn perform(&mut self, call: &ClusterCall) -> Result<ClusterReply> {
        Ok(match call {
            ClusterCall::Get | ClusterCall::Watch => ClusterReply::Object(self.workload.clone()),
            ClusterCall::GetKept(name) => {
                let found = self.kept.iter().find(|kept| object::name(kept) == name);
                ClusterReply::Object(found.cloned())
            }
            ClusterCall::ListKept => ClusterReply::Objects(self.kept.clone()),
            ClusterCall::ListPods => ClusterReply::Objects(self.pods.clone()),
            ClusterCall::Patch(patch) => ClusterReply::Object(Some(self.patch(patch)?)),
            ClusterCall::DeletePod { name, uid } => {
                self.delete_pod(name, uid)?;
                ClusterReply::Object(None)
            }
        })
    }

    fn view(&self) -> String {
        let Some(workload) = &self.workload else { return "no workload".to_owned() };
        let annotation = |key| object::annotation(workload, key);
        let run = if annotation(ANNOTATION_RUN).is_some() { "a run" } else { "nobody of ours" };
        let pods: Vec<_> = self.pods.iter().map(controller::told).collect();
        let stable = argo::stable_hash(workload);
        format!(
            "{}\nstable {stable}\npods {pods:?}\nwritten by {run}\nleft {:?}\nverified {:?}\nkept {:?}",
            workload["spec"]["template"],
            annotation(ANNOTATION_LEFT),
            annotation(ANNOTATION_VERIFIED),
            annotation("example.com/kept"),
        )
    }
}
