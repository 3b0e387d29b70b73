//! What the fake engine answers: requests to calls of the model, replies and faults to bytes.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use stillme_rollback_core::testing::{Fault, Simulated};
use stillme_rollback_core::{Error, ErrorKind};
use stillme_rollback_docker::testing::{DockerCall, DockerModel, DockerReply};
use stillme_rollback_docker::{ContainerId, ImageId};

/// The labels of networks by name, which the model does not keep.
pub(crate) type Labels = HashMap<String, Value>;

/// What comes over the connection.
pub(crate) enum Answered {
    Bytes(Vec<u8>),
    /// The connection is closed without a word.
    Cut,
    /// Nothing comes, and the connection stays.
    Silence,
}

/// A request, as far as it matters.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the version.
    pub(crate) path: String,
    query: HashMap<String, String>,
    body: Value,
}

impl Request {
    pub(crate) fn read(stream: &mut UnixStream) -> Option<Self> {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let n = stream.read(&mut piece).ok().filter(|n| *n > 0)?;
            bytes.extend_from_slice(&piece[..n]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Self::parse(head.lines().next()?, body);
            }
        }
    }

    fn parse(line: &str, body: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v1.41").unwrap_or(path).to_owned();
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = query.map(|(name, value)| (name.to_owned(), decoded(value))).collect();
        let body = serde_json::from_str(body).unwrap_or_default();
        Some(Self { method, path, query, body })
    }

    fn parameter(&self, name: &str) -> String {
        self.query.get(name).cloned().unwrap_or_default()
    }

    /// The call that is meant. `None`: the model has none, and the answer is always the same.
    fn call(&self) -> Option<DockerCall> {
        let path: Vec<_> = self.path[1..].split('/').map(decoded).collect();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let text = |key: &str| self.body[key].as_str().unwrap().to_owned();
        let id = |id: &str| ContainerId::new(id).unwrap();
        Some(match (self.method.as_str(), &path[..]) {
            ("GET", ["containers", "json"]) => DockerCall::List,
            ("GET", ["containers", which, "json"]) => DockerCall::Inspect((*which).to_owned()),
            ("POST", ["containers", "create"]) => {
                DockerCall::Create(self.parameter("name"), self.body.clone())
            }
            ("POST", ["containers", which, "start"]) => DockerCall::Start(id(which)),
            ("POST", ["containers", which, "stop" | "kill"]) => DockerCall::Stop(id(which)),
            ("POST", ["containers", which, "rename"]) => {
                DockerCall::Rename(id(which), self.parameter("name"))
            }
            ("POST", ["containers", which, "update"]) => {
                DockerCall::Restart(id(which), self.body["RestartPolicy"].clone())
            }
            ("DELETE", ["containers", which]) => {
                DockerCall::Remove(id(which), self.parameter("force") == "true")
            }
            ("GET", ["images", name @ .., "json"]) if !name.is_empty() => {
                DockerCall::InspectImage(name.join("/"))
            }
            ("POST", ["images", which, "tag"]) => {
                let tag = format!("{}:{}", self.parameter("repo"), self.parameter("tag"));
                DockerCall::Tag(ImageId::new(*which).unwrap(), tag)
            }
            ("DELETE", ["images", name @ ..]) => DockerCall::Untag(name.join("/")),
            ("POST", ["networks", "create"]) => DockerCall::CreateNetwork(text("Name")),
            ("GET", ["networks", name]) => DockerCall::InspectNetwork((*name).to_owned()),
            ("DELETE", ["networks", name]) => DockerCall::RemoveNetwork((*name).to_owned()),
            ("POST", ["networks", name, "connect"]) => {
                DockerCall::Connect((*name).to_owned(), id(&text("Container")))
            }
            ("POST", ["networks", name, "disconnect"]) => {
                DockerCall::Disconnect((*name).to_owned(), id(&text("Container")))
            }
            _ => return None,
        })
    }
}

/// The answer to a request, or what happens instead of one.
pub(crate) fn answer(
    sim: Option<&Simulated<DockerModel>>,
    labels: &mut Labels,
    request: &Request,
) -> Answered {
    let (Some(sim), Some(call)) = (sim, request.call()) else {
        return Answered::Bytes(always(sim, request));
    };
    if let DockerCall::CreateNetwork(name) = &call {
        labels.insert(name.clone(), request.body["Labels"].clone());
    }
    let fault = sim.next_fault();
    let reply = sim.call(call.clone());
    match fault {
        None | Some(Fault::Slow) => usual(sim, labels, request, &call, reply),
        Some(fault) => failed(fault, request.method != "GET"),
    }
}

/// That a thing is not there, an engine does not say of one that is; what stands before it may.
const NO_SUCH_PAGE: &[u8] = b"HTTP/1.1 404 X\r\nContent-Length: 18\r\n\r\n404 page not found";

