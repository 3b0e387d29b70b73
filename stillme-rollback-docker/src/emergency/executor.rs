//! Looks at a container in an emergency, and does the plans for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, Foreign, Observation, Result, Run,
    Step, StepContext, Target,
};

use super::action::{Subject, Verb, networks};
use super::seen::Seen;
use super::steps::no_restart;
use crate::detail::{EngineDetail, text};
use crate::engine::{ContainerFilter, Engine};
use crate::executor::{is_deaf, names, place};
use crate::names::{ContainerId, ContainerName, ContainerRef};
use crate::{inspect, scene};

/// The keys of the facts.
pub(super) mod key {
    /// Who has the container's name: `ours`, `free` or `other`.
    pub(crate) const NAME: &str = "name";
    /// The container: `up`, `down` or `gone`.
    pub(crate) const STATE: &str = "container";
    /// Its restart policy: `kept`, `held` or `gone`.
    pub(crate) const RESTART: &str = "restart";

    /// Whether it is on a network: `joined` or `apart`.
    pub(crate) fn network(name: &str) -> String {
        format!("network.{name}")
    }
}

/// The executor of [`Isolate`](super::Isolate), [`Stop`](super::Stop) and [`Return`](super::Return). It
/// acts on the id that the plan names.
#[derive(Clone, Debug)]
pub struct EmergencyExecutor {
    engine: Arc<dyn Engine>,
}

impl EmergencyExecutor {
    /// An executor on an engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine }
    }

    async fn act(&self, context: &StepContext, id: &ContainerId, verb: Verb) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let changed = match verb {
            Verb::Leave { network, .. } => engine.disconnect_network(&network, id).await?,
            Verb::Join { network, endpoint } => {
                return place::join(engine.as_ref(), &network, id, &endpoint).await;
            }
            Verb::Hold { .. } => return engine.set_restart_policy(id, &no_restart()).await,
            Verb::Release { policy } => return engine.set_restart_policy(id, &policy).await,
            Verb::Stop { grace_seconds } => {
                engine.stop_container(id, Duration::from_secs(grace_seconds)).await?
            }
            Verb::Start { .. } => engine.start_container(id).await?,
        };
        // Whether it was so already is for the next look to say.
        let _ = changed;
        Ok(())
    }
}

#[async_trait]
impl Executor for EmergencyExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        let name = ContainerName::new(target.name())?;
        let found = self.engine.inspect_container(&ContainerRef::from(&name)).await?;
        let container = found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "look at container", "there is no such container")
                .with_context("container", name.as_str())
                .with_hint("nothing was touched; `docker ps --all` lists the containers")
        })?;
        let container = container.expose().clone();
        let image = self.engine.inspect_image(text(&container, "/Image")).await?;
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let seen = Seen {
            name,
            engine: EngineDetail::of(&self.engine.info().await?),
            image: image.map(|image| image.expose().clone()).unwrap_or_default(),
            names: names(&all),
            deaf: is_deaf(&container, &inspect::id(&container)?),
            container,
        };
        let mut observation = Observation::new(target.clone());
        observation.running = Some(seen.release()?);
        observation.detail = seen.into_detail();
        Ok(observation)
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        let subject = Subject::of(&run.plan)?;
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let owner = all.iter().find(|container| container.name.as_ref() == Some(&subject.name));
        let name = match owner {
            Some(owner) if owner.id == subject.id => "ours",
            Some(_) => "other",
            None => "free",
        };
        let found = self.engine.inspect_container(&(&subject.id).into()).await?;
        let found = found.as_ref().map(|found| found.expose());
        let mut facts = of_container(found, &networks(&run.plan)?).with(key::NAME, name);
        if let Some(owner) = owner.filter(|owner| owner.id != subject.id) {
            let what = format!("`{}` is now container {}", subject.name, owner.id.short());
            facts = facts.with_foreign(Foreign::new(what));
        } else if found.is_none() {
            let what = format!("container `{}` was removed", subject.name);
            facts = facts.with_foreign(Foreign::new(what));
        }
        Ok(facts)
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let (verb, subject) = Verb::of(step)?;
        self.act(context, &subject.id, verb).await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let (verb, subject) = Verb::of(step)?;
        self.act(context, &subject.id, verb.reverse()).await
    }

    /// It is still there: nothing has to be saved from it.
    async fn evidence(&self, _run: &Run) -> Result<Vec<Exhibit>> {
        Ok(Vec::new())
    }
}

fn of_container(container: Option<&Value>, wanted: &[String]) -> Facts {
    let state = container.map_or("gone", |found| {
        if scene::is_up(text(found, "/State/Status")) { "up" } else { "down" }
    });
    let joined = container.map(scene::networks).unwrap_or_default();
    let facts = Facts::new()
        .with(key::STATE, state)
        .with(key::RESTART, container.map_or("gone", scene::restart_fact));
    wanted.iter().fold(facts, |facts, network| {
        let standing = if joined.contains(network) { "joined" } else { "apart" };
        facts.with(key::network(network), standing)
    })
}
