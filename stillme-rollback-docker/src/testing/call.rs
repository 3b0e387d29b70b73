//! The calls of the model and their answers, as data.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::model::ModelContainer;
use crate::names::{ContainerId, ImageId};

/// A call, as data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DockerCall {
    /// `GET /containers/json`.
    List,
    /// `GET /containers/{id or name}/json`.
    Inspect(String),
    /// `GET /images/{id or reference}/json`.
    InspectImage(String),
    /// `POST /containers/create`.
    Create(String, Value),
    /// `POST /containers/{id}/start`.
    Start(ContainerId),
    /// `POST /containers/{id}/stop`.
    Stop(ContainerId),
    /// `POST /containers/{id}/rename`.
    Rename(ContainerId, String),
    /// `POST /containers/{id}/update`.
    Restart(ContainerId, Value),
    /// `DELETE /containers/{id}`.
    Remove(ContainerId, bool),
    /// `POST /images/{id}/tag`.
    Tag(ImageId, String),
    /// `DELETE /images/{tag}`.
    Untag(String),
    /// `GET /networks/{name}`.
    InspectNetwork(String),
    /// `POST /networks/create`, of one without a way out.
    CreateNetwork(String),
    /// `DELETE /networks/{name}`.
    RemoveNetwork(String),
    /// `POST /networks/{name}/connect`.
    Connect(String, ContainerId),
    /// `POST /networks/{name}/disconnect`.
    Disconnect(String, ContainerId),
    /// Where does the proxy's traffic go?
    Traffic,
    /// The proxy's new requests to a container.
    Point(ContainerId),
    /// Waits for the requests that a container still has.
    Drain(ContainerId),
}

/// The reply to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DockerReply {
    /// It is done.
    Done,
    /// It was so already.
    Already,
    /// It is done: the container has this id.
    Created(Arc<str>),
    /// The answer, or nothing of that name.
    Json(Option<Value>),
    /// The containers by id.
    Containers(Arc<BTreeMap<Arc<str>, ModelContainer>>),
    /// The id of the container that has the proxy's traffic.
    Traffic(Option<Arc<str>>),
}
