//! Does this crate's plans on an engine.

mod evidence;
mod observe;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, HashKey, Observation, Release,
    Result, Run, Secret, Step, StepContext, Target,
};

use crate::action::{Subject, Verb};
use crate::detail::{self, EngineDetail, text};
use crate::engine::{ContainerFilter, ContainerSummary, Engine, NewContainer};
use crate::names::{
    ContainerId, ContainerName, ImageId, LABEL_FROM, LABEL_RUN, LABEL_SPEC, LABEL_TARGET_IMAGE,
};
use crate::recreate::{self, Connect, Recreated};
use crate::scene::{self, Scene, key};

/// The executor of plans for Docker containers.
///
/// It keeps nothing in memory: the plan names the old container and the image by id, and the new
/// container carries the run's id as a label. So a run goes on from the engine alone.
#[derive(Clone, Debug)]
pub struct DockerExecutor {
    engine: Arc<dyn Engine>,
    key: HashKey,
    records: Vec<Release>,
}

impl DockerExecutor {
    /// An executor on an engine. `key` is the key of the hashes in plans: the same one that the
    /// strategy has, kept for as long as runs may be resumed.
    pub fn new(engine: Arc<dyn Engine>, key: HashKey) -> Self {
        Self { engine, key, records: Vec::new() }
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

    async fn scene(&self, run: &Run) -> Result<(Scene, Vec<ContainerSummary>)> {
        let subject = Subject::of(run)?;
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        Ok((Scene::of(run, &subject.name, &subject.old, &all), all))
    }

    /// The container once more, from what the engine shows now.
    async fn recreated(
        &self,
        context: &StepContext,
        all: &[ContainerSummary],
    ) -> Result<Recreated> {
        let run = &context.run;
        let subject = Subject::of(run)?;
        let (image, image_ref, spec) = create_arguments(run)?;
        let container = self.inspect(&subject.old).await?;
        let old_image = self.inspect_image(text(container.expose(), "/Image")).await?;
        let new_image = self.inspect_image(image.as_str()).await?;
        let engine = EngineDetail::of(&self.engine.info().await?);
        let source = detail::source(&engine, container.expose(), old_image.expose(), &names(all))?;
        let replacement = detail::replacement(&image_ref, new_image.expose())
            .with_labels(labels(run, &subject, &image, &spec));
        let recreated = recreate::recreate(&source, &replacement)?;
        if recreated.spec_hash(&self.key) != spec {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "create container",
                "the container's settings are not those of the plan any more",
            )
            .with_context("container", subject.name.as_str())
            .with_hint("make a new plan and look at it"));
        }
        Ok(recreated)
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Secret<Value>> {
        self.find(id).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "inspect container", "it is gone")
                .with_context("container", id.short())
        })
    }

    async fn inspect_image(&self, image: &str) -> Result<Secret<Value>> {
        self.engine.inspect_image(image).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "inspect image", "it is gone")
                .with_context("image", image)
        })
    }

    async fn create(&self, context: &StepContext, image: &ImageId) -> Result<()> {
        let (scene, all) = self.scene(&context.run).await?;
        let recreated = self.recreated(context, &all).await?;
        let name = scene.name.waiting(&context.run.id)?;
        let container = NewContainer::new(name, recreated.body);
        let created = self.engine.create_container(&container).await?;
        // By tag: between the plan and now the tag may have moved.
        let made = self.inspect(&created.id).await?;
        let made_of = text(made.expose(), "/Image");
        if made_of == image.as_str() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            "create container",
            "the tag moved since the plan: the new container is of another image than was approved",
        )
        .with_context("planned", image.short())
        .with_context("found", made_of)
        .with_hint("what runs was not touched; make a new plan"))
    }

    async fn connect(&self, context: &StepContext, network: &str) -> Result<()> {
        let (scene, all) = self.scene(&context.run).await?;
        let recreated = self.recreated(context, &all).await?;
        let is_it = |connect: &&Connect| connect.network == network;
        let Some(connect) = recreated.connects.iter().find(is_it) else {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "connect network",
                "it is not in the plan any more",
            ));
        };
        let new = new_id(&scene)?;
        self.engine.connect_network(network, &new, connect.endpoint.expose()).await.map(drop)
    }

    /// Whether the networks are joined that the engine takes one by one.
    async fn network_facts(&self, run: &Run, scene: &Scene, mut facts: Facts) -> Result<Facts> {
        let wanted: Vec<_> = run
            .plan
            .steps
            .iter()
            .filter_map(|step| match Verb::of(step) {
                Ok(Verb::Connect { network }) => Some(network),
                _ => None,
            })
            .collect();
        let (false, Some(new)) = (wanted.is_empty(), &scene.new) else { return Ok(facts) };
        let inspected = self.find(&new.id).await?;
        let joined = inspected.map(|new| scene::networks(new.expose())).unwrap_or_default();
        for network in wanted {
            let standing = if joined.contains(&network) { "joined" } else { "apart" };
            facts = facts.with(key::network(&network), standing);
        }
        Ok(facts)
    }

    async fn protection_fact(&self, run: &Run, facts: Facts) -> Result<Facts> {
        let protect = run.plan.steps.iter().find_map(|step| match Verb::of(step) {
            Ok(Verb::Protect { image, tag }) => Some((image, tag)),
            _ => None,
        });
        let Some((image, tag)) = protect else { return Ok(facts) };
        let found = self.engine.inspect_image(tag.as_str()).await?;
        let standing = match found {
            None => "absent",
            Some(found) if text(found.expose(), "/Id") == image.as_str() => "set",
            Some(_) => "moved",
        };
        Ok(facts.with(key::PROTECTED, standing))
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
        let (scene, _) = self.scene(run).await?;
        let mut facts = scene.facts(run.plan.to.version.as_str());
        if let Some(old) = &scene.old {
            // Between the list and this look it may have gone: then it is the next look's business.
            let inspected = self.find(&old.id).await?;
            let restart = inspected.map_or("gone", |old| scene::restart_fact(old.expose()));
            facts = facts.with(key::OLD_RESTART, restart);
        }
        let facts = self.network_facts(run, &scene, facts).await?;
        self.protection_fact(run, facts).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let verb = Verb::of(step)?;
        match &verb {
            Verb::Protect { image, tag } => return engine.tag_image(image, tag).await,
            Verb::Create { image, .. } => return self.create(context, image).await,
            Verb::Connect { network } => return self.connect(context, network).await,
            _ => {}
        }
        let subject = Subject::of(&context.run)?;
        if let Verb::StopOld { grace_seconds } = verb {
            let grace = Duration::from_secs(grace_seconds);
            return engine.stop_container(&subject.old, grace).await.map(drop);
        }
        let (scene, _) = self.scene(&context.run).await?;
        match verb {
            Verb::Hold { .. } => {
                engine.set_restart_policy(&subject.old, &json!({"Name": "no"})).await
            }
            Verb::StartNew { .. } => engine.start_container(&new_id(&scene)?).await.map(drop),
            Verb::SetAside => {
                let aside = subject.name.aside(&context.run.id)?;
                engine.rename_container(&subject.old, &aside).await.map(drop)
            }
            Verb::TakeOver => {
                engine.rename_container(&new_id(&scene)?, &subject.name).await.map(drop)
            }
            Verb::ClearStrays => match scene.strays.first() {
                Some(stray) => engine.remove_container(&stray.id, false).await.map(drop),
                None => Ok(()),
            },
            // Handled above.
            _ => Ok(()),
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let subject = Subject::of(&context.run)?;
        let (scene, _) = self.scene(&context.run).await?;
        match Verb::of(step)? {
            Verb::Protect { image, tag } => engine.untag_image(&tag, &image).await.map(drop),
            Verb::Create { .. } => {
                let ours = scene.strays.first().or(scene.new.as_ref());
                match ours {
                    Some(container) => {
                        engine.remove_container(&container.id, false).await.map(drop)
                    }
                    None => Ok(()),
                }
            }
            Verb::Hold { policy } => engine.set_restart_policy(&subject.old, &policy).await,
            Verb::StopOld { .. } => engine.start_container(&subject.old).await.map(drop),
            Verb::StartNew { grace_seconds } => {
                let grace = Duration::from_secs(grace_seconds);
                engine.stop_container(&new_id(&scene)?, grace).await.map(drop)
            }
            Verb::SetAside => engine.rename_container(&subject.old, &subject.name).await.map(drop),
            // A create that happened twice holds the name that the new one goes back to.
            Verb::TakeOver if !scene.strays.is_empty() => {
                engine.remove_container(&scene.strays[0].id, false).await.map(drop)
            }
            Verb::TakeOver => {
                let waiting = subject.name.waiting(&context.run.id)?;
                engine.rename_container(&new_id(&scene)?, &waiting).await.map(drop)
            }
            Verb::Connect { .. } | Verb::ClearStrays => Ok(()),
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let (scene, _) = self.scene(run).await?;
        match scene.new {
            Some(new) => evidence::collect(self.engine.as_ref(), &self.key, &new).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Subject {
    /// What a run's plan is about: the target's name, and the old container by its id.
    fn of(run: &Run) -> Result<Self> {
        let starts = run.plan.steps.iter().find_map(|step| match &step.work {
            stillme_rollback_core::Work::Apply(action) => action.arguments.get("subject").cloned(),
            stillme_rollback_core::Work::Verdict => None,
        });
        starts.and_then(|subject| serde_json::from_value(subject).ok()).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "read plan", "the plan names no container")
                .with_hint("use the version that made the plan")
        })
    }
}

fn create_arguments(run: &Run) -> Result<(ImageId, String, String)> {
    let create = run.plan.steps.iter().find_map(|step| match Verb::of(step) {
        Ok(Verb::Create { image, image_ref, spec, .. }) => Some((image, image_ref, spec)),
        _ => None,
    });
    create
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "read plan", "the plan creates nothing"))
}

fn labels(run: &Run, subject: &Subject, image: &ImageId, spec: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (LABEL_RUN.to_owned(), run.id.to_string()),
        (LABEL_FROM.to_owned(), subject.old.as_str().to_owned()),
        (LABEL_TARGET_IMAGE.to_owned(), image.as_str().to_owned()),
        (LABEL_SPEC.to_owned(), spec.to_owned()),
    ])
}

fn names(all: &[ContainerSummary]) -> BTreeMap<String, String> {
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
