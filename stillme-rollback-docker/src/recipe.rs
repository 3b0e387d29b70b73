//! The steps that the plans of a container are made of, from what was observed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{Condition, HashKey, Phase, Result, Step, StepId, StepKind, Undo};

use crate::action::Verb;
use crate::detail::{Kept, text};
use crate::groundwork::Groundwork;
use crate::images::protecting_tag;
use crate::names::ImageId;
use crate::scene::{self, key};

/// The engine's own grace period when a container does not set one.
const DEFAULT_GRACE: u64 = 10;

/// How long the new container gets to stop when it is taken back. It failed its verdict: what it
/// still has to do is worth less than the service.
pub(crate) const GRACE_OF_FAILED: u64 = 3;

/// What the steps are made of.
pub(crate) struct Recipe<'a> {
    pub(crate) ground: &'a Groundwork,
    pub(crate) deadline: Duration,
    spec: String,
}

impl<'a> Recipe<'a> {
    /// The steps on this ground.
    pub(crate) fn of(ground: &'a Groundwork, key: &HashKey, deadline: Duration) -> Self {
        Self { ground, deadline, spec: ground.recreated.spec_hash(key) }
    }

    /// What must hold before the first step.
    pub(crate) fn starts(&self) -> Condition {
        let restart = scene::restart_fact(self.container());
        let old = is(key::NAME, "old").is(key::NEW, "absent").is(key::OLD_RESTART, restart);
        self.with_origin(old)
    }

    /// The condition, and that the container whose settings are taken back is there.
    fn with_origin(&self, condition: Condition) -> Condition {
        match self.ground.origin {
            Some(_) => condition.is(key::ORIGIN, "there"),
            None => condition,
        }
    }

    fn container(&self) -> &Value {
        &self.ground.detail.container
    }

    pub(crate) fn step(
        &self,
        id: &str,
        phase: Phase,
        title: impl Into<String>,
        verb: &Verb,
    ) -> Result<Step> {
        Ok(Step::apply(StepId::new(id)?, phase, StepKind::Observable, title, verb.action()))
    }

    pub(crate) fn name(&self) -> &str {
        self.ground.subject.name.as_str()
    }

    /// `web (3f2a…)`: by its name for people, by its id for certainty.
    pub(crate) fn old(&self) -> String {
        format!("{} ({})", self.name(), self.ground.subject.old.short())
    }

    pub(crate) fn waiting(&self) -> String {
        format!("{}.rbn-{{run8}}", self.name())
    }

    /// The name that the old container is kept under.
    pub(crate) fn aside(&self) -> String {
        format!("{}.rbo-{{run8}}", self.name())
    }

    pub(crate) fn protect(&self) -> Result<Option<Step>> {
        let (image, known) = (&self.ground.image, &self.ground.detail.protected);
        let tag = protecting_tag(image, &self.ground.subject.name)?;
        if known.get(tag.as_str()).is_some_and(|id| id == image.as_str()) {
            return Ok(None);
        }
        let title = format!("tag image {} as {tag}, so that no prune takes it", image.short());
        let verb = Verb::Protect { image: image.clone(), tag: tag.clone() };
        let step = self
            .step("protect-image", Phase::Prepare, title, &verb)?
            .expects(Condition::new().is_any(key::PROTECTED, ["absent", "moved"]))
            .makes(is(key::PROTECTED, "set"))
            .undo(Undo::Restores(Condition::new().is_any(key::PROTECTED, ["absent", "moved"])))
            .by_hand(
                format!("docker tag {} {tag}", image.short()),
                Some(format!("docker rmi --no-prune {tag}")),
            );
        Ok(Some(step))
    }

    pub(crate) fn create(&self) -> Result<Step> {
        let verb = Verb::Create {
            subject: self.ground.subject.clone(),
            image: self.ground.image.clone(),
            image_ref: self.ground.image_ref.as_str().to_owned(),
            spec: self.spec.clone(),
            origin: self.ground.origin.clone(),
        };
        let settings = self
            .ground
            .origin
            .as_ref()
            .map(|origin| format!(" with the settings of {}", origin.container.short()));
        let title = format!(
            "create the new container from {} ({}){}",
            self.ground.image_ref,
            self.ground.image.short(),
            settings.unwrap_or_default()
        );
        let undo = is(key::NEW, "absent").is(key::STRAYS, "none");
        let step = self
            .step("create-new", Phase::Prepare, title, &verb)?
            .expects(self.with_origin(is(key::NEW, "absent")))
            .makes(is(key::NEW, "created"))
            .undo(Undo::Restores(undo))
            .with_deadline(Duration::from_secs(60))
            .by_hand("rollback resume {run}", Some(format!("docker rm {}", self.waiting())));
        Ok(step)
    }

