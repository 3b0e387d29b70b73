//! The verbs of this crate's plans: what a step tells the executor, as data.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Action, Error, ErrorKind, ImageRef, Result, Run, Step, Work};

use crate::dependents::act::{Act, Holder, Order};
use crate::names::{ContainerId, ContainerName, ImageId};
use crate::origin::Origin;

/// What a plan is about. It stands in the create step's arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// The service's name.
    pub(crate) name: ContainerName,
    /// The container that runs now.
    pub(crate) old: ContainerId,
}

/// Which container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    Old,
    New,
}

/// What shows that a container is ready, as seen from the private network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    /// Its own health check, run in it.
    pub(crate) healthcheck: bool,
    /// The TCP ports on its own address that accept.
    pub(crate) ports: Vec<u16>,
}

/// One step's instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "arguments", rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Gives the target image a tag of ours, so that no prune takes it.
    Protect { image: ImageId, tag: ImageRef },
    /// Creates the new container: with the old one's settings, unless they come from a kept one.
    Create {
        subject: Subject,
        image: ImageId,
        image_ref: String,
        spec: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// Connects the new container to one more network.
    Connect { network: String },
    /// Creates a copy of the old container, which stands in for it when its stop deletes it.
    CreateStandIn { image: ImageId, image_ref: String, spec: String },
    /// Connects the stand-in to one more network.
    ConnectStandIn { network: String },
    /// Nothing on the way forward, where the old container has the name. On the way back what stands in
    /// for it gets it.
    KeepName,
    /// Makes the private network on which the new container warms up.
    MakeWarmNetwork,
    /// Connects the new container to it.
    JoinWarm,
    /// Waits until the new container is ready there.
    WarmUp { gate: Gate },
    /// Takes the new container off it.
    LeaveWarm,
    /// Removes it.
    RemoveWarmNetwork,
    /// Takes a container off a network. The endpoint's settings are its way back.
    Leave { part: Part, network: String, endpoint: Value },
    /// Connects a container to a network.
    Join { part: Part, network: String, endpoint: Value },
    /// The engine shall not start the old container by itself any more. `was_up`: its undo starts it.
    Hold {
        policy: Value,
        #[serde(default)]
        was_up: bool,
    },
    /// Stops the old container.
    StopOld { grace_seconds: u64 },
    /// Starts the new container.
    StartNew { grace_seconds: u64 },
    /// The proxy's new requests go to the new container.
    PointTraffic { switch: String, port: u16, drain_seconds: u64 },
    /// Waits until the old container has finished the requests under way.
    DrainOld { limit_seconds: u64 },
    /// The old container gives up its name.
    SetAside,
    /// The new container gets it.
    TakeOver,
    /// Nothing that the run made is left beside the new container.
    ClearStrays,
    /// Does something to a container that holds on to the old one.
    Dependent { holder: Holder, act: Act },
    /// Removes a container that an earlier run put aside, never its volumes.
    Retire { kept: ContainerId },
    /// Removes the tag that protected its image.
    Unprotect { image: ImageId, tag: ImageRef },
}

impl Verb {
    /// The instruction as a plan keeps it.
    pub(crate) fn action(&self) -> Action {
        // An enum of plain data always becomes JSON.
        let value = serde_json::to_value(self).unwrap_or_default();
        let verb = value.get("verb").and_then(Value::as_str).unwrap_or_default().to_owned();
        Action::new(verb, value.get("arguments").cloned().unwrap_or_default())
    }

    /// The instruction of a step.
    ///
    /// # Errors
    /// `Unsupported` if the step is not one of this crate.
    pub(crate) fn of(step: &Step) -> Result<Self> {
        let Work::Apply(action) = &step.work else {
            return Err(unknown("a verdict"));
        };
        let mut value = serde_json::json!({ "verb": action.verb });
        if !action.arguments.is_null() {
            value["arguments"] = action.arguments.clone();
        }
        serde_json::from_value(value).map_err(|_| unknown(&action.verb))
    }
}

/// What a plan orders, read once.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) subject: Subject,
    pub(crate) new: Copy,
    /// The kept container that the new one has its settings from, if not from the old one.
    pub(crate) origin: Option<Origin>,
    pub(crate) networks: Vec<String>,
    pub(crate) stand_in: Option<Copy>,
    pub(crate) stand_in_networks: Vec<String>,
    pub(crate) protect: Option<(ImageId, ImageRef)>,
    /// What shows that the new container is ready, where it warms up before the switch.
    pub(crate) gate: Option<Gate>,
    /// The networks that the containers change places on, the primary one first.
    pub(crate) swapped: Vec<String>,
    /// Those who hold on to the old container and are recreated.
    pub(crate) dependents: Vec<Order>,
    /// The proxy whose traffic is moved.
    pub(crate) proxy: Option<Proxy>,
    /// The containers of earlier runs that are removed in the end.
    pub(crate) retired: Vec<ContainerId>,
    /// The tags that protected their images and go with them.
    pub(crate) unprotected: Vec<(ImageId, ImageRef)>,
}

/// A proxy whose traffic a run moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// The name of the switch that does it.
    pub(crate) switch: String,
    /// How long requests under way may take before what serves them is stopped.
    pub(crate) drain: Duration,
}

