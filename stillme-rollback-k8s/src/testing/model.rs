//! The model: what the server has, and what its controllers make of it at once.

use serde_json::{Value, json};
use stillme_rollback_core::testing::Model;
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::patch::applied;
use crate::names::{ANNOTATION_LEFT, ANNOTATION_RUN, ANNOTATION_VERIFIED};
use crate::object::{self, number, text};
use crate::template::{HASH_LABEL, without_hash};

const REVISION: &str = "deployment.kubernetes.io/revision";

/// A request, as data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClusterCall {
    /// Reads the Deployment.
    Get,
    /// Reads one of its ReplicaSets.
    GetSet(String),
    /// Lists its ReplicaSets.
    ListSets,
    /// Begins a watch of the Deployment.
    Watch,
    /// Patches the Deployment.
    Patch(Value),
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

/// One Deployment, and a ReplicaSet for each version that it had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ClusterModel {
    /// The Deployment.
    pub deployment: Option<Value>,
    /// Its ReplicaSets.
    pub sets: Vec<Value>,
    /// Images whose pods don't get ready.
    pub sick: Vec<String>,
}

impl ClusterModel {
    /// A Deployment of this name, of the image `web:v2`, which had `web:v1` before.
    pub fn with_deployment(name: &str) -> Self {
        let deployment = json!({
            "metadata": {
                "name": name, "namespace": "default", "uid": "deployment", "resourceVersion": "1", "generation": 1,
                "annotations": {"example.com/kept": "as it is"},
            },
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template(name, "web:v1")},
            "status": {"observedGeneration": 1},
        });
        let mut model = Self { deployment: Some(deployment), sets: Vec::new(), sick: Vec::new() };
        model.reconcile();
        model.deploy("web:v2");
        model
    }

    /// Deploys an image, as somebody else would.
    pub fn deploy(&mut self, image: &str) {
        let Some(deployment) = &mut self.deployment else { return };
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        self.written();
    }

    /// The Deployment's image.
    pub fn image(&self) -> Option<&str> {
        let deployment = self.deployment.as_ref()?;
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str()
    }

    fn written(&mut self) {
        let Some(deployment) = &mut self.deployment else { return };
        let version = text(deployment, "/metadata/resourceVersion").parse::<u64>().unwrap_or(0) + 1;
        deployment["metadata"]["resourceVersion"] = version.to_string().into();
        deployment["metadata"]["generation"] =
            (number(deployment, "/metadata/generation") + 1).into();
        self.reconcile();
    }

    /// What the controller does: a ReplicaSet for the template, with the highest number and the annotations.
    fn reconcile(&mut self) {
        let Some(deployment) = &mut self.deployment else { return };
        let wanted = deployment["spec"]["template"].clone();
        let highest = self.sets.iter().map(number_of).max().unwrap_or(0);
        let known =
            self.sets.iter_mut().find(|set| without_hash(&set["spec"]["template"]) == wanted);
        let set = match known {
            Some(set) => set,
            None => {
                let hash = format!("h{}", self.sets.len() + 1);
                let mut template = wanted;
                template["metadata"]["labels"][HASH_LABEL] = hash.clone().into();
                self.sets.push(json!({
                    "metadata": {
                        "name": format!("{}-{hash}", object::name(deployment)), "uid": hash,
                        "labels": {HASH_LABEL: hash}, "annotations": {},
                        "ownerReferences": [{"uid": "deployment", "controller": true}],
                    },
                    "spec": {"template": template},
                }));
                // It was pushed just now.
                let last = self.sets.len() - 1;
                &mut self.sets[last]
            }
        };
        let annotations = deployment["metadata"]["annotations"].as_object().into_iter().flatten();
        for (key, value) in annotations {
            set["metadata"]["annotations"][key] = value.clone();
        }
        if number_of(set) < highest || number_of(set) == 0 {
            set["metadata"]["annotations"][REVISION] = (highest + 1).to_string().into();
        }
        deployment["status"]["observedGeneration"] = deployment["metadata"]["generation"].clone();
    }

    fn patch(&mut self, patch: &Value) -> Result<Value> {
        let deployment = self
            .deployment
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "patch deployments", "there is none"))?;
        let patched = applied(deployment, patch)?;
        let version = |object: &Value| text(object, "/metadata/resourceVersion").to_owned();
        if version(&patched) != version(deployment) {
            let why = "the object has been modified";
            return Err(Error::new(ErrorKind::Conflict, "patch deployments", why));
        }
        if patched != *deployment {
            self.deployment = Some(patched);
            self.written();
        }
        Ok(self.deployment.clone().unwrap_or_default())
    }
}

fn number_of(set: &Value) -> i64 {
    let number = object::annotation(set, REVISION).and_then(|number| number.parse().ok());
    number.unwrap_or_default()
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
        matches!(call, ClusterCall::Patch(_))
    }

    fn perform(&mut self, call: &ClusterCall) -> Result<ClusterReply> {
        Ok(match call {
            ClusterCall::Get | ClusterCall::Watch => ClusterReply::Object(self.deployment.clone()),
            ClusterCall::GetSet(name) => {
                let found = self.sets.iter().find(|set| object::name(set) == name);
                ClusterReply::Object(found.cloned())
            }
            ClusterCall::ListSets => ClusterReply::Objects(self.sets.clone()),
            ClusterCall::Patch(patch) => ClusterReply::Object(Some(self.patch(patch)?)),
        })
    }

    fn view(&self) -> String {
        let Some(deployment) = &self.deployment else { return "no deployment".to_owned() };
        let annotation = |key| object::annotation(deployment, key);
        let run = if annotation(ANNOTATION_RUN).is_some() { "a run" } else { "nobody of ours" };
        format!(
            "{}\nwritten by {run}\nleft {:?}\nverified {:?}\nkept {:?}",
            deployment["spec"]["template"],
            annotation(ANNOTATION_LEFT),
            annotation(ANNOTATION_VERIFIED),
            annotation("example.com/kept"),
        )
    }
}
