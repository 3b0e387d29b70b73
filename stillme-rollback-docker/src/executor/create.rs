//! Creates the containers of a run, each a copy of the old one's settings.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result, Run, Secret, StepContext};

use super::{DockerExecutor, names};
use crate::action::{Copy, Orders};
use crate::detail::{self, EngineDetail, text};
use crate::engine::{ContainerSummary, NewContainer};
use crate::names::{
    ContainerId, LABEL_FROM, LABEL_PROXY, LABEL_RUN, LABEL_SPEC, LABEL_STANDS_FOR,
    LABEL_TARGET_IMAGE,
};
use crate::recreate::{self, Connect, Recreated};

/// Which of a run's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that the run goes to.
    New,
    /// The one that stands in for the old one.
    StandIn,
}

impl DockerExecutor {
    pub(super) async fn create(
        &self,
        context: &StepContext,
        orders: &Orders,
        which: Which,
    ) -> Result<()> {
        let (_, all) = self.listed(&context.run, orders).await?;
        let recreated = self.recreated(context, orders, which, &all).await?;
        let name = match which {
            Which::New => orders.subject.name.waiting(&context.run.id)?,
            Which::StandIn => orders.subject.name.aside(&context.run.id)?,
        };
        let container = NewContainer::new(name, recreated.body);
        let created = self.engine.create_container(&container).await?;
        // By tag: between the plan and now the tag may have moved.
        let image = &orders.copy(which)?.image;
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

    pub(super) async fn connect(
        &self,
        context: &StepContext,
        orders: &Orders,
        which: Which,
        network: &str,
    ) -> Result<()> {
        let (scene, all) = self.listed(&context.run, orders).await?;
        let recreated = self.recreated(context, orders, which, &all).await?;
        let is_it = |connect: &&Connect| connect.network == network;
        let Some(connect) = recreated.connects.iter().find(is_it) else {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "connect network",
                "it is not in the plan any more",
            ));
        };
        let made = match which {
            Which::New => super::new_id(&scene)?,
            Which::StandIn => super::stand_in::id(&scene)?,
        };
        self.engine.connect_network(network, &made, connect.endpoint.expose()).await.map(drop)
    }

    /// The old container once more, or the kept one whose settings are taken back, from what the engine
    /// shows now.
    async fn recreated(
        &self,
        context: &StepContext,
        orders: &Orders,
        which: Which,
        all: &[ContainerSummary],
    ) -> Result<Recreated> {
        let copy = orders.copy(which)?;
        let container = match orders.origin.as_ref().filter(|_| which == Which::New) {
            Some(origin) => {
                let kept = self.inspect(&origin.container).await?;
                Secret::new(origin.as_it_was(kept.expose()))
            }
            None => self.inspect(&orders.subject.old).await?,
        };
        let old_image = self.inspect_image(text(container.expose(), "/Image")).await?;
        let image = self.inspect_image(copy.image.as_str()).await?;
        let engine = EngineDetail::of(&self.engine.info().await?);
        let source = detail::source(&engine, container.expose(), old_image.expose(), &names(all))?;
        let replacement = detail::replacement(&copy.image_ref, image.expose()).with_labels(labels(
            &context.run,
            orders,
            which,
        )?);
        let recreated = recreate::recreate(&source, &replacement)?;
        if recreated.spec_hash(&self.key) == copy.spec {
            return Ok(recreated);
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            "create container",
            "the container's settings are not those of the plan any more",
        )
        .with_context("container", orders.subject.name.as_str())
        .with_hint("make a new plan and look at it"))
    }

    pub(super) async fn inspect(&self, id: &ContainerId) -> Result<Secret<Value>> {
        self.find(id).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "inspect container", "it is gone")
                .with_context("container", id.short())
        })
    }

    pub(super) async fn inspect_image(&self, image: &str) -> Result<Secret<Value>> {
        self.engine.inspect_image(image).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "inspect image", "it is gone")
                .with_context("image", image)
        })
    }
}

impl Orders {
    fn copy(&self, which: Which) -> Result<&Copy> {
        match (which, &self.stand_in) {
            (Which::New, _) => Ok(&self.new),
            (Which::StandIn, Some(stand_in)) => Ok(stand_in),
            (Which::StandIn, None) => {
                Err(Error::new(ErrorKind::Unsupported, "read plan", "the plan makes no stand-in"))
            }
        }
    }
}

/// The stand-in is no work of the run's in the sense of [`LABEL_RUN`]: that names what the verdict
/// is about.
fn labels(run: &Run, orders: &Orders, which: Which) -> Result<BTreeMap<String, String>> {
    let copy = orders.copy(which)?;
    let old = orders.subject.old.as_str().to_owned();
    let proxy = orders.proxy.iter().map(|proxy| (LABEL_PROXY.to_owned(), proxy.switch.clone()));
    Ok(match which {
        Which::New => BTreeMap::from_iter(proxy.chain([
            (LABEL_RUN.to_owned(), run.id.to_string()),
            (LABEL_FROM.to_owned(), old),
            (LABEL_TARGET_IMAGE.to_owned(), copy.image.as_str().to_owned()),
            (LABEL_SPEC.to_owned(), copy.spec.clone()),
        ])),
        Which::StandIn => BTreeMap::from([(LABEL_STANDS_FOR.to_owned(), old)]),
    })
}
