//! A real API server, over kube's client.

mod answer;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube_client::Client;
use kube_client::client::Body;
use serde_json::{Value, json};
use stillme_rollback_core::{Disposition, Error, ErrorKind, Result, Secret};

use crate::cluster::{Cluster, Life, Mode, Object, Permission, Selection, Watch};
use crate::names::{FIELD_MANAGER, Namespace, ObjectName, Uid};
use crate::resource::{POD_LOGS, Resource};

use self::answer::{failed, not_sent, refused};
use self::watch::HttpWatch;

/// How long a call may take unless it is [limited](Cluster::limited) to less.
const LIMIT: Duration = Duration::from_secs(30);
/// Objects in one part of a list.
const PART: u32 = 500;
/// The most that is read of an answer: an object has at most 1.5 MiB, a part of a list 500 of them.
const MOST_BYTES: usize = 256 * 1024 * 1024;

const JSON: &str = "application/json";
const JSON_PATCH: &str = "application/json-patch+json";

/// An API server.
#[derive(Clone)]
pub struct HttpCluster {
    client: Client,
    limit: Duration,
}

impl fmt::Debug for HttpCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCluster").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl HttpCluster {
    /// A server by kube's client, which must not retry: each attempt of this crate has an intent in a
    /// journal. [`connect`](crate::connect) makes such a client.
    pub const fn new(client: Client) -> Self {
        Self { client, limit: LIMIT }
    }

    /// Sends one request and reads its answer. `writes`: no answer leaves it in doubt.
    async fn call(&self, call: Call<'_>) -> Result<Value> {
        let (operation, writes) = (call.operation.clone(), call.writes);
        let body = self.raw(call).await?;
        serde_json::from_slice(&body).map_err(|_| {
            Error::new(ErrorKind::Corrupt, operation, "the answer is not JSON")
                .with_disposition(doubt(writes))
        })
    }

    /// The same, of an answer that is no JSON.
    async fn raw(&self, call: Call<'_>) -> Result<Bytes> {
        let operation = call.operation.clone();
        let writes = call.writes;
        match tokio::time::timeout(self.limit, self.exchange(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(late(&operation, self.limit, writes)),
        }
    }

    async fn exchange(&self, call: Call<'_>) -> Result<Bytes> {
        let operation = call.operation.as_str();
        let request = call.request()?;
        let sent = self.client.send(request).await;
        let response = sent.map_err(|error| not_sent(operation, error, call.writes))?;
        let (parts, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, MOST_BYTES).collect().await;
        let body = body.map_err(|error| failed(operation, error, call.writes))?.to_bytes();
        if !parts.status.is_success() {
            return Err(refused(operation, &parts, &body));
        }
        Ok(body)
    }
}

fn late(operation: &str, limit: Duration, writes: bool) -> Error {
    let message = format!("no answer within {:.1} s", limit.as_secs_f64());
    Error::new(ErrorKind::Timeout, operation, message).with_disposition(doubt(writes))
}

/// What no answer means: a read can be done again.
const fn doubt(writes: bool) -> Disposition {
    if writes { Disposition::InDoubt } else { Disposition::Retry }
}

/// One request.
struct Call<'a> {
    operation: String,
    method: Method,
    path: String,
    query: Vec<(&'static str, &'a str)>,
    body: Option<(&'static str, Value)>,
    writes: bool,
}

impl<'a> Call<'a> {
    fn read(operation: String, path: String) -> Self {
        Self { operation, method: Method::GET, path, query: Vec::new(), body: None, writes: false }
    }

    fn with(mut self, key: &'static str, value: &'a str) -> Self {
        if !value.is_empty() {
            self.query.push((key, value));
        }
        self
    }

    fn selecting(self, selection: &'a Selection) -> Self {
        self.with("labelSelector", &selection.labels).with("fieldSelector", &selection.fields)
    }

    fn request(&self) -> Result<Request<Body>> {
        let mut uri = self.path.clone();
        if !self.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&self.query);
            uri.push('?');
            uri.push_str(&query.finish());
        }
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        let body = match &self.body {
            Some((kind, body)) => {
                request = request.header(http::header::CONTENT_TYPE, *kind);
                Body::from(body.to_string().into_bytes())
            }
            None => Body::empty(),
        };
        request.header(http::header::ACCEPT, JSON).body(body).map_err(|error| {
            Error::new(
                ErrorKind::InvalidInput,
                self.operation.clone(),
                "the request can't be built",
            )
            .with_source(error)
        })
    }
}

