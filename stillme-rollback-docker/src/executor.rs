//! Does this crate's plans on an engine.

mod create;
mod dependents;
mod evidence;
mod facts;
mod gate;
mod observe;
pub(crate) mod place;
mod restart;
mod scene;
mod stand_in;
mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, HashKey, Observation, Release,
    Result, Run, Step, StepContext, Target,
};

use crate::action::{Orders, Part, Verb};
use crate::engine::{ContainerFilter, ContainerSummary, Engine, NewNetwork};
use crate::names::{ContainerId, ContainerName, LABEL_RUN};
use crate::scene::Scene;
use crate::traffic::TrafficSwitch;

use self::create::Which;
pub(crate) use self::observe::is_deaf;

/// The executor of plans for Docker containers.
///
/// It keeps nothing in memory: the plan names the old container and the image by id, and the new
/// container carries the run's id as a label. So a run goes on from the engine alone.
#[derive(Clone, Debug)]
pub struct DockerExecutor {
    engine: Arc<dyn Engine>,
    key: HashKey,
    records: Vec<Release>,
    switch: Option<Arc<dyn TrafficSwitch>>,
}

impl DockerExecutor {
    /// An executor on an engine. `key` is the key of the hashes in plans: the same one that the
    /// strategy has, kept for as long as runs may be resumed.
    pub fn new(engine: Arc<dyn Engine>, key: HashKey) -> Self {
        Self { engine, key, records: Vec::new(), switch: None }
    }

    /// The same executor for containers behind a proxy, whose traffic is moved by this switch: what
    /// [`BehindProxy`](crate::BehindProxy) needs. A run is gone on with through a switch of the same name.
    #[must_use]
    pub fn with_traffic_switch(mut self, switch: Arc<dyn TrafficSwitch>) -> Self {
        self.switch = Some(switch);
        self
    }

