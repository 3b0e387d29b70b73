//! Looks where a plan of this kind stands.

use futures_util::future::try_join;
use serde_json::{Map, Value};
use stillme_rollback_core::{Facts, Foreign, HashKey, Printable, Result};

use super::executor::TrafficExecutor;
use super::order::{Order, Pointer, Side};
use crate::cluster::{Object, Selection};
use crate::names::ObjectName;
use crate::object::{self, number, text};
use crate::resource::{DEPLOYMENTS, PODS, SERVICES};
use crate::rollout::hopeless_pods;
use crate::template::{self, HASH_LABEL};

/// The keys of the facts.
pub(super) mod key {
    /// How many pods the side that serves now shall have: `before`, `wanted`, `other`.
    pub(crate) const FROM: &str = "from";
    /// The same of the side that shall serve.
    pub(crate) const TO: &str = "to";
    /// Whether the side that shall serve can: `yes`, `no`, or `failing` with why.
    pub(crate) const READY: &str = "ready";
    /// Where the Service points: `from` or `to`.
    pub(crate) const SERVICE: &str = "service";
}

impl TrafficExecutor {
    pub(super) async fn look(&self, order: &Order) -> Result<Facts> {
        let deployments =
            try_join(self.deployment(order, &order.from), self.deployment(order, &order.to));
        let service = async {
            match &order.pointer {
                Some(pointer) => self.service(order, pointer).await.map(Some),
                None => Ok(None),
            }
        };
        let ((from, to), service) = try_join(deployments, service).await?;
        let facts = Facts::new();
        for (side, found) in [(&order.from, &from), (&order.to, &to)] {
            if let Some(foreign) = foreign_deployment(side, found.as_ref(), &self.key) {
                return Ok(facts.with_foreign(foreign));
            }
        }
        let (Some(from), Some(to)) = (from, to) else { return Ok(facts) };
        let mut facts = facts
            .with(key::FROM, scaled(&order.from, from.expose()))
            .with(key::TO, scaled(&order.to, to.expose()));
        if let (Some(pointer), Some(service)) = (&order.pointer, service) {
            match pointed(pointer, service.as_ref(), &self.key) {
                Ok(to) => facts = facts.with(key::SERVICE, to),
                Err(foreign) => return Ok(facts.with_foreign(foreign)),
            }
        }
        let ready = self.ready(order, to.expose()).await?;
        Ok(facts.with(key::READY, ready))
    }

    async fn deployment(&self, order: &Order, side: &Side) -> Result<Option<Object>> {
        self.cluster.get(DEPLOYMENTS, &order.namespace, &side.name).await
    }

    async fn service(&self, order: &Order, pointer: &Pointer) -> Result<Option<Object>> {
        self.cluster.get(SERVICES, &order.namespace, &pointer.service).await
    }

    /// Whether the side that shall serve can. Its pods are asked for only while it can't.
    async fn ready(&self, order: &Order, to: &Value) -> Result<String> {
        let least = if order.to.autoscaled { order.to.wanted.min(1) } else { order.to.wanted };
        let available = number(to, "/status/availableReplicas");
        if object::is_observed(to) && available >= least.max(1) {
            return Ok("yes".to_owned());
        }
        let selector = format!("{},{HASH_LABEL}={}", object::selector(to), order.to.hash);
        let selection = Selection::labels(selector);
        let pods = self.cluster.list(PODS, &order.namespace, &selection).await?;
        let pods: Vec<_> = pods.iter().map(Object::expose).collect();
        Ok(match hopeless_pods(&pods) {
            Some(why) => format!("failing: {}", Printable(&why)),
            None => "no".to_owned(),
        })
    }
}

/// Somebody deleted a side, made it anew, or deployed to it.
fn foreign_deployment(side: &Side, found: Option<&Object>, key: &HashKey) -> Option<Foreign> {
    let name = &side.name;
    let Some(found) = found.map(Object::expose) else {
        return Some(Foreign::new(format!("deployment/{name} was deleted")));
    };
    let what = if object::uid(found) != side.uid {
        "was deleted and made anew"
    } else if digest(found, key) != side.digest {
        "now has another template"
    } else {
        return None;
    };
    let mut foreign = Foreign::new(format!("deployment/{name} {what}"));
    foreign.who = object::last_writer_of_template(found).map(|who| Printable(&who).to_string());
    Some(foreign)
}

/// The digest of a Deployment's template.
pub(super) fn digest(deployment: &Value, key: &HashKey) -> String {
    let template = deployment.pointer("/spec/template").unwrap_or(&Value::Null);
    template::digest(&template::bare(template), key)
}

/// How many pods a Deployment shall have.
pub(super) fn replicas(deployment: &Value) -> i64 {
    deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn scaled(side: &Side, deployment: &Value) -> &'static str {
    let now = replicas(deployment);
    // An autoscaler takes over once there is a pod.
    let is_taken_over = side.autoscaled && side.replicas == 0 && side.wanted > 0 && now > 0;
    if now == side.wanted || is_taken_over {
        "wanted"
    } else if now == side.replicas {
        "before"
    } else {
        "other"
    }
}

/// Where a Service points, unless somebody else pointed it elsewhere.
fn pointed(
    pointer: &Pointer,
    service: Option<&Object>,
    key: &HashKey,
) -> Result<&'static str, Foreign> {
    let name = &pointer.service;
    let Some(service) = service.map(Object::expose) else {
        return Err(Foreign::new(format!("service/{name} was deleted")));
    };
    if object::uid(service) != pointer.uid {
        return Err(Foreign::new(format!("service/{name} was deleted and made anew")));
    }
    let (value, rest) = split(service, &pointer.key, key);
    if rest == pointer.rest && value == pointer.from {
        return Ok("from");
    }
    if rest == pointer.rest && value == pointer.to {
        return Ok("to");
    }
    let mut foreign = Foreign::new(format!("service/{name} now selects something else"));
    foreign.who = object::last_writer(service, "/fieldsV1/f:spec/f:selector")
        .map(|who| Printable(&who).to_string());
    Err(foreign)
}

/// What a Service selects by this key, and the digest of all else that it selects by.
pub(super) fn split(service: &Value, by: &str, key: &HashKey) -> (String, String) {
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    let mut rest: Map<String, Value> = selector.cloned().unwrap_or_default();
    let value = rest.remove(by);
    let value = value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    (value, template::digest(&Value::Object(rest), key))
}

/// An object's name, as a checked one.
pub(super) fn name_of(object: &Value) -> Result<ObjectName> {
    ObjectName::new(text(object, "/metadata/name"))
}
