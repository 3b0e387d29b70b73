//! What the fake API server answers: requests to calls of the model, replies and faults to what comes over a connection.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube_client::client::Body;
use serde_json::{Value, json};
use stillme_rollback_core::testing::{Fault, Simulated};
use stillme_rollback_core::{Error, ErrorKind};
use stillme_rollback_k8s::testing::{ClusterCall, ClusterModel, ClusterReply};

use crate::wire::{Answer, Answered, SILENCE};

/// The answer to a request, or what happens instead of one.
pub(crate) async fn answer(sim: &Simulated<ClusterModel>, request: Request<Body>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let Some(call) = call(&parts.method, parts.uri.path(), query, &body) else {
        return Ok(always(parts.uri.path(), query));
    };
    let (fault, is_write) = (sim.next_fault(), parts.method != Method::GET);
    let reply = sim.call(call.clone());
    match fault {
        None | Some(Fault::Slow) => Ok(usual(&call, query, reply)),
        Some(fault) => failed(fault, is_write).await,
    }
}

/// The call that is meant. `None`: the model has none, and the answer is always the same.
fn call(method: &Method, path: &str, query: &str, body: &Value) -> Option<ClusterCall> {
    if query.contains("dryRun=All") {
        return None;
    }
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let (plural, name) = match parts.as_slice() {
        [.., "namespaces", _, plural] => (*plural, ""),
        [.., "namespaces", _, plural, name] => (*plural, *name),
        _ => return None,
    };
    Some(match (method.as_str(), plural, name) {
        ("GET", "deployments" | "statefulsets", "") if query.contains("watch=true") => {
            ClusterCall::Watch
        }
        ("GET", "deployments" | "statefulsets", name) if !name.is_empty() => ClusterCall::Get,
        ("PATCH", "deployments" | "statefulsets", _) => ClusterCall::Patch(body.clone()),
        ("GET", "replicasets" | "controllerrevisions", "") => ClusterCall::ListKept,
        ("GET", "replicasets" | "controllerrevisions", name) => {
            ClusterCall::GetKept(name.to_owned())
        }
        ("GET", "pods", "") => ClusterCall::ListPods,
        ("DELETE", "pods", name) => ClusterCall::DeletePod {
            name: name.to_owned(),
            uid: body["preconditions"]["uid"].as_str().unwrap_or_default().to_owned(),
        },
        _ => return None,
    })
}

fn always(path: &str, query: &str) -> Response<Answer> {
    if path.ends_with("selfsubjectaccessreviews") {
        return json_answer(201, &json!({"status": {"allowed": true}}));
    }
    if query.contains("dryRun=All") {
        return json_answer(200, &json!({}));
    }
    json_answer(200, &json!({"items": [], "metadata": {}}))
}

fn usual(call: &ClusterCall, query: &str, reply: Result<ClusterReply, Error>) -> Response<Answer> {
    match reply {
        Ok(ClusterReply::Object(found)) if matches!(call, ClusterCall::Watch) => watch(found),
        Ok(ClusterReply::Object(None)) if matches!(call, ClusterCall::DeletePod { .. }) => {
            json_answer(200, &json!({"kind": "Status", "status": "Success"}))
        }
        Ok(ClusterReply::Object(Some(object))) => json_answer(200, &object),
        Ok(ClusterReply::Object(None)) => status(404, "not found"),
        Ok(ClusterReply::Objects(items)) => {
            assert!(!query.contains("watch=true"), "lists are not watched here");
            json_answer(200, &json!({"items": items, "metadata": {}}))
        }
        Err(error) => status(code(error.kind()), error.message()),
        _ => status(500, "an unknown reply"),
    }
}

fn code(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::NotFound => 404,
        ErrorKind::Conflict => 409,
        ErrorKind::Rejected => 422,
        _ => 500,
    }
}

/// What there is, that this was all, and silence.
fn watch(found: Option<Value>) -> Response<Answer> {
    let mut events: Vec<_> =
        found.into_iter().map(|object| json!({"type": "ADDED", "object": object})).collect();
    let end = json!({"metadata": {"annotations": {"k8s.io/initial-events-end": "true"}}});
    events.push(json!({"type": "BOOKMARK", "object": end}));
    let lines = events
        .into_iter()
        .map(|event| Ok::<_, io::Error>(Frame::data(Bytes::from(format!("{event}\n")))));
    let body = StreamBody::new(stream::iter(lines.collect::<Vec<_>>()).chain(stream::pending()));
    Response::builder().status(200).body(body.boxed_unsync()).unwrap()
}

async fn failed(fault: Fault, is_write: bool) -> Answered {
    Ok(match fault {
        Fault::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
        Fault::TimeoutBefore | Fault::TimeoutAfter | Fault::Late(_) => {
            // The clock is paused: it costs nothing.
            tokio::time::sleep(SILENCE).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        Fault::Conflict => status(409, "the object has been modified"),
        // That a thing is not there, a server does not say of one that is; what stands before it may.
        Fault::NotFound if !is_write => bytes_answer(404, "404 page not found"),
        Fault::NotFound => status(404, "not found"),
        Fault::Unprocessable => status(422, "invalid"),
        Fault::TooManyRequests => {
            let answer = Response::builder().status(429).header("Retry-After", "1");
            answer.body(whole("")).unwrap()
        }
        Fault::InternalBefore | Fault::InternalAfter => status(500, "internal"),
        Fault::PartialBody => {
            let begin = Ok(Frame::data(Bytes::from_static(b"{\"metadata\": ")));
            let broken = Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            let body = StreamBody::new(stream::iter([begin, broken]));
            Response::builder().status(200).body(body.boxed_unsync()).unwrap()
        }
        _ => return Err(io::ErrorKind::ConnectionReset.into()),
    })
}

fn status(code: u16, message: &str) -> Response<Answer> {
    json_answer(
        code,
        &json!({"kind": "Status", "status": "Failure", "message": message, "code": code}),
    )
}

fn json_answer(code: u16, value: &Value) -> Response<Answer> {
    bytes_answer(code, &value.to_string())
}

fn whole(text: &str) -> Answer {
    Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {}).boxed_unsync()
}

fn bytes_answer(code: u16, text: &str) -> Response<Answer> {
    Response::builder().status(code).body(whole(text)).unwrap()
}
