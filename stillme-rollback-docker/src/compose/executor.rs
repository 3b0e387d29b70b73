//! Does a Compose plan, by the compose command and the engine.

mod evidence;
mod look;
mod observe;
mod persist;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, HashKey, Observation, Release,
    Result, Run, Step, StepContext, Target,
};

use super::action::{Order, Orders, Verb};
use super::command::Compose;
use super::labels::{self, Replica};
use super::names::{Project, ServiceName};
use super::overlay::Overlay;
use super::process::{Launch, System};
use super::scene::{self, key};
use super::{command, leftovers, lock};
use crate::detail::text;
use crate::engine::{ContainerFilter, Engine};
use crate::names::ImageId;

/// What a run of ours recorded of a target: its services and the release.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// The target of the run.
    pub target: Target,
    /// A release of it, with the evidence.
    pub release: Release,
}

impl Recorded {
    /// A record.
    pub fn new(target: Target, release: Release) -> Self {
        Self { target, release }
    }
}

/// The executor of plans for Compose services.
///
/// It keeps nothing in memory: the plan holds the project's definition and the images by id, and the
/// containers carry Compose's labels. In its folder are the overlays that were laid over projects
/// (containers name them on their labels, so they stay), the locks of compose commands at work, and
/// copies of files that were edited.
#[derive(Clone)]
pub struct ComposeExecutor {
    engine: Arc<dyn Engine>,
    key: HashKey,
    folder: PathBuf,
    env: Vec<(OsString, OsString)>,
    records: Vec<Recorded>,
    patience: Duration,
    launch: Arc<dyn Launch>,
}

