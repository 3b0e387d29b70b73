//! Finds the sides of a blue-green pair or of a canary, and asks whether the way is free. Changes nothing.

use futures_util::future::{join, try_join, try_join_all};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Goal, ImageRef, Observation, Printable, Release, Result, Secret, Target,
    Version,
};

use super::executor::TrafficExecutor;
use super::look::{digest, name_of, replicas, split};
use super::order::{Order, Pointer, Side};
use crate::cluster::{Object, Permission, Selection};
use crate::names::{ANNOTATION_RUN, Kind, Namespace, ObjectName, WorkloadRef};
use crate::object::{self, text};
use crate::owners::owners;
use crate::quota;
use crate::resource::{
    AUTOSCALERS, DEPLOYMENT_SCALES, DEPLOYMENTS, ENDPOINT_SLICES, PODS, REPLICA_SETS,
    RESOURCE_QUOTAS, SERVICES,
};
use crate::template::{self, HASH_LABEL};

/// What a plan of this kind is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) order: Order,
    /// The images of each side.
    pub(super) images: (String, String),
    /// What a step or its undo needs and one may not do.
    pub(super) denied: Vec<String>,
    /// Why there is no room for the pods.
    pub(super) no_room: Vec<String>,
    /// Who would take it back by himself.
    pub(super) reverted_by: Vec<String>,
    /// What else is good to know.
    pub(super) notes: Vec<String>,
}

impl Found {
    pub(super) fn of(observation: &Observation) -> Result<Self> {
        serde_json::from_value(observation.detail.expose().clone()).map_err(|_| {
            let why = "the observation is not one of this crate's executor";
            Error::new(ErrorKind::InvalidInput, "plan rollback", why)
                .with_hint("nothing was touched")
        })
    }

    fn into_observation(self, target: Target, names: (&str, &str)) -> Result<(Observation, Goal)> {
        let release = |name: &str, image: &str| -> Result<Release> {
            let release = Release::new(Version::new(name)?);
            let image: Option<ImageRef> = image.split(", ").next().and_then(|one| one.parse().ok());
            Ok(match image {
                Some(image) => release.with_image(image),
                None => release,
            })
        };
        let to = release(names.1, &self.images.1)?;
        let mut observation = Observation::new(target);
        observation.running = Some(release(names.0, &self.images.0)?);
        observation.releases = vec![to.clone()];
        // A struct of plain data always becomes JSON.
        observation.detail = Secret::new(serde_json::to_value(self).unwrap_or_default());
        Ok((observation, Goal::Release(to)))
    }
}

impl TrafficExecutor {
    /// Finds what a Service sends to and the Deployment of the other colour: the one whose pods differ from what the
    /// Service selects by one label only, which does not say whose they are. `to`: that label's value; needed where there are several.
    ///
    /// # Errors
    /// `NotFound` with what there is, `InvalidInput` where it could be several. Nothing was touched.
    pub async fn find_blue_green(
        &self,
        namespace: &Namespace,
        service: &ObjectName,
        to: Option<&str>,
    ) -> Result<(Observation, Goal)> {
        let (live, deployments) = try_join(
            self.cluster.get(SERVICES, namespace, service),
            self.cluster.list(DEPLOYMENTS, namespace, &Selection::all()),
        )
        .await?;
        let live =
            live.ok_or_else(|| missing(&format!("there is no service/{service} in {namespace}")))?;
        let live = live.expose();
        let target = service_target(namespace, service, live)?;
        let colours = Colours::of(live, &deployments);
        let (now, other) = colours.choose(service, to)?;
        let wanted = replicas(now);
        let from = self.side(namespace, now, replicas(now)).await?;
        let to = self.side(namespace, other.deployment, wanted).await?;
        let (value, rest) = split(live, &other.key, &self.key);
        let pointer = Pointer {
            service: service.clone(),
            uid: object::uid(live),
            key: other.key.clone(),
            from: value.clone(),
            to: other.value.clone(),
            rest,
            before: object::annotation(live, ANNOTATION_RUN).map(str::to_owned),
        };
        let order = Order { namespace: namespace.clone(), from, to, pointer: Some(pointer) };
        let mut found = self.ask(order, now, other.deployment).await?;
        found.reverted_by.extend(reverting(live));
        if live.pointer("/spec/selector/rollouts-pod-template-hash").is_some() {
            found.reverted_by.push("Argo Rollouts, which points this Service itself".to_owned());
        }
        found.into_observation(target, (&value, &other.value))
    }

