//! Finds a run's containers by the names that they have in the middle of a run.
//!
//! A list takes 4 ms for each container on an engine whose images are in containerd's store, and users wait for
//! some of these looks; an inspect takes 0.6 ms, however many containers there are.

use serde_json::Value;
use stillme_rollback_core::{Result, Run, Secret};

use super::{DockerExecutor, new_id};
use crate::action::Orders;
use crate::detail::text;
use crate::engine::ContainerSummary;
use crate::inspect;
use crate::names::{ContainerId, ContainerRef, LABEL_RUN};
use crate::scene::Scene;

/// A run's containers, and the old and the new one as the engine shows them.
pub(super) struct Seen {
    pub(super) scene: Scene,
    pub(super) old: Option<Secret<Value>>,
    pub(super) new: Option<Secret<Value>>,
}

impl DockerExecutor {
    /// A run's containers, if they are as a run of ours leaves them: the old one is there, and nobody else has its
    /// name or the one that the new one is made under. A create whose answer was lost, or that happened twice, has
    /// that name too. `None`: the list of all has to tell.
    pub(super) async fn by_name(&self, run: &Run, orders: &Orders) -> Result<Option<Seen>> {
        let subject = &orders.subject;
        // What stands in for the old one, and what holds on to it, is found by its labels.
        if orders.stand_in.is_some() || !orders.dependents.is_empty() {
            return Ok(None);
        }
        let (old, [named, waiting]) =
            tokio::try_join!(self.find(&subject.old), self.under_its_names(run, orders))?;
        let Some(summary_of_old) = old.as_ref().and_then(summary) else { return Ok(None) };
        let (mut found, mut new) = (vec![summary_of_old], None);
        for seen in [named, waiting].into_iter().flatten() {
            let Some(summary) = summary(&seen) else { return Ok(None) };
            if found.iter().any(|known| known.id == summary.id) {
                continue;
            }
            if !is_of(run, &summary) {
                return Ok(None);
            }
            found.push(summary);
            // The first one is what the scene takes for it: the one that has the service's name.
            new = new.or(Some(seen));
        }
        let scene = Scene::of(run, &subject.name, &subject.old, &found);
        Ok(Some(Seen { scene, old, new }))
    }

    /// The id of the container that a run made.
    pub(super) async fn new_container(&self, run: &Run, orders: &Orders) -> Result<ContainerId> {
        let found = self.under_its_names(run, orders).await?;
        let mut found = found.iter().flatten().filter_map(summary);
        match found.find(|found| found.id != orders.subject.old && is_of(run, found)) {
            Some(new) => Ok(new.id),
            None => new_id(&self.listed(run, orders).await?.0),
        }
    }

    /// What has the service's name, and what has the one under which the new container waits for it.
    async fn under_its_names(
        &self,
        run: &Run,
        orders: &Orders,
    ) -> Result<[Option<Secret<Value>>; 2]> {
        let name = &orders.subject.name;
        let (named, waiting) =
            (ContainerRef::from(name), ContainerRef::from(&name.waiting(&run.id)?));
        let (named, waiting) = tokio::try_join!(
            self.engine.inspect_container(&named),
            self.engine.inspect_container(&waiting),
        )?;
        Ok([named, waiting])
    }
}

fn is_of(run: &Run, container: &ContainerSummary) -> bool {
    container.label(LABEL_RUN) == Some(&run.id.to_string())
}

/// What a list would say of an inspected container, but for the time of its creation.
fn summary(container: &Secret<Value>) -> Option<ContainerSummary> {
    let container = container.expose();
    let mut summary = ContainerSummary::new(inspect::id(container).ok()?);
    summary.name = inspect::name(container);
    summary.image_id = inspect::image_id(container).ok();
    summary.image = text(container, "/Config/Image").to_owned();
    summary.state = text(container, "/State/Status").to_owned();
    let labels = container.pointer("/Config/Labels").and_then(Value::as_object);
    for (name, value) in labels.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        summary.labels.insert(name.clone(), value.to_owned());
    }
    Some(summary)
}