    /// Connects the new container to one more network. It is not started yet.
    pub(crate) fn connect(&self, index: usize, network: &str) -> Result<Step> {
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

    /// So that no restart of the engine brings the old one back beside the new one. Its undo brings it back
    /// where nothing else does: an engine that was killed has taken it down, and was told not to start it.
    pub(crate) fn hold(&self) -> Result<Step> {
        let restart = scene::restart_fact(self.container());
        let policy = self.container().pointer("/HostConfig/RestartPolicy").cloned();
        let policy = policy.unwrap_or_else(|| json!({"Name": "no"}));
        let (back, old) = (restart_option(&policy), self.ground.subject.old.short());
        let title = format!("let the engine not restart {} by itself", self.old());
        let step = self
            .step("hold-old", Phase::Switch, title, &Verb::Hold { policy, was_up: self.was_up() })?
            .expects(is(key::OLD_RESTART, restart))
            .makes(is(key::OLD_RESTART, "held"))
            .undo(Undo::Restores(self.old_as_before().is(key::OLD_RESTART, restart)))
            .by_hand(
                format!("docker update --restart=no {old}"),
                Some(format!("docker update --restart={back} {old}")),
            );
        Ok(step)
    }

    pub(crate) fn verdict(&self) -> Result<Step> {
        Ok(Step::verdict(StepId::new("verify")?, "check that it works", self.deadline))
    }

    /// Stops the old container. `before` is what holds again after the undo.
    pub(crate) fn stop_old(&self, phase: Phase, before: Condition) -> Result<Step> {
        // What does not hear the signal would only serve on until it is killed.
        let grace = if self.ground.detail.deaf { 0 } else { grace(self.container()) };
        let verb = Verb::StopOld { grace_seconds: grace };
        let old = self.ground.subject.old.short();
        let step = self
            .step("stop-old", phase, format!("stop {}", self.old()), &verb)?
            .expects(is(key::OLD, "up"))
            .makes(is(key::OLD, "down"))
            .undo(Undo::Restores(before))
            .with_deadline(Duration::from_secs(grace + 60))
            .by_hand(format!("docker stop {old}"), Some(format!("docker start {old}")));
        Ok(step)
    }

    /// A container that did not run steadily, or without its ports, is not expected to do so afterwards.
    pub(crate) fn old_as_before(&self) -> Condition {
        if self.was_up() && scene::is_published(self.container()) {
            is(key::OLD, "up").is(key::OLD_PORTS, "published")
        } else if self.was_up() {
            is(key::OLD, "up")
        } else {
            Condition::new().is_any(key::OLD, ["up", "down"])
        }
    }

    fn was_up(&self) -> bool {
        matches!(text(self.container(), "/State/Status"), "running" | "paused")
    }

    /// Starts the new container. `before` is what must hold besides.
    pub(crate) fn start_new(&self, phase: Phase, before: Condition) -> Result<Step> {
        let grace = grace(self.container()).min(GRACE_OF_FAILED);
        let not_up = Condition::new().is_any(key::NEW, ["absent", "created", "exited"]);
        let step = self
            .step(
                "start-new",
                phase,
                "start the new container",
                &Verb::StartNew { grace_seconds: grace },
            )?
            .expects(before.is(key::NEW, "created"))
            .makes(is(key::NEW, "up"))
            .undo(Undo::Restores(not_up))
            .with_deadline(Duration::from_secs(60))
            .by_hand(
                format!("docker start {}", self.waiting()),
                Some(format!("docker stop {}", self.waiting())),
            );
        Ok(step)
    }

    pub(crate) fn set_aside(&self) -> Result<Step> {
        let aside = self.aside();
        let old = self.ground.subject.old.short();
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

    pub(crate) fn take_over(&self) -> Result<Step> {
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

    /// Removes what earlier runs put aside beyond the newest generations, of those who hold on to it as
    /// well, and the tags of ours that protected their images. This run's old container is the first
    /// generation. What runs is needed by somebody and stays.
    pub(crate) fn retire(&self, generations: usize) -> Result<Vec<Step>> {
        let detail = &self.ground.detail;
        let old: Vec<_> = beyond(&detail.kept, generations).collect();
        let dependents = detail.held.iter().flat_map(|held| beyond(&held.kept, generations));
        let mut steps = old
            .iter()
            .copied()
            .chain(dependents)
            .enumerate()
            .map(|(index, kept)| self.remove(index, kept))
            .collect::<Result<Vec<_>>>()?;
        let stays = |kept: &&Kept| !old.iter().any(|old| old.id == kept.id);
        let needed = detail.kept.iter().filter(stays).filter_map(|kept| self.image_of(kept));
        let mut needed: BTreeSet<_> = needed.collect();
        needed.insert(self.ground.image.clone());
        let images: BTreeSet<_> = old.iter().filter_map(|kept| self.image_of(kept)).collect();
        for image in images.difference(&needed) {
            steps.extend(self.unprotect(steps.len(), image)?);
        }
        Ok(steps)
    }

    fn image_of(&self, kept: &Kept) -> Option<ImageId> {
        let container = self.ground.detail.kept_containers.get(kept.id.as_str())?;
        ImageId::new(text(container, "/Image")).ok()
    }

    fn remove(&self, index: usize, kept: &Kept) -> Result<Step> {
        let fact = key::kept(&kept.id);
        let title = format!("remove {}, of an older version", kept.name);
        let verb = Verb::Retire { kept: kept.id.clone() };
        let step = self
            .step(&format!("retire.{}", index + 1), Phase::Commit, title, &verb)?
            .expects(is(&fact, "there"))
            .makes(Condition::new().is_any(&fact, ["gone", "running"]))
            .undo(Undo::Impossible)
            .by_hand(format!("docker rm {}", kept.name), None);
        Ok(step)
    }

    /// The image goes with its last name, and a container of any kind keeps it.
    fn unprotect(&self, index: usize, image: &ImageId) -> Result<Option<Step>> {
        let tag = protecting_tag(image, &self.ground.subject.name)?;
        let known = self.ground.detail.protected.get(tag.as_str());
        if known.is_none_or(|id| id != image.as_str()) {
            return Ok(None);
        }
        let fact = key::tag(image);
        let title = format!("remove tag {tag}, and the image if nothing else names it");
        let verb = Verb::Unprotect { image: image.clone(), tag: tag.clone() };
        let step = self
            .step(&format!("unprotect.{}", index + 1), Phase::Commit, title, &verb)?
            .expects(is(&fact, "set"))
            .makes(Condition::new().is_any(&fact, ["absent", "moved", "needed"]))
            .undo(Undo::Impossible)
            .by_hand(format!("docker rmi --no-prune {tag}"), None);
        Ok(Some(step))
    }

    /// Nearly always there is nothing to do: it is there for a create whose answer was lost and
    /// which happened twice.
    pub(crate) fn clear_strays(&self) -> Result<Step> {
        let title = "make sure that nothing else is left of this run";
        let step = self
            .step("clear-strays", Phase::Commit, title, &Verb::ClearStrays)?
            .expects(is(key::STRAYS, "some"))
            .makes(is(key::STRAYS, "none"))
            .by_hand(format!("docker rm {}", self.waiting()), None);
        Ok(step)
    }
}

/// The kept containers that are more than enough, newest first.
fn beyond(kept: &[Kept], generations: usize) -> impl Iterator<Item = &Kept> {
    kept.iter().filter(|kept| !kept.runs).skip(generations.saturating_sub(1))
}

/// How many containers of earlier versions are kept unless somebody says otherwise.
pub(crate) const GENERATIONS: usize = 2;

/// How long a container gets to stop, in seconds.
pub(crate) fn grace(container: &Value) -> u64 {
    container.pointer("/Config/StopTimeout").and_then(Value::as_u64).unwrap_or(DEFAULT_GRACE)
}

pub(crate) fn is(key: &str, value: &str) -> Condition {
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

/// An endpoint's settings as options of the docker command, as far as it has them.
pub(crate) fn connect_options(endpoint: &Value) -> String {
    let mut options = String::new();
    for (field, option) in [("IPv4Address", "--ip"), ("IPv6Address", "--ip6")] {
        if let Some(address) = endpoint["IPAMConfig"][field].as_str() {
            options.push_str(&format!(" {option} {address}"));
        }
    }
    for alias in endpoint["Aliases"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        options.push_str(&format!(" --alias {alias}"));
    }
    options
}