fn failed(fault: Fault, is_write: bool) -> Answered {
    Answered::Bytes(match fault {
        Fault::TimeoutBefore | Fault::TimeoutAfter | Fault::Late(_) => return Answered::Silence,
        Fault::Conflict => json_answer(409, &json!({"message": "conflict"})),
        Fault::NotFound if !is_write => NO_SUCH_PAGE.to_vec(),
        Fault::NotFound => json_answer(404, &json!({"message": "not found"})),
        Fault::Unprocessable => json_answer(422, &json!({"message": "unprocessable"})),
        Fault::TooManyRequests => {
            b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_vec()
        }
        Fault::InternalBefore | Fault::InternalAfter => {
            json_answer(500, &json!({"message": "internal"}))
        }
        Fault::PartialBody => b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[{".to_vec(),
        _ => return Answered::Cut,
    })
}

fn usual(
    sim: &Simulated<DockerModel>,
    labels: &Labels,
    request: &Request,
    call: &DockerCall,
    reply: Result<DockerReply, Error>,
) -> Answered {
    let (status, body) = match reply {
        Ok(DockerReply::Done) if matches!(call, DockerCall::Restart(..)) => (200, json!({})),
        Ok(DockerReply::Done) if matches!(call, DockerCall::CreateNetwork(_)) => {
            (201, json!({"Id": "net"}))
        }
        Ok(DockerReply::Done) => (204, Value::Null),
        Ok(DockerReply::Already) => (already(call), json!({"message": "already so"})),
        Ok(DockerReply::Created(id)) => (201, json!({"Id": &*id})),
        Ok(DockerReply::Json(Some(found))) => (200, completed(sim, labels, call, found)),
        Ok(DockerReply::Json(None)) => (404, json!({"message": "no such thing"})),
        Ok(_) => (200, listed(&sim.model(), request)),
        Err(error) => match status(error.kind()) {
            Some(status) => (status, json!({"message": error.to_string()})),
            // The process of ours is dead, only it does not know yet.
            None => return Answered::Cut,
        },
    };
    Answered::Bytes(json_answer(status, &body))
}

/// How engines say that a thing is so already.
fn already(call: &DockerCall) -> u16 {
    match call {
        DockerCall::Connect(..) | DockerCall::Disconnect(..) => 403,
        DockerCall::CreateNetwork(_) => 409,
        DockerCall::RemoveNetwork(_) | DockerCall::Untag(_) => 404,
        _ => 304,
    }
}

fn status(kind: ErrorKind) -> Option<u16> {
    match kind {
        ErrorKind::NotFound => Some(404),
        ErrorKind::Conflict => Some(409),
        ErrorKind::Rejected => Some(403),
        ErrorKind::Internal => Some(500),
        _ => None,
    }
}

/// What an engine shows beside what the model knows.
fn completed(
    sim: &Simulated<DockerModel>,
    labels: &Labels,
    call: &DockerCall,
    mut found: Value,
) -> Value {
    match call {
        DockerCall::InspectNetwork(name) => {
            found["Labels"] = labels.get(name).cloned().unwrap_or_default();
        }
        DockerCall::InspectImage(_) => {
            let model = sim.model();
            let tags = model.tags.iter().filter(|(_, id)| found["Id"] == ***id);
            found["RepoTags"] = tags.map(|(tag, _)| tag.as_str()).collect();
        }
        _ => {}
    }
    found
}

/// The list of containers, with the filters that are used.
fn listed(model: &DockerModel, request: &Request) -> Value {
    let filters: Value = serde_json::from_str(&request.parameter("filters")).unwrap_or_default();
    let wanted: Vec<_> = filters["label"].as_array().into_iter().flatten().cloned().collect();
    let has = |labels: &Value, wanted: &Value| {
        let wanted = wanted.as_str().unwrap();
        match wanted.split_once('=') {
            Some((name, value)) => labels[name] == value,
            None => labels.get(wanted).is_some(),
        }
    };
    let all = request.parameter("all") == "true";
    let containers = model.containers.iter().filter(|(_, container)| {
        (all || container.state.as_str() == "running")
            && wanted.iter().all(|wanted| has(&container.config["Labels"], wanted))
    });
    let shown = containers.map(|(id, container)| {
        json!({
            "Id": &**id, "Names": [format!("/{}", container.name)], "ImageID": &*container.image,
            "Image": container.config["Image"], "State": container.state.as_str(),
            "Labels": container.config["Labels"], "Created": 0,
        })
    });
    shown.collect::<Vec<_>>().into()
}

/// What is no call of the model: it never fails.
fn always(sim: Option<&Simulated<DockerModel>>, request: &Request) -> Vec<u8> {
    let path: Vec<_> = request.path[1..].split('/').collect();
    let body = match &path[..] {
        ["version"] => {
            json!({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"})
        }
        ["info"] => json!({"ID": "MODEL", "Name": "model", "DefaultRuntime": "runc"}),
        ["containers", id, "exec"] => json!({ "Id": id }),
        ["exec", _, "start"] => return b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ["exec", id, "json"] => {
            let model = sim.unwrap().model();
            let found = model.containers.get(*id);
            let fails = found.is_none_or(|c| model.unready.iter().any(|image| **image == *c.image));
            json!({"Running": false, "ExitCode": i32::from(fails)})
        }
        ["images", "json"] => {
            let model = sim.unwrap().model();
            let image = |(tag, id): (&String, &std::sync::Arc<str>)| json!({"Id": &**id, "RepoTags": [tag], "Created": 0});
            model.tags.iter().map(image).collect::<Vec<_>>().into()
        }
        ["containers", _, "logs"] | ["events"] => return json_answer(204, &Value::Null),
        ["containers", _, "changes" | "stats"] => Value::Null,
        _ => panic!("no answer to {} {}", request.method, request.path),
    };
    json_answer(200, &body)
}

fn json_answer(status: u16, body: &Value) -> Vec<u8> {
    let text = if matches!(status, 204 | 304) { String::new() } else { body.to_string() };
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
