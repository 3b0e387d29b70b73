//! The cluster that tests run against, one for a test program, and a namespace for each test.
//!
//! `STILLME_TEST_KUBECONFIG` names a kubeconfig of any cluster; else `STILLME_TEST_CONTROL_PLANE` names the folder that
//! `testbed/cluster/build.sh` printed, and a control plane is started from there. Without either, tests that need a
//! cluster say that they are left out; with `STILLME_TEST_CLUSTER=required` they fail.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use kube_client::Client;
use kube_client::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use stillme_rollback_k8s::HttpCluster;
use stillme_rollback_k8s::cluster::{Cluster as _, Permission};
use stillme_rollback_k8s::names::{Kind, Namespace, ObjectName, WorkloadRef};
use stillme_rollback_k8s::resource::PODS;

/// How long anything that a test awaits may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

struct Plane {
    kubeconfig: PathBuf,
    audit_log: Option<PathBuf>,
    /// Its end of input ends the control plane, also when this program dies.
    own: Option<Mutex<Own>>,
}

/// A control plane that this program started.
struct Own {
    child: Child,
    answers: BufReader<ChildStdout>,
}

fn plane() -> Option<&'static Plane> {
    static PLANE: OnceLock<Option<Plane>> = OnceLock::new();
    PLANE.get_or_init(start).as_ref()
}

fn start() -> Option<Plane> {
    if let Some(kubeconfig) = std::env::var_os("STILLME_TEST_KUBECONFIG") {
        return Some(Plane { kubeconfig: kubeconfig.into(), audit_log: None, own: None });
    }
    let Some(folder) = std::env::var_os("STILLME_TEST_CONTROL_PLANE") else {
        let required = std::env::var("STILLME_TEST_CLUSTER").is_ok_and(|is| is == "required");
        assert!(
            !required,
            "STILLME_TEST_CLUSTER=required, and neither STILLME_TEST_CONTROL_PLANE nor STILLME_TEST_KUBECONFIG is set"
        );
        println!(
            "left out: tests on a cluster (STILLME_TEST_CONTROL_PLANE and STILLME_TEST_KUBECONFIG are not set)"
        );
        return None;
    };
    let program = PathBuf::from(folder).join("bin/control-plane");
    let mut child = Command::new(&program)
        .arg("up")
        .args(crate::CONTROL_PLANE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    // It gives up by itself when one of its parts is not ready within a minute.
    let mut answers = BufReader::new(out);
    answers.read_line(&mut line).expect("its output can be read");
    let said: Value = serde_json::from_str(&line).expect("it says where it is");
    let path = |key: &str| PathBuf::from(said[key].as_str().expect("a path"));
    Some(Plane {
        kubeconfig: path("kubeconfig"),
        audit_log: Some(path("folder").join("audit.log")),
        own: Some(Mutex::new(Own { child, answers })),
    })
}

/// A namespace of a test's own.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: Namespace,
    audit_log: Option<PathBuf>,
    config: Config,
}