/// The old container once more, of this image.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) image: ImageId,
    pub(crate) image_ref: String,
    /// The hash of its settings.
    pub(crate) spec: String,
}

impl Orders {
    /// What a run's plan orders.
    ///
    /// # Errors
    /// `Unsupported` if the plan is not one of this crate.
    pub(crate) fn of(run: &Run) -> Result<Self> {
        let (mut created, mut stand_in, mut protect) = (None, None, None);
        let (mut networks, mut stand_in_networks) = (Vec::new(), Vec::new());
        let (mut gate, mut swapped, mut retired) = (None, Vec::new(), Vec::new());
        let (mut dependents, mut unprotected) = (Vec::new(), Vec::new());
        let mut proxy = None;
        for step in run.plan.steps.iter().filter(|step| step.work != Work::Verdict) {
            match Verb::of(step)? {
                Verb::Create { subject, image, image_ref, spec, origin } => {
                    created = Some((subject, Copy { image, image_ref, spec }, origin));
                }
                Verb::CreateStandIn { image, image_ref, spec } => {
                    stand_in = Some(Copy { image, image_ref, spec });
                }
                Verb::Connect { network } => networks.push(network),
                Verb::ConnectStandIn { network } => stand_in_networks.push(network),
                Verb::Protect { image, tag } => protect = Some((image, tag)),
                Verb::WarmUp { gate: found } => gate = Some(found),
                Verb::Join { part: Part::New, network, .. } => swapped.push(network),
                Verb::Retire { kept } => retired.push(kept),
                Verb::Unprotect { image, tag } => unprotected.push((image, tag)),
                Verb::Dependent { holder, act: Act::Create { image, image_ref, spec } } => {
                    dependents.push(Order { holder, copy: Copy { image, image_ref, spec } });
                }
                Verb::PointTraffic { switch, drain_seconds, .. } => {
                    proxy = Some(Proxy { switch, drain: Duration::from_secs(drain_seconds) });
                }
                _ => {}
            }
        }
        let (subject, new, origin) = created.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "read plan", "the plan creates no container")
                .with_hint("use the version that made the plan")
        })?;
        Ok(Self {
            subject,
            new,
            origin,
            networks,
            stand_in,
            stand_in_networks,
            protect,
            gate,
            swapped,
            dependents,
            proxy,
            retired,
            unprotected,
        })
    }
}

fn unknown(verb: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "read step", format!("`{verb}` is no step of this version"))
        .with_hint("use the version that made the plan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_survives_a_plan() {
        let image = ImageId::new(format!("sha256:{}", "a".repeat(64))).unwrap();
        let subject = Subject {
            name: ContainerName::new("web").unwrap(),
            old: ContainerId::new("b".repeat(64)).unwrap(),
        };
        for verb in [
            Verb::Protect { image: image.clone(), tag: "a:b".parse().unwrap() },
            Verb::Unprotect { image: image.clone(), tag: "a:b".parse().unwrap() },
            Verb::CreateStandIn {
                image: image.clone(),
                image_ref: String::from("a:b"),
                spec: String::from("c"),
            },
            Verb::ConnectStandIn { network: String::from("n") },
            Verb::Create {
                subject,
                image,
                image_ref: String::from("a:b"),
                spec: String::from("c"),
                origin: Some(Origin {
                    container: ContainerId::new("e".repeat(64)).unwrap(),
                    restart: serde_json::json!({"Name": "always"}),
                }),
            },
            Verb::Connect { network: String::from("n") },
            Verb::KeepName,
            Verb::MakeWarmNetwork,
            Verb::JoinWarm,
            Verb::WarmUp { gate: Gate { healthcheck: true, ports: vec![80] } },
            Verb::LeaveWarm,
            Verb::RemoveWarmNetwork,
            Verb::Leave {
                part: Part::Old,
                network: String::from("n"),
                endpoint: serde_json::json!({"Aliases": ["web"]}),
            },
            Verb::Join {
                part: Part::New,
                network: String::from("n"),
                endpoint: serde_json::json!({}),
            },
            Verb::Hold { policy: serde_json::json!({"Name": "always"}), was_up: true },
            Verb::StopOld { grace_seconds: 10 },
            Verb::StartNew { grace_seconds: 10 },
            Verb::PointTraffic {
                switch: String::from("kamal:kamal-proxy/web:80"),
                port: 80,
                drain_seconds: 30,
            },
            Verb::DrainOld { limit_seconds: 30 },
            Verb::SetAside,
            Verb::TakeOver,
            Verb::ClearStrays,
            Verb::Dependent {
                holder: Holder {
                    id: ContainerId::new("f".repeat(64)).unwrap(),
                    name: ContainerName::new("sidecar").unwrap(),
                },
                act: Act::Stop { grace_seconds: 3 },
            },
            Verb::Retire { kept: ContainerId::new("d".repeat(64)).unwrap() },
        ] {
            let step = Step::apply(
                stillme_rollback_core::StepId::new("x").unwrap(),
                stillme_rollback_core::Phase::Prepare,
                stillme_rollback_core::StepKind::Observable,
                "x",
                verb.action(),
            );
            let text = serde_json::to_string(&step).unwrap();
            let step: Step = serde_json::from_str(&text).unwrap();
            assert_eq!(Verb::of(&step).unwrap(), verb);
        }
    }
}