    /// The target that the Service of a target's name is now.
    ///
    /// # Errors
    /// `NotFound` if there is none; `InvalidInput` if the target names no Service.
    pub async fn target_like(&self, target: &Target) -> Result<Target> {
        let parts: Vec<_> = target.name().split('/').collect();
        let [namespace, "service", service] = parts.as_slice() else {
            let why = format!("`{target}` names nothing of Kubernetes");
            return Err(Error::new(ErrorKind::InvalidInput, "read target", why)
                .with_hint("nothing was touched"));
        };
        let (namespace, service) = (Namespace::new(*namespace)?, ObjectName::new(*service)?);
        let live = self.cluster.get(SERVICES, &namespace, &service).await?;
        let none = || missing(&format!("there is no service/{service} in {namespace}"));
        service_target(&namespace, &service, live.ok_or_else(none)?.expose())
    }

    /// Finds the canary beside a stable Deployment: another one whose pods get requests of a Service that sends to the
    /// stable one. `canary`: its name; needed where there are several.
    ///
    /// # Errors
    /// As for [`find_blue_green`](Self::find_blue_green).
    pub async fn find_canary(
        &self,
        namespace: &Namespace,
        stable: &ObjectName,
        canary: Option<&ObjectName>,
    ) -> Result<(Observation, Goal)> {
        let all = Selection::all();
        let (services, deployments) = try_join(
            self.cluster.list(SERVICES, namespace, &all),
            self.cluster.list(DEPLOYMENTS, namespace, &all),
        )
        .await?;
        let named = |name: &ObjectName| {
            let mut all = deployments.iter().map(Object::expose);
            all.find(|one| object::name(one) == name.as_str())
                .ok_or_else(|| missing(&format!("there is no deployment/{name} in {namespace}")))
        };
        let live = named(stable)?;
        let canary = match canary {
            Some(canary) => named(canary)?,
            None => beside(live, &services, &deployments)?,
        };
        // The same target as of a rollback of the stable one: they exclude each other.
        let workload = WorkloadRef::new(namespace.clone(), Kind::Deployment, stable.clone());
        let target = workload.target(&object::uid(live))?;
        let from = self.side(namespace, canary, 0).await?;
        let total = replicas(live) + replicas(canary);
        let to = self.side(namespace, live, total).await?;
        let order = Order { namespace: namespace.clone(), from, to, pointer: None };
        let found = self.ask(order, canary, live).await?;
        found.into_observation(target, (object::name(canary), stable.as_str()))
    }

    /// A side as an order has it.
    async fn side(&self, namespace: &Namespace, live: &Value, wanted: i64) -> Result<Side> {
        let selection = Selection::labels(object::selector(live));
        let sets = self.cluster.list(REPLICA_SETS, namespace, &selection).await?;
        let (mine, uid) = (digest(live, &self.key), object::uid(live));
        let current = sets
            .iter()
            .map(Object::expose)
            .find(|set| object::is_controlled_by(set, &uid) && digest(set, &self.key) == mine);
        let name = name_of(live)?;
        let current = current.ok_or_else(|| {
            let why = format!("the controller has not seen the template of deployment/{name}");
            Error::new(ErrorKind::Rejected, "plan rollback", why)
                .with_hint("nothing was touched; is the controller manager running?")
        })?;
        let hash = object::label(current, HASH_LABEL).unwrap_or_default().to_owned();
        let replicas = replicas(live);
        Ok(Side { name, uid, digest: mine, hash, replicas, wanted, autoscaled: false })
    }

    /// Permissions, room, who scales, who reverts.
    async fn ask(&self, mut order: Order, from: &Value, to: &Value) -> Result<Found> {
        let namespace = order.namespace.clone();
        let (autoscalers, quotas) = join(
            self.cluster.list(AUTOSCALERS, &namespace, &Selection::all()),
            self.cluster.list(RESOURCE_QUOTAS, &namespace, &Selection::all()),
        )
        .await;
        let mut notes = Vec::new();
        let mut known = |answer: Result<Vec<Object>>, what: &str| match answer {
            Ok(objects) => Ok(objects),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                notes.push(format!("not checked: {what}: not allowed to list them"));
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        };
        let (autoscalers, quotas) = (known(autoscalers, "autoscalers")?, known(quotas, "quotas")?);
        for scaler in autoscalers.iter().map(Object::expose) {
            let name = text(scaler, "/spec/scaleTargetRef/name");
            for side in [&mut order.from, &mut order.to] {
                if name == side.name.as_str() {
                    side.autoscaled = true;
                    // It decides as soon as there is a pod; without one it does nothing.
                    if side.replicas > 0 && side.wanted > 0 {
                        side.wanted = side.replicas;
                    }
                    notes.push(format!("autoscaler {} scales {name}", object::name(scaler)));
                }
            }
        }
        let quotas: Vec<_> = quotas.iter().map(Object::expose).collect();
        let template = to.pointer("/spec/template").unwrap_or(&Value::Null);
        let no_room = quota::exceeded(&quotas, template, order.to.wanted - order.to.replicas);
        let denied = self.denied(&order, &mut notes).await?;
        let images = |live: &Value| {
            let template = live.pointer("/spec/template").unwrap_or(&Value::Null);
            let images: Vec<_> =
                template::images(template).into_iter().map(|(_, image)| image).collect();
            Printable(&images.join(", ")).to_string()
        };
        let reverted_by = [from, to].into_iter().flat_map(reverting).collect();
        let images = (images(from), images(to));
        Ok(Found { order, images, denied, no_room, reverted_by, notes })
    }

