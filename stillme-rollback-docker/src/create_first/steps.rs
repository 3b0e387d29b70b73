//! The steps of `create-first`, from what was observed.

use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{Condition, ImageRef, Phase, Result, Step, StepId, StepKind, Undo};

use crate::action::{Subject, Verb};
use crate::detail::{Detail, text};
use crate::images::protecting_tag;
use crate::names::ImageId;

use super::stand_in::StandIn;
use crate::scene::{self, key};

/// The engine's own grace period when a container does not set one.
const DEFAULT_GRACE: u64 = 10;

/// How long the new container gets to stop when it is taken back. It failed its verdict: what it
/// still has to do is worth less than the service.
const GRACE_OF_FAILED: u64 = 3;

/// What the steps are made of.
pub(super) struct Recipe<'a> {
    pub(super) subject: Subject,
    pub(super) image: ImageId,
    pub(super) image_ref: ImageRef,
    pub(super) spec: String,
    pub(super) networks: Vec<String>,
    /// Where the stop of the old container deletes it.
    pub(super) stand_in: Option<StandIn>,
    pub(super) detail: &'a Detail,
    pub(super) deadline: Duration,
}

impl Recipe<'_> {
    /// What must hold before the first step.
    pub(super) fn starts(&self) -> Condition {
        let restart = scene::restart_fact(&self.detail.container);
        is(key::NAME, "old").is(key::NEW, "absent").is(key::OLD_RESTART, restart)
    }

    /// The steps in their order.
    pub(super) fn steps(&self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        steps.extend(self.protect()?);
        steps.push(self.create()?);
        for (index, network) in self.networks.iter().enumerate() {
            steps.push(self.connect(index, network)?);
        }
        if let Some(stand_in) = &self.stand_in {
            steps.push(self.create_stand_in(stand_in)?);
            for (index, network) in stand_in.networks.iter().enumerate() {
                steps.push(self.connect_stand_in(index, network)?);
            }
        }
        steps.extend(self.hold()?);
        steps.push(self.stop_old()?);
        steps.push(self.start_new()?);
        steps.push(Step::verdict(StepId::new("verify")?, "check that it works", self.deadline));
        steps.push(self.set_aside()?);
        steps.push(self.take_over()?);
        steps.push(self.clear_strays()?);
        Ok(steps)
    }

    fn step(&self, id: &str, phase: Phase, title: impl Into<String>, verb: &Verb) -> Result<Step> {
        Ok(Step::apply(StepId::new(id)?, phase, StepKind::Observable, title, verb.action()))
    }

    fn name(&self) -> &str {
        self.subject.name.as_str()
    }

    /// `web (3f2a…)`: by its name for people, by its id for certainty.
    fn old(&self) -> String {
        format!("{} ({})", self.name(), self.subject.old.short())
    }

    fn waiting(&self) -> String {
        format!("{}.rbn-{{run8}}", self.name())
    }

    fn protect(&self) -> Result<Option<Step>> {
        let tag = protecting_tag(&self.image, &self.subject.name)?;
        if self.detail.protected.get(tag.as_str()).is_some_and(|id| id == self.image.as_str()) {
            return Ok(None);
        }
        let title = format!("tag image {} as {tag}, so that no prune takes it", self.image.short());
        let verb = Verb::Protect { image: self.image.clone(), tag: tag.clone() };
        let step = self
            .step("protect-image", Phase::Prepare, title, &verb)?
            .expects(Condition::new().is_any(key::PROTECTED, ["absent", "moved"]))
            .makes(is(key::PROTECTED, "set"))
            .undo(Undo::Restores(Condition::new().is_any(key::PROTECTED, ["absent", "moved"])))
            .by_hand(
                format!("docker tag {} {tag}", self.image.short()),
                Some(format!("docker rmi --no-prune {tag}")),
            );
        Ok(Some(step))
    }

    fn create(&self) -> Result<Step> {
        let verb = Verb::Create {
            subject: self.subject.clone(),
            image: self.image.clone(),
            image_ref: self.image_ref.as_str().to_owned(),
            spec: self.spec.clone(),
        };
        let title =
            format!("create the new container from {} ({})", self.image_ref, self.image.short());
        let undo = is(key::NEW, "absent").is(key::STRAYS, "none");
        let step = self
            .step("create-new", Phase::Prepare, title, &verb)?
            .expects(is(key::NEW, "absent"))
            .makes(is(key::NEW, "created"))
            .undo(Undo::Restores(undo))
            .with_deadline(Duration::from_secs(60))
            .by_hand("rollback resume {run}", Some(format!("docker rm {}", self.waiting())));
        Ok(step)
    }

    fn connect(&self, index: usize, network: &str) -> Result<Step> {
        let verb = Verb::Connect { network: network.to_owned() };
        let fact = key::network(network);
        let id = format!("connect-new.{}", index + 1);
        let step = self
            .step(&id, Phase::Prepare, format!("connect the new container to {network}"), &verb)?
            .expects(is(&fact, "apart"))
            .makes(is(&fact, "joined"))
            .by_hand(format!("docker network connect {network} {}", self.waiting()), None);
        Ok(step)
    }

    fn aside(&self) -> String {
        format!("{}.rbo-{{run8}}", self.name())
    }

    fn create_stand_in(&self, stand_in: &StandIn) -> Result<Step> {
        let title = format!("create a copy of {} as the way back to it", self.old());
        let step = self
            .step("create-stand-in", Phase::Prepare, title, &stand_in.verb())?
            .expects(is(key::STAND_IN, "absent").is(key::OLD, "up"))
            .makes(Condition::new().is_any(key::STAND_IN, ["ready", "needed"]))
            .undo(Undo::Restores(Condition::new().is_any(key::STAND_IN, ["absent", "needed"])))
            .with_deadline(Duration::from_secs(60))
            .by_hand("rollback resume {run}", Some(format!("docker rm {}", self.aside())));
        Ok(step)
    }

    fn connect_stand_in(&self, index: usize, network: &str) -> Result<Step> {
        let verb = Verb::ConnectStandIn { network: network.to_owned() };
        let fact = key::stand_in_network(network);
        let id = format!("connect-stand-in.{}", index + 1);
        let step = self
            .step(&id, Phase::Prepare, format!("connect the copy to {network}"), &verb)?
            .expects(is(&fact, "apart"))
            .makes(is(&fact, "joined"))
            .by_hand(format!("docker network connect {network} {}", self.aside()), None);
        Ok(step)
    }

    /// So that no restart of the engine brings the old one back beside the new one.
    fn hold(&self) -> Result<Option<Step>> {
        if scene::restart_fact(&self.detail.container) == "held" {
            return Ok(None);
        }
        let policy = self.detail.container.pointer("/HostConfig/RestartPolicy").cloned();
        let policy = policy.unwrap_or_else(|| json!({"Name": "no"}));
        let back = restart_option(&policy);
        let title = format!("let the engine not restart {} by itself", self.old());
        let step = self
            .step("hold-old", Phase::Switch, title, &Verb::Hold { policy })?
            .expects(is(key::OLD_RESTART, "kept"))
            .makes(is(key::OLD_RESTART, "held"))
            .undo(Undo::Restores(is(key::OLD_RESTART, "kept")))
            .by_hand(
                format!("docker update --restart=no {}", self.subject.old.short()),
                Some(format!("docker update --restart={back} {}", self.subject.old.short())),
            );
        Ok(Some(step))
    }

    fn stop_old(&self) -> Result<Step> {
        let grace = grace(&self.detail.container);
        let verb = Verb::StopOld { grace_seconds: grace };
        let old = self.subject.old.short();
        let (undo, by_hand) = if self.stand_in.is_some() {
            let (name, aside) = (self.name(), self.aside());
            let by_hand = format!("docker rename {aside} {name} && docker start {name}");
            (is(key::OLD, "up").is(key::NAME, "old"), by_hand)
        } else {
            (self.old_as_before(), format!("docker start {old}"))
        };
        let step = self
            .step("stop-old", Phase::Switch, format!("stop {}", self.old()), &verb)?
            .expects(is(key::OLD, "up"))
            .makes(is(key::OLD, "down"))
            .undo(Undo::Restores(undo))
            .with_deadline(Duration::from_secs(grace + 60))
            .by_hand(format!("docker stop {old}"), Some(by_hand));
        Ok(step)
    }

    /// A container that did not run steadily is not expected to do so afterwards.
    fn old_as_before(&self) -> Condition {
        match text(&self.detail.container, "/State/Status") {
            "running" | "paused" => is(key::OLD, "up"),
            _ => Condition::new().is_any(key::OLD, ["up", "down"]),
        }
    }

    fn start_new(&self) -> Result<Step> {
        let verb =
            Verb::StartNew { grace_seconds: grace(&self.detail.container).min(GRACE_OF_FAILED) };
        let not_up = Condition::new().is_any(key::NEW, ["absent", "created", "exited"]);
        let step = self
            .step("start-new", Phase::Switch, "start the new container", &verb)?
            .expects(is(key::NEW, "created").is(key::OLD, "down"))
            .makes(is(key::NEW, "up"))
            .undo(Undo::Restores(not_up))
            .with_deadline(Duration::from_secs(60))
            .by_hand(
                format!("docker start {}", self.waiting()),
                Some(format!("docker stop {}", self.waiting())),
            );
        Ok(step)
    }

    fn set_aside(&self) -> Result<Step> {
        let aside = self.aside();
        let old = self.subject.old.short();
        let title = format!("keep the old container {old} under another name");
        let step = self
            .step("set-aside-old", Phase::Commit, title, &Verb::SetAside)?
            .expects(is(key::NAME, "old"))
            .makes(Condition::new().is_any(key::NAME, ["free", "new"]))
            .undo(Undo::Restores(is(key::NAME, "old")))
            .by_hand(
                format!("docker rename {old} {aside}"),
                Some(format!("docker rename {old} {}", self.name())),
            );
        Ok(step)
    }

    fn take_over(&self) -> Result<Step> {
        let title = format!("give the new container the name {}", self.name());
        let not_ours = Condition::new().is_any(key::NAME, ["free", "old"]);
        let step = self
            .step("take-over-name", Phase::Commit, title, &Verb::TakeOver)?
            .expects(is(key::NAME, "free"))
            .makes(is(key::NAME, "new"))
            .undo(Undo::Restores(not_ours))
            .by_hand(
                format!("docker rename {} {}", self.waiting(), self.name()),
                Some(format!("docker rename {} {}", self.name(), self.waiting())),
            );
        Ok(step)
    }

    /// Nearly always there is nothing to do: it is there for a create whose answer was lost and
    /// which happened twice.
    fn clear_strays(&self) -> Result<Step> {
        let title = "make sure that nothing else is left of this run";
        let step = self
            .step("clear-strays", Phase::Commit, title, &Verb::ClearStrays)?
            .expects(is(key::STRAYS, "some"))
            .makes(is(key::STRAYS, "none"))
            .by_hand(format!("docker rm {}", self.waiting()), None);
        Ok(step)
    }
}

/// How long a container gets to stop, in seconds.
pub(crate) fn grace(container: &Value) -> u64 {
    container.pointer("/Config/StopTimeout").and_then(Value::as_u64).unwrap_or(DEFAULT_GRACE)
}

fn is(key: &str, value: &str) -> Condition {
    Condition::new().is(key, value)
}

/// A restart policy as the docker command takes it.
pub(crate) fn restart_option(policy: &Value) -> String {
    let name = policy.get("Name").and_then(Value::as_str).unwrap_or("no");
    match policy.get("MaximumRetryCount").and_then(Value::as_u64) {
        Some(count) if count > 0 => format!("{name}:{count}"),
        _ => name.to_owned(),
    }
}