fn on(verb: &str, resource: Resource, name: &ObjectName) -> String {
    format!("{verb} {} {name}", resource.plural)
}

#[async_trait]
impl Cluster for HttpCluster {
    async fn get(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Option<Object>> {
        let path = resource.path_of(namespace, name);
        match self.call(Call::read(on("get", resource, name), path)).await {
            Ok(object) => Ok(Some(Secret::new(object))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(
        &self,
        resource: Resource,
        namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Vec<Object>> {
        let operation = format!("list {}", resource.plural);
        let part = PART.to_string();
        let (mut objects, mut continued) = (Vec::new(), String::new());
        loop {
            let call = Call::read(operation.clone(), resource.path(namespace))
                .selecting(selection)
                .with("limit", &part)
                .with("continue", &continued);
            let mut answer = self.call(call).await?;
            let items = answer.get_mut("items").and_then(Value::as_array_mut);
            objects
                .extend(items.map(std::mem::take).unwrap_or_default().into_iter().map(Secret::new));
            match answer.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(next) if !next.is_empty() => continued = next.to_owned(),
                _ => return Ok(objects),
            }
        }
    }

    async fn watch(
        &self,
        resource: Resource,
        namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Box<dyn Watch>> {
        let operation = format!("watch {}", resource.plural);
        let call = Call::read(operation.clone(), resource.path(namespace))
            .selecting(selection)
            .with("watch", "true")
            .with("sendInitialEvents", "true")
            .with("resourceVersionMatch", "NotOlderThan")
            .with("allowWatchBookmarks", "true");
        let request = call.request()?;
        let sent = tokio::time::timeout(self.limit, self.client.send(request)).await;
        let response = sent
            .map_err(|_| late(&operation, self.limit, false))?
            .map_err(|error| not_sent(&operation, error, false))?;
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            let body = http_body_util::Limited::new(body, MOST_BYTES).collect();
            let body = tokio::time::timeout(self.limit, body).await;
            let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes());
            return Err(refused(&operation, &parts, &body.unwrap_or_default()));
        }
        Ok(Box::new(HttpWatch::new(operation, body)))
    }

    async fn patch(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        patch: &Value,
        mode: Mode,
    ) -> Result<Object> {
        let dry_run = if mode == Mode::DryRun { "All" } else { "" };
        let call = Call {
            operation: on("patch", resource, name),
            method: Method::PATCH,
            path: resource.path_of(namespace, name),
            query: Vec::new(),
            body: Some((JSON_PATCH, patch.clone())),
            writes: mode == Mode::Real,
        };
        let call = call.with("fieldManager", FIELD_MANAGER).with("dryRun", dry_run);
        self.call(call).await.map(Secret::new)
    }

    async fn delete(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        uid: &Uid,
    ) -> Result<()> {
        let call = Call {
            operation: on("delete", resource, name),
            method: Method::DELETE,
            path: resource.path_of(namespace, name),
            query: Vec::new(),
            body: Some((JSON, json!({ "preconditions": { "uid": uid } }))),
            writes: true,
        };
        self.call(call).await.map(drop)
    }

    async fn logs(
        &self,
        namespace: &Namespace,
        pod: &ObjectName,
        container: &str,
        life: Life,
    ) -> Result<Secret<Vec<u8>>> {
        let call = Call::read(on("get", POD_LOGS, pod), POD_LOGS.path_of(namespace, pod))
            .with("container", container)
            .with("previous", if life == Life::Previous { "true" } else { "" })
            .with("timestamps", "true")
            .with("tailLines", "200")
            .with("limitBytes", "65536");
        self.raw(call).await.map(|body| Secret::new(body.to_vec()))
    }

    async fn may(&self, namespace: &Namespace, permission: &Permission) -> Result<bool> {
        let (resource, subresource) = match permission.resource.plural.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (permission.resource.plural, None),
        };
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "namespace": namespace,
                "verb": permission.verb,
                "group": permission.resource.group,
                "resource": resource,
                "subresource": subresource,
                "name": permission.name,
            }},
        });
        let call = Call {
            operation: format!("ask whether one may {permission}"),
            method: Method::POST,
            path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            query: Vec::new(),
            body: Some((JSON, question)),
            // It is stored nowhere.
            writes: false,
        };
        let answer = self.call(call).await?;
        Ok(answer.pointer("/status/allowed") == Some(&Value::Bool(true)))
    }

    fn limited(&self, limit: Duration) -> Arc<dyn Cluster> {
        Arc::new(Self { client: self.client.clone(), limit: limit.min(self.limit) })
    }
}