    async fn denied(&self, order: &Order, notes: &mut Vec<String>) -> Result<Vec<String>> {
        let mut needed = vec![Permission::any("list", PODS)];
        for side in [&order.from, &order.to] {
            needed.push(Permission::one("get", DEPLOYMENTS, side.name.clone()));
            needed.push(Permission::one("patch", DEPLOYMENT_SCALES, side.name.clone()));
        }
        if let Some(pointer) = &order.pointer {
            needed.push(Permission::one("get", SERVICES, pointer.service.clone()));
            needed.push(Permission::one("patch", SERVICES, pointer.service.clone()));
        }
        let slices = Permission::any("list", ENDPOINT_SLICES);
        let all = needed.iter().chain([&slices]);
        let answers = all.map(|permission| self.cluster.may(&order.namespace, permission));
        let mut answers = try_join_all(answers).await?;
        if answers.pop() != Some(true) {
            notes.push(format!("not checked: where Services send: not allowed to {slices}"));
        }
        let denied = needed.iter().zip(answers).filter(|(_, may)| !may);
        Ok(denied.map(|(permission, _)| permission.to_string()).collect())
    }
}

fn service_target(namespace: &Namespace, service: &ObjectName, live: &Value) -> Result<Target> {
    let name = format!("{namespace}/service/{service}");
    Target::new("kubernetes", object::uid(live).as_str(), &name)
}

fn reverting(live: &Value) -> Vec<String> {
    let owners = owners(live).into_iter().filter(crate::owners::Owner::reverts_by_itself);
    owners.map(|owner| Printable(&owner.to_string()).to_string()).collect()
}

fn missing(why: &str) -> Error {
    Error::new(ErrorKind::NotFound, "find rollback", why.to_owned())
        .with_hint("nothing was touched")
}

/// Labels that say whose pods they are. A Service is never pointed to another value of these: that would be another
/// application, however alike the rest is.
const WHOSE: [&str; 5] =
    ["app", "k8s-app", "name", "app.kubernetes.io/name", "app.kubernetes.io/instance"];

/// A Deployment that a Service would send to if one key of its selector had another value.
struct Colour<'a> {
    key: String,
    value: String,
    deployment: &'a Value,
}

/// What a Service sends to, and what it could send to.
struct Colours<'a> {
    now: Vec<&'a Value>,
    others: Vec<Colour<'a>>,
}

impl<'a> Colours<'a> {
    fn of(service: &Value, deployments: &'a [Object]) -> Self {
        let selector = service.pointer("/spec/selector").and_then(Value::as_object);
        let mut colours = Self { now: Vec::new(), others: Vec::new() };
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
            return colours;
        };
        for deployment in deployments.iter().map(Object::expose) {
            let labels = deployment.pointer("/spec/template/metadata/labels");
            let label = |key: &str| labels.and_then(|labels| labels.get(key));
            let differing: Vec<_> =
                selector.iter().filter(|(key, value)| label(key) != Some(value)).collect();
            match differing.as_slice() {
                [] => colours.now.push(deployment),
                [(key, _)] if !WHOSE.contains(&key.as_str()) => {
                    if let Some(value) = label(key).and_then(Value::as_str) {
                        let (key, value) = ((*key).clone(), value.to_owned());
                        colours.others.push(Colour { key, value, deployment });
                    }
                }
                _ => {}
            }
        }
        colours
    }

    fn choose(&self, service: &ObjectName, to: Option<&str>) -> Result<(&'a Value, &Colour<'a>)> {
        let list = |names: Vec<String>| {
            if names.is_empty() {
                "none".to_owned()
            } else {
                Printable(&names.join("; ")).to_string()
            }
        };
        let [now] = self.now.as_slice() else {
            let names = self.now.iter().map(|one| object::name(one).to_owned()).collect();
            let why = format!("service/{service} does not send to exactly one Deployment");
            return Err(Error::new(ErrorKind::Rejected, "find colours", why)
                .with_context("it sends to", list(names))
                .with_hint("nothing was touched"));
        };
        let told = |colour: &Colour<'_>| {
            format!(
                "{}={} (deployment/{})",
                colour.key,
                colour.value,
                object::name(colour.deployment)
            )
        };
        let known = || list(self.others.iter().map(told).collect());
        let fitting: Vec<_> =
            self.others.iter().filter(|one| to.is_none_or(|to| one.value == to)).collect();
        match fitting.as_slice() {
            [one] => Ok((now, one)),
            [] => Err(missing(&format!(
                "there is no Deployment that service/{service} could be pointed to by one label"
            ))
            .with_context("there are", known())),
            _ => Err(Error::new(ErrorKind::InvalidInput, "find colours", "it could be several")
                .with_context("there are", known())
                .with_hint("nothing was touched; name one with --to")),
        }
    }
}

