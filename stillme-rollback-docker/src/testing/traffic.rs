//! A proxy before the model's containers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::call::{DockerCall, DockerReply};
use super::model::{DockerModel, ModelState};
use crate::names::ContainerId;
use crate::traffic::{PointLimits, Traffic, TrafficSwitch, Upstream};

/// A proxy under traffic without end: who is pointed to has requests under way, and has them still when the
/// traffic goes elsewhere, until it is drained.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ModelProxy {
    /// The id of the container that new requests go to.
    pub to: Arc<str>,
    /// The ids of those that have requests under way.
    pub busy: BTreeSet<Arc<str>>,
    /// Whether a request was lost: its container was stopped, or was not ready for it.
    pub lost_requests: bool,
}

impl ModelProxy {
    /// A container does not run any more.
    pub(super) fn lose(&mut self, id: &str) {
        self.lost_requests |= *self.to == *id || self.busy.contains(id);
        self.busy.remove(id);
    }
}

impl DockerModel {
    /// The same engine, but that the container publishes nothing and a proxy sends it its traffic.
    #[must_use]
    pub fn with_proxy(mut self) -> Self {
        for container in self.containers_mut().values_mut() {
            container.host = container.host.with("PortBindings", json!({}));
            container.has_port = false;
        }
        let to = self.containers.keys().next().cloned();
        self.proxy = to.map(|to| ModelProxy {
            busy: BTreeSet::from([Arc::clone(&to)]),
            to,
            lost_requests: false,
        });
        self
    }

    /// As a proxy that asks the container first whether it answers.
    pub(super) fn point(&mut self, id: &ContainerId) -> Result<DockerReply> {
        let running = |state| state == ModelState::Running;
        let container = self.containers.get(id.as_str());
        let Some(container) = container.filter(|found| running(found.state)) else {
            return Err(refused("the container does not answer"));
        };
        let ready = !self.unready.iter().any(|image| **image == *container.image);
        let proxy = self.proxy.as_mut().ok_or_else(|| refused("there is no proxy"))?;
        if *proxy.to == *id.as_str() {
            return Ok(DockerReply::Already);
        }
        proxy.to = id.as_str().into();
        proxy.busy.insert(Arc::clone(&proxy.to));
        proxy.lost_requests |= !ready;
        Ok(DockerReply::Done)
    }

    pub(super) fn drain(&mut self, id: &ContainerId) -> Result<DockerReply> {
        let proxy = self.proxy.as_mut().ok_or_else(|| refused("there is no proxy"))?;
        if *proxy.to != *id.as_str() {
            proxy.busy.remove(id.as_str());
        }
        Ok(DockerReply::Done)
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, "call proxy", why)
}

/// The switch of the model's proxy. Its calls fail like those of the engine.
#[derive(Clone, Debug)]
pub struct ModelSwitch(Simulated<DockerModel>);

impl ModelSwitch {
    /// The switch of a simulated model.
    pub const fn new(model: Simulated<DockerModel>) -> Self {
        Self(model)
    }
}

#[async_trait]
impl TrafficSwitch for ModelSwitch {
    fn name(&self) -> String {
        "model".to_owned()
    }

    fn port(&self) -> u16 {
        80
    }

    async fn confirm(&self, among: &[Upstream]) -> Result<Traffic> {
        match self.0.call(DockerCall::Traffic)? {
            DockerReply::Traffic(Some(to)) => Ok(Traffic::to_host(&to, among)),
            _ => Ok(Traffic::Elsewhere("nowhere".to_owned())),
        }
    }

    async fn point(&self, to: &Upstream, _limits: PointLimits) -> Result<()> {
        self.0.call(DockerCall::Point(to.id.clone())).map(drop)
    }

    async fn drain(&self, from: &Upstream, _limit: Duration) -> Result<()> {
        self.0.call(DockerCall::Drain(from.id.clone())).map(drop)
    }
}
