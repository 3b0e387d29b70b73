//! Looks at what a run left, and does a recovery's plan.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, Foreign, Observation, Result, Run,
    Step, StepContext, Target,
};

use super::action::{Subject, Verb};
use super::left::{Left, Seen};
use super::steps::no_restart;
use crate::engine::{Changed, ContainerFilter, ContainerSummary, Engine};
use crate::names::{ContainerId, ContainerName, LABEL_BESIDE, LABEL_STANDS_FOR, Role};
use crate::scene;

/// The keys of the facts.
pub(super) mod key {
    /// Who has the service's name: `old`, `new`, `free` or `other`.
    pub(crate) const NAME: &str = "name";
    /// The old container: `up`, `down` or `gone`.
    pub(crate) const OLD: &str = "old";
    /// Its restart policy: `kept` or `held`.
    pub(crate) const OLD_RESTART: &str = "old.restart";
    /// The new container: `up`, `down` or `gone`.
    pub(crate) const NEW: &str = "new";
}

/// How long a container gets to stop when it sets no time of its own.
const GRACE: Duration = Duration::from_secs(10);

/// The executor of [`Recover`](super::Recover)'s plans. It acts on the ids that the plan names.
#[derive(Clone, Debug)]
pub struct RecoverExecutor {
    engine: Arc<dyn Engine>,
}

impl RecoverExecutor {
    /// An executor on an engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine }
    }

    /// The runs that left containers of this name, as their labels say.
    ///
    /// # Errors
    /// Whatever kept the engine from being looked at.
    pub async fn runs(&self, name: &ContainerName) -> Result<Vec<String>> {
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let run = |container: &ContainerSummary| {
            container.label(crate::names::LABEL_RUN).map(str::to_owned)
        };
        Ok(all.iter().filter(|container| waits_for(container, name)).filter_map(run).collect())
    }

    async fn seen(&self, id: &ContainerId) -> Result<Option<Seen>> {
        let found = self.engine.inspect_container(&id.into()).await?;
        found.map(|container| Seen::read(container.expose())).transpose()
    }

    async fn left(&self, name: ContainerName) -> Result<Left> {
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let mut waiting = Vec::new();
        for container in all.iter().filter(|container| waits_for(container, &name)) {
            waiting.extend(self.seen(&container.id).await?);
        }
        let named = all.iter().find(|container| container.name.as_ref() == Some(&name));
        let service = match named {
            Some(container) => self.seen(&container.id).await?,
            None => None,
        };
        let mut old = None;
        if let Some(id) = waiting.first().and_then(|new: &Seen| new.from.clone()) {
            old = self.seen(&id).await?;
            let stand_in = all.iter().find(|c| c.label(LABEL_STANDS_FOR) == Some(id.as_str()));
            if let (None, Some(stand_in)) = (&old, stand_in) {
                old = self.seen(&stand_in.id).await?;
            }
        }
        let run = waiting.first().and_then(|new: &Seen| new.run.clone());
        let is_beside = |container: &&ContainerSummary| {
            let of = container.label(LABEL_BESIDE);
            of.is_some() && (of == run.as_deref() || waits_for(container, &name))
        };
        let named = |container: &ContainerSummary| Some(container.name.as_ref()?.to_string());
        let beside = all.iter().filter(is_beside).filter_map(named).collect();
        Ok(Left { name, waiting, service, old, beside })
    }
}

fn waits_for(container: &ContainerSummary, service: &ContainerName) -> bool {
    let role = container.name.as_ref().map(ContainerName::role);
    matches!(role, Some(Role::Waiting { base, .. }) if base == service.as_str())
}

#[async_trait]
impl Executor for RecoverExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        let left = self.left(ContainerName::new(target.name())?).await?;
        let mut observation = Observation::new(target.clone());
        observation.running = left.service.as_ref().map(Seen::release).transpose()?;
        observation.detail = left.into_detail();
        Ok(observation)
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        let subject = Subject::of(run)?;
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let mut facts = facts(&subject, &all);
        if let Some(old) = &subject.old
            && let Some(old) = self.engine.inspect_container(&old.into()).await?
        {
            facts = facts.with(key::OLD_RESTART, scene::restart_fact(old.expose()));
        }
        Ok(facts)
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let (verb, subject) = Verb::of(step)?;
        let changed = match verb {
            Verb::StopNew => engine.stop_container(&subject.new, GRACE).await?,
            Verb::NameOld => engine.rename_container(subject.old()?, &subject.name).await?,
            Verb::StartOld => engine.start_container(subject.old()?).await?,
            Verb::ReleaseOld { policy } => {
                return engine.set_restart_policy(subject.old()?, &policy).await;
            }
            Verb::NameNew => engine.rename_container(&subject.new, &subject.name).await?,
            Verb::RemoveNew => engine.remove_container(&subject.new, false).await?,
        };
        // Whether it was so already is for the next look to say.
        let (Changed::Yes | Changed::Already) = changed;
        Ok(())
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let (verb, subject) = Verb::of(step)?;
        let changed = match verb {
            Verb::StopNew => engine.start_container(&subject.new).await?,
            Verb::NameOld => match &subject.aside {
                Some(aside) => engine.rename_container(subject.old()?, aside).await?,
                None => return Ok(()),
            },
            Verb::StartOld => engine.stop_container(subject.old()?, GRACE).await?,
            Verb::ReleaseOld { .. } => {
                return engine.set_restart_policy(subject.old()?, &no_restart()).await;
            }
            Verb::NameNew => engine.rename_container(&subject.new, &subject.waiting).await?,
            Verb::RemoveNew => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "undo step",
                    "a removed container can't be brought back",
                ));
            }
        };
        // Whether it was so already is for the next look to say.
        let (Changed::Yes | Changed::Already) = changed;
        Ok(())
    }

    /// None: nothing failed here that is not kept.
    async fn evidence(&self, _run: &Run) -> Result<Vec<Exhibit>> {
        Ok(Vec::new())
    }
}

impl Subject {
    fn old(&self) -> Result<&ContainerId> {
        self.old.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find old container", "the plan names none")
        })
    }
}

/// What the list shows.
fn facts(subject: &Subject, all: &[ContainerSummary]) -> Facts {
    let find = |id: &ContainerId| all.iter().find(|container| container.id == *id);
    let standing = |container: Option<&ContainerSummary>| match container {
        None => "gone",
        Some(container) if scene::is_up(&container.state) => "up",
        Some(_) => "down",
    };
    let owner = all.iter().find(|container| container.name.as_ref() == Some(&subject.name));
    let name = match owner {
        None => "free",
        Some(owner) if Some(&owner.id) == subject.old.as_ref() => "old",
        Some(owner) if owner.id == subject.new => "new",
        Some(_) => "other",
    };
    let mut facts = Facts::new().with(key::NAME, name).with(key::NEW, standing(find(&subject.new)));
    if let Some(old) = &subject.old {
        facts = facts.with(key::OLD, standing(find(old)));
        if find(old).is_none() {
            return facts
                .with_foreign(Foreign::new(format!("container {} was removed", old.short())));
        }
    }
    match owner.filter(|_| name == "other") {
        Some(other) => {
            let found = format!("`{}` is now container {}", subject.name, other.id.short());
            facts.with_foreign(Foreign::new(found))
        }
        None => facts,
    }
}