    /// The same executor with what the caller recorded of the target's releases, newest first: what
    /// `previous` goes by.
    #[must_use]
    pub fn with_records(mut self, records: Vec<Release>) -> Self {
        self.records = records;
        self
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The id of one of a run's containers. The old one's is known without a look.
    async fn part(
        &self,
        context: &StepContext,
        orders: &Orders,
        part: Part,
    ) -> Result<ContainerId> {
        match part {
            Part::Old => Ok(orders.subject.old.clone()),
            Part::New => self.new_container(&context.run, orders).await,
        }
    }

    /// A run's containers in the list of all.
    async fn listed(&self, run: &Run, orders: &Orders) -> Result<(Scene, Vec<ContainerSummary>)> {
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let subject = &orders.subject;
        Ok((Scene::of(run, &subject.name, &subject.old, &all), all))
    }
}

#[async_trait]
impl Executor for DockerExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.observe_all(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.all_facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let orders = Orders::of(&context.run)?;
        let (name, old) = (&orders.subject.name, &orders.subject.old);
        match Verb::of(step)? {
            Verb::Protect { image, tag } => engine.tag_image(&image, &tag).await,
            Verb::Create { .. } => self.create(context, &orders, Which::New).await,
            Verb::CreateStandIn { .. } => self.create(context, &orders, Which::StandIn).await,
            Verb::Connect { network } => self.connect(context, &orders, Which::New, &network).await,
            Verb::ConnectStandIn { network } => {
                self.connect(context, &orders, Which::StandIn, &network).await
            }
            Verb::MakeWarmNetwork => {
                let run = context.run.id;
                let network = NewNetwork::internal(ContainerName::warm_network(&run));
                let network = network.label(LABEL_RUN, &run.to_string());
                engine.create_network(&network).await.map(drop)
            }
            Verb::JoinWarm => {
                let new = self.new_container(&context.run, &orders).await?;
                let network = ContainerName::warm_network(&context.run.id);
                engine.connect_network(&network, &new, &json!({})).await.map(drop)
            }
            // Nothing is asked for: the old one has the name, and the new one gets ready by itself.
            Verb::KeepName | Verb::WarmUp { .. } => Ok(()),
            Verb::LeaveWarm => {
                let new = self.new_container(&context.run, &orders).await?;
                let network = ContainerName::warm_network(&context.run.id);
                engine.disconnect_network(&network, &new).await.map(drop)
            }
            Verb::RemoveWarmNetwork => {
                let network = ContainerName::warm_network(&context.run.id);
                engine.remove_network(&network).await.map(drop)
            }
            Verb::Leave { part, network, .. } => {
                let id = self.part(context, &orders, part).await?;
                engine.disconnect_network(&network, &id).await.map(drop)
            }
            Verb::Join { part, network, endpoint } => {
                let id = self.part(context, &orders, part).await?;
                place::join(engine.as_ref(), &network, &id, &endpoint).await
            }
            Verb::Hold { .. } => engine.set_restart_policy(old, &json!({"Name": "no"})).await,
            Verb::StopOld { grace_seconds } => {
                let grace = Duration::from_secs(grace_seconds);
                engine.stop_container(old, grace).await.map(drop)
            }
            Verb::StartNew { .. } => {
                let new = self.new_container(&context.run, &orders).await?;
                engine.start_container(&new).await.map(drop)
            }
            Verb::PointTraffic { .. } => self.point(context, &orders, Part::New).await,
            Verb::DrainOld { limit_seconds } => {
                let limit = Duration::from_secs(limit_seconds).min(context.time_left);
                self.drain(context, &orders, Part::Old, limit).await
            }
            Verb::SetAside => {
                let aside = name.aside(&context.run.id)?;
                engine.rename_container(old, &aside).await.map(drop)
            }
            Verb::TakeOver => {
                let new = self.new_container(&context.run, &orders).await?;
                engine.rename_container(&new, name).await.map(drop)
            }
            Verb::Dependent { holder, act } => {
                self.apply_to_dependent(context, &orders, &holder, act).await
            }
            Verb::Unprotect { image, tag } => engine.untag_image(&tag, &image).await.map(drop),
            Verb::Retire { kept } => engine.remove_container(&kept, false).await.map(drop),
            Verb::ClearStrays => {
                let (scene, _) = self.listed(&context.run, &orders).await?;
                match scene.strays.first() {
                    Some(stray) => engine.remove_container(&stray.id, false).await.map(drop),
                    None => Ok(()),
                }
            }
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let orders = Orders::of(&context.run)?;
        let name = &orders.subject.name;
        let (scene, _) = self.listed(&context.run, &orders).await?;
        match Verb::of(step)? {
            Verb::Protect { image, tag } => engine.untag_image(&tag, &image).await.map(drop),
            Verb::Create { .. } => match scene.strays.first().or(scene.new.as_ref()) {
                Some(ours) => engine.remove_container(&ours.id, false).await.map(drop),
                None => Ok(()),
            },
            Verb::CreateStandIn { .. } => match &scene.stand_in {
                Some(stand_in) => engine.remove_container(&stand_in.id, false).await.map(drop),
                None => Ok(()),
            },
            Verb::Hold { policy, was_up } => {
                let old = &orders.subject.old;
                restart::give_back(engine.as_ref(), old, &policy, was_up).await
            }
            Verb::StopOld { .. } => self.bring_back(context, &orders).await,
            Verb::StartNew { grace_seconds } => {
                if let Some(proxy) = &orders.proxy {
                    self.drain_new(context, &orders, proxy).await?;
                }
                let grace = Duration::from_secs(grace_seconds);
                engine.stop_container(&new_id(&scene)?, grace).await.map(drop)
            }
            Verb::SetAside | Verb::KeepName => {
                let old = scene.old.map_or(orders.subject.old, |old| old.id);
                engine.rename_container(&old, name).await.map(drop)
            }
            // A create that happened twice holds the name that the new one goes back to.
            Verb::TakeOver if !scene.strays.is_empty() => {
                engine.remove_container(&scene.strays[0].id, false).await.map(drop)
            }
            Verb::TakeOver => {
                let waiting = name.waiting(&context.run.id)?;
                engine.rename_container(&new_id(&scene)?, &waiting).await.map(drop)
            }
            Verb::PointTraffic { .. } => self.point(context, &orders, Part::Old).await,
            Verb::MakeWarmNetwork => {
                let network = ContainerName::warm_network(&context.run.id);
                engine.remove_network(&network).await.map(drop)
            }
            Verb::Leave { part, network, endpoint } => {
                let id = self.part(context, &orders, part).await?;
                place::join(engine.as_ref(), &network, &id, &endpoint).await
            }
            Verb::Join { part: Part::New, .. } => {
                engine.stop_container(&new_id(&scene)?, Duration::ZERO).await.map(drop)
            }
            Verb::Join { part: Part::Old, network, .. } => {
                engine.disconnect_network(&network, &orders.subject.old).await.map(drop)
            }
            Verb::Dependent { holder, act } => self.undo_dependent(context, &holder, act).await,
            Verb::Connect { .. }
            | Verb::ConnectStandIn { .. }
            | Verb::JoinWarm
            | Verb::WarmUp { .. }
            | Verb::LeaveWarm
            | Verb::RemoveWarmNetwork
            | Verb::DrainOld { .. }
            | Verb::Retire { .. }
            | Verb::Unprotect { .. }
            | Verb::ClearStrays => Ok(()),
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let (scene, _) = self.listed(run, &Orders::of(run)?).await?;
        match scene.new {
            Some(new) => evidence::collect(self.engine.as_ref(), &self.key, &new).await,
            None => Ok(Vec::new()),
        }
    }
}

pub(crate) fn names(all: &[ContainerSummary]) -> BTreeMap<String, String> {
    let named = |container: &ContainerSummary| {
        let name: &ContainerName = container.name.as_ref()?;
        Some((container.id.as_str().to_owned(), name.as_str().to_owned()))
    };
    all.iter().filter_map(named).collect()
}

fn new_id(scene: &Scene) -> Result<ContainerId> {
    scene.new.as_ref().map(|new| new.id.clone()).ok_or_else(|| {
        Error::new(
            ErrorKind::Mismatch,
            "find new container",
            "the run's new container is not there",
        )
    })
}
