//! What a user does with kubectl: makes workloads, deploys to them, looks.

use kube_client::Client;
use kube_client::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::Failure;
use crate::plane::Plane;

/// The namespace `default` of the demo's control plane.
pub(crate) struct Namespace(Client);

const ROOT: &str = "/apis/apps/v1/namespaces/default";

impl Namespace {
    pub(crate) async fn of(plane: &Plane) -> Result<Self, Failure> {
        let kubeconfig = Kubeconfig::read_from(&plane.kubeconfig)?;
        let options = KubeConfigOptions::default();
        Ok(Self(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &options).await?)?))
    }

    /// A Deployment or a StatefulSet of an image.
    pub(crate) async fn create(
        &self,
        plural: &str,
        name: &str,
        image: &str,
        replicas: u32,
    ) -> Result<(), Failure> {
        let labels = json!({"app": name});
        let mut spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": image}]},
            },
        });
        if plural == "statefulsets" {
            spec["serviceName"] = name.into();
        }
        let object = json!({"metadata": {"name": name}, "spec": spec});
        self.send("POST", &format!("{ROOT}/{plural}"), "application/json", &object).await.map(drop)
    }

    /// Deploys another image.
    pub(crate) async fn deploy(
        &self,
        plural: &str,
        name: &str,
        image: &str,
    ) -> Result<(), Failure> {
        let containers = json!([{"name": "app", "image": image}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let path = format!("{ROOT}/{plural}/{name}");
        self.send("PATCH", &path, "application/merge-patch+json", &patch).await.map(drop)
    }

    /// How many pods of a workload are available.
    pub(crate) async fn available(&self, plural: &str, name: &str) -> Result<u64, Failure> {
        let object = self.send("GET", &format!("{ROOT}/{plural}/{name}"), "", &Value::Null).await?;
        Ok(object["status"]["availableReplicas"].as_u64().unwrap_or_default())
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let mut request = http::Request::builder().method(method).uri(path);
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Ok(self.0.request(request.body(body)?).await?)
    }
}