impl Cluster {
    /// `None` where there is no cluster: the test is left out.
    pub(crate) async fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let plane = plane()?;
        let kubeconfig = Kubeconfig::read_from(&plane.kubeconfig).expect("a kubeconfig");
        let options = KubeConfigOptions::default();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a config");
        config.default_retry = false;
        let client = Client::try_from(config.clone()).expect("a client");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("stillme-test-{}-{number}", std::process::id());
        let cluster = Self {
            client,
            namespace: Namespace::new(namespace.clone()).expect("a name"),
            audit_log: plane.audit_log.clone(),
            config,
        };
        let object = json!({
            "metadata": {"name": namespace, "labels": {"dev.stillme.testbed": "true"}},
        });
        cluster.send("POST", "/api/v1/namespaces", "application/json", &object).await;
        // Pods can be made once its service account is there.
        let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        cluster
            .until("the service account is there", async || {
                cluster.try_send("GET", &account, "", &Value::Null).await.is_ok()
            })
            .await;
        Some(cluster)
    }

    /// The server for a service account of its own, which may do what these rules say.
    pub(crate) async fn as_user(&self, name: &str, rules: &Value) -> HttpCluster {
        let (rbac, namespace) = ("/apis/rbac.authorization.k8s.io/v1/namespaces", &self.namespace);
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let metadata = json!({"metadata": {"name": name}});
        self.send("POST", &accounts, "application/json", &metadata).await;
        let mut role = metadata.clone();
        role["rules"] = rules.clone();
        self.send("POST", &format!("{rbac}/{namespace}/roles"), "application/json", &role).await;
        let mut binding = metadata;
        binding["roleRef"] =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
        binding["subjects"] =
            json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
        let bindings = format!("{rbac}/{namespace}/rolebindings");
        self.send("POST", &bindings, "application/json", &binding).await;
        let token = format!("{accounts}/{name}/token");
        let token = self.send("POST", &token, "application/json", &json!({"spec": {}})).await;
        let token = token["status"]["token"].as_str().expect("a token").to_owned();
        let mut config = self.config.clone();
        config.auth_info = AuthInfo::default();
        config.auth_info.token = Some(token.into());
        let cluster = HttpCluster::new(Client::try_from(config).expect("a client"));
        // The server reads roles from a cache of its own.
        let permission = Permission::any("list", PODS);
        self.until("the role holds", async || {
            cluster.may(namespace, &permission).await.is_ok_and(|may| may)
        })
        .await;
        cluster
    }

    /// The same namespace, for somebody else in it.
    pub(crate) fn again(&self) -> Self {
        Self {
            client: self.client.clone(),
            namespace: self.namespace.clone(),
            audit_log: self.audit_log.clone(),
            config: self.config.clone(),
        }
    }

    /// Deletes all objects of a kind in the namespace, and waits until they are gone.
    pub(crate) async fn remove_all(&self, plural: &str) {
        self.delete(plural, "").await;
        self.until("they are gone", async || {
            self.get(plural, "").await["items"].as_array().is_some_and(Vec::is_empty)
        })
        .await;
    }

    /// Tells the control plane to `kill` or `start` one of its parts, and waits until that is done. `false` where it is
    /// not ours.
    pub(crate) fn order(&self, order: &str) -> bool {
        let Some(own) = plane().and_then(|plane| plane.own.as_ref()) else { return false };
        let mut own = own.lock().expect("nobody panicked");
        let stdin = own.child.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{order}").expect("it listens");
        let mut answer = String::new();
        own.answers.read_line(&mut answer).expect("its output can be read");
        assert_eq!(answer.trim(), "done", "{order}");
        true
    }

    /// The kubeconfig of its administrator.
    pub(crate) fn kubeconfig(&self) -> &std::path::Path {
        // Without one there would be no `self`.
        plane().map(|plane| plane.kubeconfig.as_path()).expect("a control plane")
    }

    pub(crate) fn api(&self) -> HttpCluster {
        HttpCluster::new(self.client.clone())
    }

    pub(crate) fn workload(&self, kind: Kind, name: &str) -> WorkloadRef {
        WorkloadRef::new(self.namespace.clone(), kind, ObjectName::new(name).expect("a name"))
    }

    fn path(&self, plural: &str, name: &str) -> String {
        let root = match plural {
            "deployments"
            | "replicasets"
            | "statefulsets"
            | "daemonsets"
            | "controllerrevisions" => "/apis/apps/v1",
            "rollouts" => "/apis/argoproj.io/v1alpha1",
            "horizontalpodautoscalers" => "/apis/autoscaling/v2",
            _ => "/api/v1",
        };
        let path = format!("{root}/namespaces/{}/{plural}/{name}", self.namespace);
        path.trim_end_matches('/').to_owned()
    }

    pub(crate) async fn get(&self, plural: &str, name: &str) -> Value {
        self.send("GET", &self.path(plural, name), "", &Value::Null).await
    }

    pub(crate) async fn create(&self, plural: &str, object: &Value) -> Value {
        let path = self.path(plural, "");
        self.send("POST", &path, "application/json", object).await
    }

    pub(crate) async fn merge(&self, plural: &str, name: &str, patch: &Value) -> Value {
        self.send("PATCH", &self.path(plural, name), "application/merge-patch+json", patch).await
    }

    pub(crate) async fn delete(&self, plural: &str, name: &str) {
        self.send("DELETE", &self.path(plural, name), "", &Value::Null).await;
    }

    /// A Deployment of `replicas` pods of an image, once its controller is done with it, if it can be.
    pub(crate) async fn deployment(&self, name: &str, image: &str, replicas: u32) {
        let spec = json!({"replicas": replicas});
        self.create_workload("deployments", name, image, spec).await;
    }

    /// A Deployment whose pods have one label more, which tells it from others of the same app.
    pub(crate) async fn deployment_of(
        &self,
        app: &str,
        (key, value): (&str, &str),
        image: &str,
        replicas: u32,
    ) {
        let labels = json!({"app": app, key: value});
        let name = format!("{app}-{value}");
        let object = json!({
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"terminationGracePeriodSeconds": 1, "containers": [container(image)]},
                },
            },
        });
        self.create("deployments", &object).await;
        self.until("the controller has seen it", async || {
            self.get("deployments", &name).await["status"]["observedGeneration"] == 1
        })
        .await;
    }

    /// A Service.
    pub(crate) async fn service(&self, name: &str, selector: &Value) {
        let spec = json!({"selector": selector, "ports": [{"port": 80}]});
        self.create("services", &json!({"metadata": {"name": name}, "spec": spec})).await;
    }

    /// A StatefulSet likewise.
    pub(crate) async fn stateful_set(
        &self,
        name: &str,
        image: &str,
        replicas: u32,
        strategy: Value,
    ) {
        let spec = json!({"replicas": replicas, "serviceName": name, "updateStrategy": strategy});
        self.create_workload("statefulsets", name, image, spec).await;
    }

    /// A DaemonSet likewise.
    pub(crate) async fn daemon_set(&self, name: &str, image: &str, strategy: Value) {
        let spec = json!({ "updateStrategy": strategy });
        self.create_workload("daemonsets", name, image, spec).await;
    }

    pub(crate) async fn create_workload(
        &self,
        plural: &str,
        name: &str,
        image: &str,
        mut spec: Value,
    ) {
        spec["selector"] = json!({"matchLabels": {"app": name}});
        spec["template"] = json!({
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container(image)]},
        });
        let metadata = json!({"name": name, "labels": {"app": name}, "annotations": {"example.com/kept": "as it is"}});
        let mut object = json!({"metadata": metadata, "spec": spec});
        if plural == "rollouts" {
            // Of kinds that it does not know by heart, the server wants to be told.
            object["apiVersion"] = "argoproj.io/v1alpha1".into();
            object["kind"] = "Rollout".into();
        }
        self.create(plural, &object).await;
        self.rolled_out_of(plural, name).await;
    }

    /// Deploys another image of a Deployment, as a user does.
    pub(crate) async fn deploy(&self, name: &str, image: &str) {
        self.deploy_to("deployments", name, image).await;
    }

    /// Deploys another image, as a user does.
    pub(crate) async fn deploy_to(&self, plural: &str, name: &str, image: &str) {
        let patch = json!({"spec": {"template": {"spec": {"containers": [container(image)]}}}});
        self.merge(plural, name, &patch).await;
        self.until("the controller has seen it", async || is_seen(&self.get(plural, name).await))
            .await;
    }

    /// Until a Deployment is rolled out.
    pub(crate) async fn rolled_out(&self, name: &str) {
        self.rolled_out_of("deployments", name).await;
    }

    /// Until all pods of a workload are of its template and ready.
    pub(crate) async fn rolled_out_of(&self, plural: &str, name: &str) {
        self.until("it is rolled out", async || {
            let now = self.get(plural, name).await;
            if plural == "rollouts" {
                return is_seen(&now) && now["status"]["phase"] == "Healthy";
            }
            let (wanted, counts) = match plural {
                "daemonsets" => (
                    &now["status"]["desiredNumberScheduled"],
                    ["updatedNumberScheduled", "numberAvailable", "currentNumberScheduled"],
                ),
                _ => {
                    (&now["spec"]["replicas"], ["updatedReplicas", "availableReplicas", "replicas"])
                }
            };
            // A DaemonSet's controller counts nodes first.
            let is_counted = plural != "daemonsets" || *wanted != 0;
            is_counted
                && is_seen(&now)
                && (*wanted == 0 || counts.iter().all(|count| now["status"][*count] == *wanted))
        })
        .await;
    }

    /// The pods of a workload that are not ending: name, uid, image, whether it is ready; by name.
    pub(crate) async fn pods(&self, app: &str) -> Vec<(String, String, String, bool)> {
        let all = self.get("pods", "").await;
        let all = all["items"].as_array().expect("a list").clone();
        let its = all.iter().filter(|pod| {
            pod["metadata"]["labels"]["app"] == app
                && pod["metadata"]["deletionTimestamp"].is_null()
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut pods: Vec<_> = its
            .map(|pod| {
                let conditions =
                    pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
                let ready =
                    conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
                let image = text(&pod["spec"]["containers"][0]["image"]);
                (text(&pod["metadata"]["name"]), text(&pod["metadata"]["uid"]), image, ready)
            })
            .collect();
        pods.sort();
        pods
    }

    pub(crate) async fn image(&self, name: &str) -> String {
        let now = self.get("deployments", name).await;
        now["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The requests that the server got of our client in this namespace, as `patch deployments`, but for those that
    /// it refused as stale (409): how many there are depends on when a controller writes. `None` where its books
    /// can't be read.
    pub(crate) fn requests(&self) -> Option<Vec<String>> {
        let log =
            std::fs::read_to_string(self.audit_log.as_ref()?).expect("the audit log can be read");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = lines.filter(|line| line["objectRef"]["namespace"] == self.namespace.as_str());
        let ours = ours.filter(|line| line["responseStatus"]["code"] != 409);
        let told = |line: Value| {
            let text = |pointer: &str| {
                line.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            format!("{} {}", text("/verb"), text("/objectRef/resource"))
        };
        Some(ours.map(told).collect())
    }

    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let awaited = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, awaited).await.is_ok(), "not within {LIMIT:?}: {what}");
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: &Value) -> Value {
        match self.try_send(method, path, kind, body).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &Value,
    ) -> Result<Value, kube_client::Error> {
        let mut request = http::Request::builder().method(method).uri(path);
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = request.body(body).expect("a request");
        let answer = tokio::time::timeout(LIMIT, self.client.request::<Value>(request)).await;
        answer.expect("an answer in time")
    }
}

/// Whether a controller has seen the newest wish. Argo's writes a text.
fn is_seen(object: &Value) -> bool {
    let (seen, newest) =
        (&object["status"]["observedGeneration"], &object["metadata"]["generation"]);
    seen == newest || seen.as_str() == Some(newest.to_string().as_str())
}

fn container(image: &str) -> Value {
    json!({"name": "app", "image": image, "env": [{"name": "TOKEN", "value": format!("canary-{image}")}]})
}
