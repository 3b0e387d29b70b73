//! What a proxy sends to a run's containers: looked at, moved, and waited for.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Facts, Foreign, Printable, Result, Secret, StepContext,
};

use super::DockerExecutor;
use crate::action::{Orders, Part, Proxy};
use crate::detail::BehindProxy;
use crate::engine::ContainerSummary;
use crate::health::accepts;
use crate::names::{ContainerId, ContainerName};
use crate::scene::{Scene, key};
use crate::traffic::{PointLimits, Traffic, TrafficSwitch, Upstream};

/// From this attempt on a stop on the way back is done also without its drain.
const WITHOUT_DRAIN: u32 = 3;

/// The containers of a run, and what the engine shows of them.
pub(super) struct Seen<'a> {
    pub(super) scene: &'a Scene,
    pub(super) old: Option<&'a Secret<Value>>,
    pub(super) new: Option<&'a Secret<Value>>,
}

impl Seen<'_> {
    fn upstreams(&self) -> Vec<Upstream> {
        let read = |summary: &Option<ContainerSummary>, container: Option<&Secret<Value>>| {
            Upstream::read(summary.as_ref()?, container.map(Secret::expose))
        };
        [read(&self.scene.old, self.old), read(&self.scene.new, self.new)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Whose the traffic is, as a fact.
    fn owner(&self, traffic: &Traffic) -> &'static str {
        let is = |summary: &Option<ContainerSummary>, id: &ContainerId| {
            summary.as_ref().is_some_and(|summary| summary.id == *id)
        };
        match traffic {
            Traffic::To(id) if is(&self.scene.old, id) => "old",
            Traffic::To(id) if is(&self.scene.new, id) => "new",
            _ => "elsewhere",
        }
    }
}

impl DockerExecutor {
    /// What the proxy shows of a run's containers, and whether the new one is ready for its traffic.
    pub(super) async fn traffic_facts(
        &self,
        proxy: &Proxy,
        orders: &Orders,
        seen: &Seen<'_>,
        facts: Facts,
    ) -> Result<Facts> {
        let traffic = self.switch_of(proxy)?.confirm(&seen.upstreams()).await?;
        let owner = seen.owner(&traffic);
        let ready = match (&orders.gate, &seen.scene.new, seen.new) {
            _ if owner == "new" => "over",
            (Some(gate), Some(summary), Some(new)) => {
                let network = Upstream::read(summary, Some(new.expose()))
                    .and_then(|upstream| upstream.addresses.into_keys().next())
                    .unwrap_or_default();
                let ready = self.is_ready(&summary.id, new.expose(), &network, gate).await?;
                if ready { "ready" } else { "cold" }
            }
            _ => "cold",
        };
        let facts = facts.with(key::TRAFFIC, owner).with(key::READY, ready);
        // A name that is somebody else's by now says more.
        if owner != "elsewhere" || facts.foreign.is_some() {
            return Ok(facts);
        }
        let found = format!("the traffic of {} goes to {traffic}", proxy.switch);
        Ok(facts.with_foreign(Foreign::new(found)))
    }

    /// Points the traffic to one of a run's containers, if it goes to the other one. What somebody pointed
    /// elsewhere is theirs.
    pub(super) async fn point(
        &self,
        context: &StepContext,
        orders: &Orders,
        part: Part,
    ) -> Result<()> {
        let proxy = proxy(orders)?;
        let switch = self.switch_of(proxy)?;
        let (scene, _) = self.listed(&context.run, orders).await?;
        let (old, new) = tokio::try_join!(self.at(scene.old), self.at(scene.new))?;
        let to = if part == Part::Old { &old } else { &new };
        let to = to.clone().ok_or_else(gone)?;
        let among: Vec<_> = old.into_iter().chain(new).collect();
        match switch.confirm(&among).await? {
            Traffic::To(id) if id == to.id => Ok(()),
            Traffic::To(_) => {
                let limits = PointLimits::new(context.time_left, proxy.drain);
                switch.point(&to, limits).await
            }
            Traffic::Elsewhere(what) => {
                let why = "somebody pointed it elsewhere; it was left so";
                let error = Error::new(ErrorKind::Conflict, "point traffic", why);
                Err(error.with_context("it goes to", Printable(&what).to_string()))
            }
        }
    }

    /// Waits for the requests that one of a run's containers still has, for at most `limit`.
    pub(super) async fn drain(
        &self,
        context: &StepContext,
        orders: &Orders,
        part: Part,
        limit: Duration,
    ) -> Result<()> {
        let proxy = proxy(orders)?;
        let (scene, _) = self.listed(&context.run, orders).await?;
        let from = if part == Part::Old { scene.old } else { scene.new };
        let from = self.at(from).await?.ok_or_else(gone)?;
        self.switch_of(proxy)?.drain(&from, limit).await
    }

    /// Waits for the requests of the new container before it is stopped on the way back. One that does not
    /// run has none; and a wait that fails again and again keeps nobody from going back.
    pub(super) async fn drain_new(
        &self,
        context: &StepContext,
        orders: &Orders,
        proxy: &Proxy,
    ) -> Result<()> {
        let (scene, _) = self.listed(&context.run, orders).await?;
        if scene.new.is_none_or(|new| new.state != "running") {
            return Ok(());
        }
        let drained = self.drain(context, orders, Part::New, proxy.drain).await;
        if context.attempt >= WITHOUT_DRAIN { Ok(()) } else { drained }
    }

    /// One of a run's containers as a proxy reaches it.
    async fn at(&self, container: Option<ContainerSummary>) -> Result<Option<Upstream>> {
        let Some(summary) = container else { return Ok(None) };
        let container = self.find(&summary.id).await?;
        Ok(Upstream::read(&summary, container.as_ref().map(Secret::expose)))
    }

    /// The switch, if it is that of the run.
    fn switch_of(&self, proxy: &Proxy) -> Result<&dyn TrafficSwitch> {
        let refused = |why: &str| {
            Error::new(ErrorKind::Unsupported, "find traffic switch", why)
                .with_context("the run's", proxy.switch.as_str())
                .with_hint("go on with the switch that the run was begun with")
        };
        let switch = self.switch.as_deref();
        let switch = switch.ok_or_else(|| refused("the executor was given none"))?;
        if switch.name() == proxy.switch {
            return Ok(switch);
        }
        let given = switch.name();
        Err(refused("it is another one than the run's").with_context("given", given))
    }

    /// What the proxy shows of a container before there is a plan, where there is a switch.
    pub(super) async fn proxy(
        &self,
        id: &ContainerId,
        name: &ContainerName,
        container: &Value,
    ) -> Result<Option<BehindProxy>> {
        let Some(switch) = &self.switch else { return Ok(None) };
        let mut summary = ContainerSummary::new(id.clone());
        summary.name = Some(name.clone());
        let upstreams: Vec<_> = Upstream::read(&summary, Some(container)).into_iter().collect();
        let elsewhere = match switch.confirm(&upstreams).await? {
            Traffic::To(found) if found == *id => None,
            other => Some(other.to_string()),
        };
        let port = switch.port();
        let address = upstreams.iter().find_map(|upstream| upstream.addresses.values().next());
        let reachable = match address {
            Some(address) => accepts(SocketAddr::new(*address, port)).await,
            None => false,
        };
        Ok(Some(BehindProxy { switch: switch.name(), port, elsewhere, reachable }))
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Mismatch, "find container", "it is not there any more")
}

fn proxy(orders: &Orders) -> Result<&Proxy> {
    orders.proxy.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "read plan", "the plan moves no traffic of a proxy")
    })
}
