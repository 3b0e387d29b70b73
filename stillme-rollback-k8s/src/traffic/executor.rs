//! Does these plans on a cluster.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, HashKey, Observation, Result, Run,
    Step, StepContext, Target,
};

use super::order::{Order, Pointer, Side, Verb};
use super::verifier::TrafficVerifier;
use crate::cluster::{Cluster, Mode, Selection};
use crate::executor::states;
use crate::names::{ANNOTATION_RUN, Namespace, ObjectName};
use crate::object::{self, text};
use crate::resource::{DEPLOYMENT_SCALES, DEPLOYMENTS, PODS, Resource, SERVICES};
use crate::teller::Teller;
use crate::template::HASH_LABEL;

/// The executor of plans that move requests between Deployments. Cheap to clone.
#[derive(Clone)]
pub struct TrafficExecutor {
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) key: HashKey,
    teller: Teller,
}

impl fmt::Debug for TrafficExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficExecutor").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl TrafficExecutor {
    /// An executor on a cluster. `key` is the key of the digests in plans, kept for as long as runs may be resumed.
    pub fn new(cluster: Arc<dyn Cluster>, key: HashKey) -> Self {
        Self { cluster, key, teller: Teller::default() }
    }

    pub(crate) fn telling(mut self, teller: Teller) -> Self {
        self.teller = teller;
        self
    }

    /// The verifier that sees where requests go.
    pub fn traffic_verifier(&self) -> TrafficVerifier {
        TrafficVerifier::new(self.cluster.clone(), self.teller.clone())
    }

    /// Brings a side to a number of pods.
    async fn scale(
        &self,
        context: &StepContext,
        order: &Order,
        side: &Side,
        wanted: i64,
    ) -> Result<()> {
        let found = self.cluster.get(DEPLOYMENTS, &order.namespace, &side.name).await?;
        let found = found.filter(|found| object::uid(found.expose()) == side.uid);
        let found = found.ok_or_else(|| gone(&format!("deployment/{}", side.name)))?;
        if super::look::replicas(found.expose()) == wanted {
            return Ok(());
        }
        let patch = json!([
            at_version(found.expose()),
            { "op": "add", "path": "/spec/replicas", "value": wanted },
        ]);
        self.send(context, DEPLOYMENT_SCALES, &order.namespace, &side.name, &patch).await
    }

    /// Points the Service to one of two values.
    async fn point(
        &self,
        context: &StepContext,
        order: &Order,
        (away, to): (&str, &str),
        mine: Option<String>,
    ) -> Result<()> {
        let Some(pointer) = &order.pointer else { return Ok(()) };
        let found = self.cluster.get(SERVICES, &order.namespace, &pointer.service).await?;
        let found = found.filter(|found| object::uid(found.expose()) == pointer.uid);
        let found = found.ok_or_else(|| gone(&format!("service/{}", pointer.service)))?;
        let live = found.expose();
        let (value, rest) = super::look::split(live, &pointer.key, &self.key);
        if rest == pointer.rest && value == to {
            return Ok(());
        }
        if rest != pointer.rest || value != away {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "point service",
                "it selects neither what is left nor what is wanted",
            )
            .with_hint("it was not touched"));
        }
        let patch = pointing(pointer, live, to, mine);
        self.send(context, SERVICES, &order.namespace, &pointer.service, &patch).await
    }

    async fn send(
        &self,
        context: &StepContext,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        patch: &Value,
    ) -> Result<()> {
        let cluster = self.cluster.limited(context.time_left);
        cluster.patch(resource, namespace, name, patch, Mode::Real).await.map(drop)
    }
}

/// The patch that points a Service to a value, with the run's mark.
fn pointing(pointer: &Pointer, live: &Value, to: &str, mine: Option<String>) -> Value {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let mut operations = vec![at_version(live)];
    let path = format!("/spec/selector/{}", escaped(&pointer.key));
    operations.push(json!({ "op": "replace", "path": path, "value": to }));
    let path = format!("/metadata/annotations/{}", escaped(ANNOTATION_RUN));
    match mine {
        Some(run) => {
            if live.pointer("/metadata/annotations").is_none_or(Value::is_null) {
                operations
                    .push(json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
            }
            operations.push(json!({ "op": "add", "path": path, "value": run }));
        }
        None if object::annotation(live, ANNOTATION_RUN).is_some() => {
            operations.push(json!({ "op": "remove", "path": path }));
        }
        None => {}
    }
    Value::Array(operations)
}

/// Only if nothing changed since: the server answers 409 then.
fn at_version(live: &Value) -> Value {
    let version = text(live, "/metadata/resourceVersion");
    json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version })
}

fn gone(what: &str) -> Error {
    Error::new(ErrorKind::Mismatch, "find object", format!("{what} is gone, or another one"))
        .with_hint("nothing was touched")
}

#[async_trait]
impl Executor for TrafficExecutor {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.side_by_side = true;
        capabilities.attribution = true;
        capabilities
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        // What these plans are made of is found by `find_blue_green` and `find_canary`, which know what is wanted.
        Ok(Observation::new(target.clone()))
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.look(&Order::of(run)?).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        match Verb::of(step)? {
            Verb::Scale { which, order } => {
                let side = order.side(which);
                self.scale(context, &order, side, side.wanted).await
            }
            // The cluster does it.
            Verb::AwaitReady { .. } => Ok(()),
            Verb::Point => {
                let order = Order::of(&context.run)?;
                let Some(pointer) = &order.pointer else { return Ok(()) };
                let mine = Some(context.run.id.to_string());
                self.point(context, &order, (&pointer.from, &pointer.to), mine).await
            }
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        match Verb::of(step)? {
            Verb::Scale { which, order } => {
                let side = order.side(which);
                self.scale(context, &order, side, side.replicas).await
            }
            Verb::AwaitReady { .. } => Ok(()),
            Verb::Point => {
                let order = Order::of(&context.run)?;
                let Some(pointer) = &order.pointer else { return Ok(()) };
                let before = pointer.before.clone();
                self.point(context, &order, (&pointer.to, &pointer.from), before).await
            }
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let order = Order::of(run)?;
        let selection = Selection::labels(format!("{HASH_LABEL}={}", order.to.hash));
        let pods = self.cluster.list(PODS, &order.namespace, &selection).await?;
        Ok(vec![states(&pods)])
    }
}
