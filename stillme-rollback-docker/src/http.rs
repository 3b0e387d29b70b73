//! The way to an engine: one connection a request, limits on time and size, truthful errors.
//!
//! One connection a request is on purpose. A kept connection that the engine has closed shows itself
//! only when the next request is lost on it, and then nobody knows whether that one had its effect.
//! On a new one, "no connection" means that nothing was sent. On a socket it costs some 0.1 ms.

mod answer;
mod call;
mod exchange;
mod failure;
pub(crate) mod frames;
mod podman;
mod version;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use stillme_rollback_core::Result;

pub use self::answer::Answer;
pub use self::call::Call;
pub(crate) use self::call::{LIST_CAP, image_path, segment};
pub use self::version::ApiVersion;
use crate::connect::{DockerEnv, Endpoint};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Until there is a connection, TLS included.
    pub connect: Duration,
    /// Until there is a connection through `ssh`: its log-in, the docker command over there, and
    /// the engine's first answer.
    pub connect_ssh: Duration,
    /// A whole call: connection, request, and the answer to its end.
    pub call: Duration,
}

impl Default for Limits {
    /// 5 s, 15 s and 30 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            connect_ssh: Duration::from_secs(15),
            call: Duration::from_secs(30),
        }
    }
}

impl Limits {
    fn until_connected(&self, endpoint: &Endpoint) -> Duration {
        if matches!(endpoint, Endpoint::Ssh(_)) { self.connect_ssh } else { self.connect }
    }
}

/// What an engine says of itself before anything else (`GET /version`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Server {
    /// The engine's version: `20.10.24`.
    #[serde(default)]
    pub version: String,
    /// The newest API it speaks.
    pub api_version: ApiVersion,
    /// The oldest API it speaks, if it says so.
    #[serde(default, rename = "MinAPIVersion")]
    pub min_api_version: Option<ApiVersion>,
    /// The operating system of its containers: `linux`.
    #[serde(default)]
    pub os: String,
    /// The architecture as images spell it: `amd64`.
    #[serde(default)]
    pub arch: String,
    #[serde(default)]
    components: Vec<Component>,
}

/// A part of an engine that has a version of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    #[serde(default)]
    name: String,
}

/// Speaks to one engine in one version of its API. Cheap to clone.
///
/// For what [`Engine`](crate::Engine) has no call for; everything else goes through
/// [`HttpEngine`](crate::HttpEngine).
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    server: Server,
    version: ApiVersion,
    limits: Limits,
}

impl Client {
    /// A client of the engine that the docker command would use.
    ///
    /// # Errors
    /// As [`Endpoint::resolve`] and [`connect_to`](Self::connect_to).
    pub async fn connect(env: &DockerEnv) -> Result<Self> {
        Self::connect_to(Endpoint::resolve(env)?, Limits::default()).await
    }

    /// A client of the engine at an endpoint. Asks for its version and chooses the API's.
    ///
    /// # Errors
    /// `Unavailable` or `PermissionDenied` without a connection, `Unsupported` for an engine that
    /// speaks no version of the API that this library knows, and for Podman, which speaks it with
    /// other meanings.
    pub async fn connect_to(endpoint: Endpoint, limits: Limits) -> Result<Self> {
        let call = Call::reading("ask the engine for its version", "/version");
        let answer = exchange::run(&endpoint, &limits, None, &call).await?;
        let server: Server = answer.json(&call)?;
        podman::refuse(&server)
            .map_err(|error| error.with_context("engine", endpoint.to_string()))?;
        let version = version::choose(server.api_version, server.min_api_version)
            .map_err(|error| error.with_context("engine", endpoint.to_string()))?;
        Ok(Self { inner: Arc::new(Inner { endpoint, server, version, limits }) })
    }

    /// The same client with another limit for calls.
    #[must_use]
    pub fn with_call_limit(&self, call: Duration) -> Self {
        let inner = &*self.inner;
        Self {
            inner: Arc::new(Inner {
                endpoint: inner.endpoint.clone(),
                server: inner.server.clone(),
                version: inner.version,
                limits: Limits { call, ..inner.limits },
            }),
        }
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// What the engine said of itself.
    pub fn server(&self) -> &Server {
        &self.inner.server
    }

    /// The version of the API that is spoken.
    pub fn api_version(&self) -> ApiVersion {
        self.inner.version
    }

    /// How long things may take.
    pub fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// An answer of 400 and above, and whatever kept the answer away. `InDoubt` if the request
    /// changes something, may have been sent, and its effect is not known.
    pub async fn call(&self, call: &Call) -> Result<Answer> {
        let inner = &*self.inner;
        exchange::run(&inner.endpoint, &inner.limits, Some(inner.version), call).await
    }

    /// Sends a request and hands the answer's body to `sink` as it comes, however long it is.
    ///
    /// # Errors
    /// As [`call`](Self::call), and what `sink` returns.
    pub async fn stream(
        &self,
        call: &Call,
        sink: &mut (dyn FnMut(&[u8]) -> Result<()> + Send),
    ) -> Result<()> {
        let inner = &*self.inner;
        exchange::stream(&inner.endpoint, &inner.limits, Some(inner.version), call, sink).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.inner.endpoint)
            .field("api", &self.inner.version)
            .finish_non_exhaustive()
    }
}
