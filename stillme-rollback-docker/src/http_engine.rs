//! The engine behind a [`Client`].

mod containers;
mod events;
mod exec;
pub(crate) mod images;
mod logs;
mod networks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use stillme_rollback_core::{ExecOutput, ImageRef, Result, Secret};

use crate::connect::{DockerEnv, Endpoint};
use crate::engine::{
    Changed, ContainerFilter, ContainerSummary, Created, Engine, EngineInfo, EventWindow,
    ImageSummary, NewContainer, NewNetwork, PathChange,
};
use crate::http::{Call, Client};
use crate::names::{ContainerId, ContainerName, ContainerRef, ImageId};

/// A real engine, over HTTP. Cheap to clone.
///
/// Beside [`Engine`] it is the core's [`Exec`](stillme_rollback_core::Exec),
/// [`Dial`](stillme_rollback_core::Dial), [`LogSource`](stillme_rollback_core::LogSource) and
/// [`ResourceSource`](stillme_rollback_core::ResourceSource), with a container's id or name as the
/// instance.
#[derive(Clone, Debug)]
pub struct HttpEngine {
    client: Client,
}

impl HttpEngine {
    /// The engine that the docker command would use.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect(env: &DockerEnv) -> Result<Self> {
        Client::connect(env).await.map(Self::new)
    }

    /// The engine behind a client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client, for what [`Engine`] has no call for.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        self.client.endpoint()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    default_runtime: String,
    #[serde(default)]
    driver_status: Option<Vec<(String, String)>>,
}

#[async_trait]
impl Engine for HttpEngine {
    fn limited(&self, limit: Duration) -> Arc<dyn Engine> {
        let limit = limit.min(self.client.limits().call);
        Arc::new(Self::new(self.client.with_call_limit(limit)))
    }

    async fn info(&self) -> Result<EngineInfo> {
        let call = Call::reading("ask the engine for its state", "/info");
        let info: Info = self.client.call(&call).await?.json(&call)?;
        let server = self.client.server();
        Ok(EngineInfo {
            id: info.id,
            version: server.version.clone(),
            api: self.client.api_version().to_string(),
            os: server.os.clone(),
            arch: server.arch.clone(),
            containerd_store: info.driver_status.is_some_and(|status| {
                status.iter().any(|(key, value)| {
                    key == "driver-type" && value.starts_with("io.containerd.snapshotter")
                })
            }),
            host_name: info.name,
            default_runtime: info.default_runtime,
        })
    }

    async fn inspect_container(&self, container: &ContainerRef) -> Result<Option<Secret<Value>>> {
        containers::look(&self.client, container).await
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerSummary>> {
        containers::list(&self.client, filter).await
    }

    async fn create_container(&self, container: &NewContainer) -> Result<Created> {
        containers::create(&self.client, container).await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Changed> {
        containers::start(&self.client, id).await
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<Changed> {
        containers::stop(&self.client, id, grace).await
    }

    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<Changed> {
        containers::kill(&self.client, id, signal).await
    }

    async fn rename_container(&self, id: &ContainerId, name: &ContainerName) -> Result<Changed> {
        containers::rename(&self.client, id, name).await
    }

    async fn set_restart_policy(&self, id: &ContainerId, policy: &Value) -> Result<()> {
        containers::set_restart_policy(&self.client, id, policy).await
    }

    async fn remove_container(&self, id: &ContainerId, force: bool) -> Result<Changed> {
        containers::remove(&self.client, id, force).await
    }

    async fn container_changes(&self, id: &ContainerId) -> Result<Vec<PathChange>> {
        containers::changes(&self.client, id).await
    }

    async fn logs(&self, id: &ContainerId, lines: usize, bytes: usize) -> Result<Secret<Vec<u8>>> {
        logs::last(&self.client, id, lines, bytes).await
    }

    async fn exec(
        &self,
        id: &ContainerId,
        command: &[String],
        limit: Duration,
        bytes: usize,
    ) -> Result<ExecOutput> {
        exec::run(&self.client, id, command, limit, bytes).await
    }

    async fn stats(&self, id: &ContainerId) -> Result<Value> {
        containers::stats(&self.client, id).await
    }

    async fn events(&self, id: &ContainerId, window: EventWindow) -> Result<Secret<Vec<Value>>> {
        events::of_container(&self.client, id, window).await
    }

    async fn inspect_image(&self, image: &str) -> Result<Option<Secret<Value>>> {
        images::inspect(&self.client, image).await
    }

    async fn list_images(&self, repository: &str) -> Result<Vec<ImageSummary>> {
        images::list(&self.client, repository).await
    }

    async fn tag_image(&self, id: &ImageId, tag: &ImageRef) -> Result<()> {
        images::tag(&self.client, id, tag).await
    }

    async fn untag_image(&self, tag: &ImageRef, expected: &ImageId) -> Result<Changed> {
        images::untag(&self.client, tag, expected).await
    }

    async fn connect_network(
        &self,
        network: &str,
        id: &ContainerId,
        endpoint: &Value,
    ) -> Result<Changed> {
        networks::connect(&self.client, network, id, endpoint).await
    }

    async fn disconnect_network(&self, network: &str, id: &ContainerId) -> Result<Changed> {
        networks::disconnect(&self.client, network, id).await
    }

    async fn inspect_network(&self, network: &str) -> Result<Option<Value>> {
        networks::inspect(&self.client, network).await
    }

    async fn create_network(&self, network: &NewNetwork) -> Result<Changed> {
        networks::create(&self.client, network).await
    }

    async fn remove_network(&self, network: &str) -> Result<Changed> {
        networks::remove(&self.client, network).await
    }
}