/// The Deployment beside another one behind the same Service.
fn beside<'a>(stable: &Value, services: &[Object], deployments: &'a [Object]) -> Result<&'a Value> {
    let selects = |service: &Value, one: &Value| crate::rollout::selects(service, one);
    let behind: Vec<_> =
        services.iter().map(Object::expose).filter(|service| selects(service, stable)).collect();
    let others = deployments.iter().map(Object::expose).filter(|one| {
        object::uid(one) != object::uid(stable)
            && behind.iter().any(|service| selects(service, one))
    });
    let others: Vec<_> = others.collect();
    match others.as_slice() {
        [one] => Ok(one),
        [] => Err(missing(&format!(
            "no other Deployment gets requests of a Service that sends to deployment/{}",
            object::name(stable)
        ))),
        several => {
            let names: Vec<_> = several.iter().map(|one| object::name(one)).collect();
            Err(Error::new(ErrorKind::InvalidInput, "find canary", "it could be several")
                .with_context("there are", Printable(&names.join(", ")).to_string())
                .with_hint("nothing was touched; name one with --canary"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, labels: &Value) -> Object {
        Secret::new(json!({
            "metadata": {"name": name, "uid": name},
            "spec": {"template": {"metadata": {"labels": labels}}},
        }))
    }

    fn service(selector: &Value) -> Value {
        json!({"spec": {"selector": selector}})
    }

    #[test]
    fn the_other_colour_differs_by_one_label() {
        let all = [
            deployment("web-blue", &json!({"app": "web", "version": "blue"})),
            deployment("web-green", &json!({"app": "web", "version": "green"})),
            deployment("other", &json!({"app": "other", "version": "grey"})),
            deployment("others-green", &json!({"app": "other", "version": "green"})),
            deployment("bare", &json!({"app": "web"})),
        ];
        let web = ObjectName::new("web").unwrap();
        let green = service(&json!({"app": "web", "version": "green"}));
        let colours = Colours::of(&green, &all);
        let (now, other) = colours.choose(&web, None).unwrap();
        assert_eq!(object::name(now), "web-green");
        assert_eq!((other.key.as_str(), other.value.as_str()), ("version", "blue"));
        assert!(colours.choose(&web, Some("red")).is_err());
        for selector in [json!({}), json!({"app": "web"}), json!({"app": "none"})] {
            assert!(
                Colours::of(&service(&selector), &all).choose(&web, None).is_err(),
                "{selector}"
            );
        }
    }

    #[test]
    fn several_colours_want_a_name() {
        let all = ["blue", "green", "red"]
            .map(|colour| deployment(colour, &json!({"app": "web", "version": colour})));
        let green = service(&json!({"app": "web", "version": "green"}));
        let web = ObjectName::new("web").unwrap();
        let colours = Colours::of(&green, &all);
        let error = colours.choose(&web, None).err().unwrap().to_string();
        assert!(error.contains("version=blue") && error.contains("--to"), "{error}");
        assert_eq!(colours.choose(&web, Some("red")).unwrap().1.value, "red");
    }

    #[test]
    fn a_canary_is_behind_the_same_service() {
        let services = [Secret::new(service(&json!({"app": "web"})))];
        let stable = deployment("web", &json!({"app": "web", "track": "stable"}));
        let canary = deployment("web-canary", &json!({"app": "web", "track": "canary"}));
        let other = deployment("db", &json!({"app": "db"}));
        let all = [stable, canary, other];
        let found = beside(all[0].expose(), &services, &all).unwrap();
        assert_eq!(object::name(found), "web-canary");
        assert!(beside(all[2].expose(), &services, &all).is_err());
    }
}