impl std::fmt::Debug for ComposeExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComposeExecutor").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl ComposeExecutor {
    /// An executor on the engine that compose commands use as well. `key` is the key of the hashes in
    /// plans, and `folder` a folder of its own: both are kept for as long as runs may be resumed.
    pub fn new(engine: Arc<dyn Engine>, key: HashKey, folder: impl Into<PathBuf>) -> Self {
        Self {
            engine,
            key,
            folder: folder.into(),
            env: Vec::new(),
            records: Vec::new(),
            patience: command::PATIENCE,
            launch: Arc::new(System),
        }
    }

    /// The same executor with compose commands of a model.
    #[cfg(feature = "testing")]
    pub(super) fn with_launch(mut self, launch: Arc<dyn Launch>) -> Self {
        self.launch = launch;
        self
    }

    /// The same executor, whose compose commands have this in their environment beside that of this
    /// process: `PATH`, `DOCKER_HOST`, variables of the project.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(OsString, OsString)>) -> Self {
        self.env = env;
        self
    }

    /// The same executor with what the caller recorded, newest first: what `previous` goes by. Records
    /// of other sets that hold a service count for it as well.
    #[must_use]
    pub fn with_records(mut self, records: Vec<Recorded>) -> Self {
        self.records = records;
        self
    }

    /// The same executor, waiting this long for an answer of a compose command instead of a minute.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn installed(&self) -> Result<Vec<Compose>> {
        Compose::installed(&self.env, self.patience, &self.launch).await
    }

    async fn replicas(&self, project: &Project) -> Result<Vec<Replica>> {
        let filter = ContainerFilter::all().label(labels::PROJECT, project.as_str());
        let all = self.engine.list_containers(&filter).await?;
        Ok(all.iter().filter_map(Replica::of).collect())
    }

    async fn all_facts(&self, run: &Run) -> Result<Facts> {
        let orders = Orders::of(run)?;
        let mut facts = Facts::new();
        for (service, order) in &orders.services {
            let standing = match self.names(&order.reference).await? {
                None => "absent",
                Some(id) if id == order.to => "target",
                Some(_) => "moved",
            };
            facts = facts.with(key::reference(service), standing);
        }
        for step in &run.plan.steps {
            match Verb::of(step) {
                Ok(Verb::ComposeProtect { image, tag }) => {
                    let standing = match self.names(tag.as_str()).await? {
                        None => "absent",
                        Some(id) if id == image => "set",
                        Some(_) => "moved",
                    };
                    facts = facts.with(key::protected(tag.as_str()), standing);
                }
                Ok(Verb::Persist(change)) => {
                    let path = key::file(&change.path.to_string_lossy());
                    facts = facts.with(path, change.standing(&self.key)?);
                }
                _ => {}
            }
        }
        // The containers last: what comes late to them must not come behind the look at them.
        let project = &orders.definition.project;
        let busy = lock::is_held(&self.folder, project)?;
        let replicas = self.replicas(project).await?;
        Ok(scene::facts(facts, &orders, &replicas, &self.key)
            .with(key::BUSY, if busy { "yes" } else { "no" }))
    }

    /// The image that a name names.
    async fn names(&self, name: &str) -> Result<Option<ImageId>> {
        let found = self.engine.inspect_image(name).await?;
        found.map(|found| ImageId::new(text(found.expose(), "/Id"))).transpose()
    }

    /// Brings the services up with an overlay, once no other command is at work on the project.
    async fn up(&self, context: &StepContext, orders: &Orders, overlay: &Overlay) -> Result<()> {
        let project = &orders.definition.project;
        let compose = Compose::same(&self.installed().await?, &orders.compose)?;
        let (held, left) = lock::take(&self.folder, project, context.time_left / 2).await?;
        orders.definition.clone().check()?;
        self.repair(orders).await?;
        let over = self.laid_over(overlay, project)?;
        let left = left.max(context.time_left / 2);
        compose.up(&orders.definition, &over, &orders.replicas(), left, held).await?;
        // It starts what it finds of itself, under the name that it finds.
        self.repair(orders).await
    }

    /// Puts in order what a killed command left of these services. None is at work now.
    async fn repair(&self, orders: &Orders) -> Result<()> {
        let replicas = self.replicas(&orders.definition.project).await?;
        let own = replicas.iter().filter(|own| orders.services.contains_key(&own.service));
        for repair in leftovers::repairs(own) {
            repair.make(self.engine.as_ref()).await?;
        }
        Ok(())
    }

    /// An overlay as the last of the files.
    fn laid_over(&self, overlay: &Overlay, project: &Project) -> Result<Vec<PathBuf>> {
        Ok(overlay.write(&self.folder, project)?.into_iter().collect())
    }

    /// Nothing else may have changed in the files since the plan was made.
    async fn check_definition(&self, orders: &Orders) -> Result<()> {
        let found = orders.definition.clone().check()?;
        let compose = Compose::same(&self.installed().await?, &orders.compose)?;
        let over = self.laid_over(&orders.forward(), &orders.definition.project)?;
        let hashes = compose.hashes(&found.definition, &over, &orders.names()?).await?;
        let is_planned = |(service, order): (&ServiceName, &Order)| {
            hashes.get(service).map(|hash| self.key.long_hash(hash.as_bytes())).as_ref()
                == Some(&order.hash)
        };
        if orders.services.iter().all(is_planned) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            "bring services up",
            "the project's files were edited after the plan was made",
        )
        .with_hint("the services were not touched; make a new plan"))
    }

    /// What has to be laid over the files so that the services run what they ran before: nothing where
    /// the files still say it.
    async fn back(&self, orders: &Orders) -> Result<Overlay> {
        let mut overlay = Overlay::new(orders.version.clone());
        for (service, order) in &orders.services {
            let back = &order.back;
            let still = self.names(&back.reference).await?.as_ref() == Some(&order.from);
            if !still {
                overlay = overlay.with(service, back.tag.as_str());
            } else if !back.by_files {
                overlay = overlay.with(service, &back.reference);
            }
        }
        Ok(overlay)
    }
}

#[async_trait]
impl Executor for ComposeExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.observe_running(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.all_facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let orders = Orders::of(&context.run)?;
        match Verb::of(step)? {
            Verb::ComposeProtect { image, tag } => engine.tag_image(&image, &tag).await,
            Verb::Up(_) => {
                self.check_definition(&orders).await?;
                self.up(context, &orders, &orders.forward()).await
            }
            Verb::Persist(change) => self.persist(&orders, &change).await,
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let orders = Orders::of(&context.run)?;
        match Verb::of(step)? {
            Verb::ComposeProtect { image, tag } => engine.untag_image(&tag, &image).await.map(drop),
            Verb::Up(_) => {
                let back = self.back(&orders).await?;
                self.up(context, &orders, &back).await
            }
            Verb::Persist(change) => self.unpersist(&change),
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let orders = Orders::of(run)?;
        let replicas = self.replicas(&orders.definition.project).await?;
        let is_new = |replica: &&Replica| {
            orders
                .services
                .get(&replica.service)
                .is_some_and(|order| replica.image.as_ref() == Some(&order.to))
        };
        let new: Vec<_> = replicas.iter().filter(is_new).collect();
        Ok(evidence::collect(self.engine.as_ref(), &new).await)
    }
}
