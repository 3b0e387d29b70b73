//! What this crate needs of an engine.

mod types;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{ExecOutput, ImageRef, Result, Secret};

pub use self::types::{
    Changed, ContainerFilter, ContainerSummary, Created, EngineInfo, EventWindow, ImageSummary,
    NewContainer, NewNetwork, PathChange, PathChangeKind,
};
use crate::names::{ContainerId, ContainerName, ContainerRef, ImageId};

/// A container engine, as far as a rollback needs one.
///
/// # Contract
/// - **One request changes one thing.** A method that changes something sends at most one request
///   that does. It may look before or after it.
/// - **By id.** What changes a container takes its [`ContainerId`]; a tag is removed only while it
///   still names the image that the caller means.
/// - **Already so is no error**: starting what runs, stopping what stands, removing what is gone
///   answers [`Changed::Already`].
/// - **Nothing is lost**: `inspect` and `create` carry the engine's JSON as it is, unknown fields
///   included.
/// - **Every call ends** within a limit of time, and no answer is read beyond a limit of size.
/// - Errors carry a truthful [`Disposition`](stillme_rollback_core::Disposition): `InDoubt` whenever
///   the effect may have happened. Nothing is tried again in here.
/// - A thing that is not there is `None` when it is looked for, and
///   [`NotFound`](stillme_rollback_core::ErrorKind::NotFound) when something is to be done with it.
///
/// # Errors
/// Beside what each method names: `Unavailable` without a connection, `Timeout`, `Interrupted`, and
/// what the engine answers (`Rejected`, `Conflict`, `RateLimited`, `Internal`, …).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// The same engine, with no call longer than `limit` (a stop: its grace and `limit`).
    fn limited(&self, limit: Duration) -> Arc<dyn Engine>;

    /// What the engine says of itself.
    async fn info(&self) -> Result<EngineInfo>;

    /// A container, as the engine shows it. By name only if that is its whole name.
    async fn inspect_container(&self, container: &ContainerRef) -> Result<Option<Secret<Value>>>;

    /// The containers that pass a filter, newest first.
    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerSummary>>;

    /// Creates a container, not started.
    ///
    /// # Errors
    /// `Conflict` if the name is taken, `NotFound` if the image is not there.
    async fn create_container(&self, container: &NewContainer) -> Result<Created>;

    /// Starts a container.
    async fn start_container(&self, id: &ContainerId) -> Result<Changed>;

    /// Asks a container to stop, and kills it after `grace` (in whole seconds).
    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<Changed>;

    /// Sends a signal. `Already` if the container does not run.
    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<Changed>;

    /// Gives a container another name. `Already` if that is its name.
    ///
    /// # Errors
    /// `Conflict` if another container has the name.
    async fn rename_container(&self, id: &ContainerId, name: &ContainerName) -> Result<Changed>;

    /// Sets the restart policy, in the engine's JSON: `{"Name": "no"}`.
    async fn set_restart_policy(&self, id: &ContainerId, policy: &Value) -> Result<()>;

    /// Removes a container, never its volumes. With `force`, one that runs is killed first.
    ///
    /// # Errors
    /// `Conflict` if it runs and `force` is off, or if it is being removed just now.
    async fn remove_container(&self, id: &ContainerId, force: bool) -> Result<Changed>;

    /// What a container changed in its own files, which are lost with it.
    async fn container_changes(&self, id: &ContainerId) -> Result<Vec<PathChange>>;

    /// The last `lines` lines that a container printed, of these the last `bytes` bytes.
    ///
    /// # Errors
    /// `Unsupported` for a log driver that can't be read.
    async fn logs(&self, id: &ContainerId, lines: usize, bytes: usize) -> Result<Secret<Vec<u8>>>;

    /// Runs a command in a container, without a shell, for at most `limit`, and keeps the first
    /// `bytes` bytes that it prints. A command that is still running then goes on: engines have no
    /// way to end it.
    ///
    /// # Errors
    /// `Conflict` if the container does not run, `Timeout` after `limit`.
    async fn exec(
        &self,
        id: &ContainerId,
        command: &[String],
        limit: Duration,
        bytes: usize,
    ) -> Result<ExecOutput>;

    /// What a container uses, in the engine's JSON, sampled once.
    async fn stats(&self, id: &ContainerId) -> Result<Value>;

    /// What happened to a container in a window of time that is over, in the engine's JSON (which
    /// holds the container's labels), oldest first.
    async fn events(&self, id: &ContainerId, window: EventWindow) -> Result<Secret<Vec<Value>>>;

    /// An image by its id or reference, as the engine shows it.
    async fn inspect_image(&self, image: &str) -> Result<Option<Secret<Value>>>;

    /// The images of a repository (`team/app`), newest first.
    async fn list_images(&self, repository: &str) -> Result<Vec<ImageSummary>>;

    /// Gives an image one more tag. A tag of that name is taken away from the image that had it.
    ///
    /// # Errors
    /// `InvalidInput` for a reference without a tag, or with a digest.
    async fn tag_image(&self, id: &ImageId, tag: &ImageRef) -> Result<()>;

    /// Removes a tag, if it names the image `expected`. `Already` if there is no such tag.
    ///
    /// # Errors
    /// `Mismatch` if the tag names another image by now; `Conflict` if it is the image's last
    /// reference and a container uses the image: without one it would be garbage to `docker image prune`.
    async fn untag_image(&self, tag: &ImageRef, expected: &ImageId) -> Result<Changed>;

    /// Connects a container to a network, with an endpoint's settings in the engine's JSON.
    ///
    /// # Errors
    /// `NotFound` if either is not there.
    async fn connect_network(
        &self,
        network: &str,
        id: &ContainerId,
        endpoint: &Value,
    ) -> Result<Changed>;

    /// Takes a container off a network. `Already` if it is not on it.
    async fn disconnect_network(&self, network: &str, id: &ContainerId) -> Result<Changed>;

    /// A network by its name or id, as the engine shows it.
    async fn inspect_network(&self, network: &str) -> Result<Option<Value>>;

    /// Creates a bridge network. `Already` if there is one with this name and these labels.
    ///
    /// # Errors
    /// `Conflict` if another network has the name.
    async fn create_network(&self, network: &NewNetwork) -> Result<Changed>;

    /// Removes a network. `Already` if it is gone.
    ///
    /// # Errors
    /// `Rejected` while a running container is on it.
    async fn remove_network(&self, network: &str) -> Result<Changed>;
}
