//! Does what a plan orders for those who hold on to the container.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use stillme_rollback_core::{Error, ErrorKind, Facts, Result, Run, StepContext};

use super::{DockerExecutor, names, restart};
use crate::action::Orders;
use crate::dependents::act::{Act, Holder, Order};
use crate::dependents::recreated;
use crate::dependents::scene::Cast;
use crate::detail::{EngineDetail, text};
use crate::engine::{ContainerFilter, ContainerSummary, NewContainer};
use crate::names::{ContainerId, LABEL_BESIDE, LABEL_FROM};
use crate::recreate::add_labels;

impl DockerExecutor {
    /// What the engine shows of each dependent.
    pub(super) async fn dependents_facts(
        &self,
        run: &Run,
        orders: &Orders,
        mut facts: Facts,
    ) -> Result<Facts> {
        if orders.dependents.is_empty() {
            return Ok(facts);
        }
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        for order in &orders.dependents {
            let old = self.find(&order.holder.id).await?;
            let cast = Cast::of(run, &order.holder, &all);
            facts = cast.facts(order, old.as_ref().map(|old| old.expose()), facts);
        }
        Ok(facts)
    }

    pub(super) async fn apply_to_dependent(
        &self,
        context: &StepContext,
        orders: &Orders,
        holder: &Holder,
        act: Act,
    ) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let cast = Cast::of(&context.run, holder, &all);
        match act {
            Act::Create { .. } => self.create_dependent(context, orders, holder, &all).await,
            Act::Hold { .. } => engine.set_restart_policy(&holder.id, &json!({"Name": "no"})).await,
            Act::Stop { grace_seconds } => {
                let grace = Duration::from_secs(grace_seconds);
                engine.stop_container(&holder.id, grace).await.map(drop)
            }
            Act::Start { .. } => engine.start_container(&new_id(&cast)?).await.map(drop),
            Act::SetAside => {
                let aside = holder.name.aside(&context.run.id)?;
                engine.rename_container(&holder.id, &aside).await.map(drop)
            }
            Act::TakeOver => engine.rename_container(&new_id(&cast)?, &holder.name).await.map(drop),
            Act::ClearStrays => match cast.strays.first() {
                Some(stray) => engine.remove_container(&stray.id, false).await.map(drop),
                None => Ok(()),
            },
        }
    }

    pub(super) async fn undo_dependent(
        &self,
        context: &StepContext,
        holder: &Holder,
        act: Act,
    ) -> Result<()> {
        let engine = self.engine.limited(context.time_left);
        let all = self.engine.list_containers(&ContainerFilter::all()).await?;
        let cast = Cast::of(&context.run, holder, &all);
        match act {
            Act::Create { .. } => match cast.strays.first().or(cast.new.as_ref()) {
                Some(ours) => engine.remove_container(&ours.id, false).await.map(drop),
                None => Ok(()),
            },
            Act::Hold { policy, was_up } => {
                restart::give_back(engine.as_ref(), &holder.id, &policy, was_up).await
            }
            Act::Stop { .. } => engine.start_container(&holder.id).await.map(drop),
            Act::Start { grace_seconds } => {
                let grace = Duration::from_secs(grace_seconds);
                engine.stop_container(&new_id(&cast)?, grace).await.map(drop)
            }
            Act::SetAside => engine.rename_container(&holder.id, &holder.name).await.map(drop),
            // A create that happened twice holds the name that the new one goes back to.
            Act::TakeOver => match cast.strays.first() {
                Some(stray) => engine.remove_container(&stray.id, false).await.map(drop),
                None => {
                    let waiting = holder.name.waiting(&context.run.id)?;
                    engine.rename_container(&new_id(&cast)?, &waiting).await.map(drop)
                }
            },
            Act::ClearStrays => Ok(()),
        }
    }

    async fn create_dependent(
        &self,
        context: &StepContext,
        orders: &Orders,
        holder: &Holder,
        all: &[ContainerSummary],
    ) -> Result<()> {
        let is_it = |order: &&Order| order.holder == *holder;
        let Some(order) = orders.dependents.iter().find(is_it) else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "read plan",
                "it names no such dependent",
            ));
        };
        let (scene, _) = self.listed(&context.run, orders).await?;
        let container = self.inspect(&holder.id).await?;
        let image = self.inspect_image(text(container.expose(), "/Image")).await?;
        let engine = EngineDetail::of(&self.engine.info().await?);
        let (_, copy) =
            recreated::once_more(&engine, container.expose(), image.expose(), &names(all))?;
        if copy.spec_hash(&self.key) != order.copy.spec {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "create container",
                "a dependent's settings are not those of the plan any more",
            )
            .with_context("container", holder.name.as_str())
            .with_hint("make a new plan and look at it"));
        }
        let subject = &orders.subject;
        let new = super::new_id(&scene)?;
        let body = recreated::turned(&copy.body, (&subject.old, &subject.name), &new);
        let labels = BTreeMap::from([
            (LABEL_BESIDE.to_owned(), context.run.id.to_string()),
            (LABEL_FROM.to_owned(), holder.id.as_str().to_owned()),
        ]);
        let body = add_labels(body, &labels);
        let name = holder.name.waiting(&context.run.id)?;
        self.engine.create_container(&NewContainer::new(name, body)).await.map(drop)
    }
}

fn new_id(cast: &Cast<'_>) -> Result<ContainerId> {
    cast.new.map(|new| new.id.clone()).ok_or_else(|| {
        Error::new(
            ErrorKind::Mismatch,
            "find new container",
            "a dependent's new container is not there",
        )
    })
}
