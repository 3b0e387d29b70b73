//! The steps for those who hold on to the container.
//!
//! What shares a namespace loses it when the old container stops, so they stop before it and start
//! again with the new one before the verdict. Everything is undone in reverse: the old ones find the old
//! container in its place.

use std::time::Duration;

use stillme_rollback_core::{Condition, Phase, Result, Step, Undo};

use crate::action::Verb;
use crate::dependents::act::{Act, Holder};
use crate::dependents::recreated::Plan;
use crate::dependents::scene::key;
use crate::recipe::{self, Recipe, is, restart_option};
use crate::scene::{self, key as service};

/// The steps for one dependent.
pub(super) struct Steps<'a> {
    recipe: &'a Recipe<'a>,
    plan: &'a Plan,
    /// From one on, in the order of names.
    number: usize,
}

impl<'a> Steps<'a> {
    pub(super) fn of(recipe: &'a Recipe<'a>, plans: &'a [Plan]) -> Vec<Self> {
        plans.iter().zip(1..).map(|(plan, number)| Self { recipe, plan, number }).collect()
    }

    fn holder(&self) -> &Holder {
        &self.plan.holder
    }

    fn waiting(&self) -> String {
        format!("{}.rbn-{{run8}}", self.holder().name)
    }

    fn aside(&self) -> String {
        format!("{}.rbo-{{run8}}", self.holder().name)
    }

    fn runs(&self) -> bool {
        crate::detail::text(&self.plan.container, "/State/Status") == "running"
    }

    fn step(&self, id: &str, phase: Phase, title: String, act: Act) -> Result<Step> {
        let verb = Verb::Dependent { holder: self.holder().clone(), act };
        self.recipe.step(&format!("{id}.{}", self.number), phase, title, &verb)
    }

    pub(super) fn create(&self) -> Result<Step> {
        let (copy, new) = (self.plan.copy.clone(), key::new(&self.holder().id));
        let act = Act::Create { image: copy.image, image_ref: copy.image_ref, spec: copy.spec };
        let title = format!("create {} once more, on the new container", self.plan.dependent);
        let undo = is(&new, "absent").is(&key::strays(&self.holder().id), "none");
        let step = self
            .step("create-dependent", Phase::Prepare, title, act)?
            .expects(is(&new, "absent").is(service::NEW, "created"))
            .makes(is(&new, "created"))
            .undo(Undo::Restores(undo))
            .with_deadline(Duration::from_secs(60))
            .by_hand("rollback resume {run}", Some(format!("docker rm {}", self.waiting())));
        Ok(step)
    }

    pub(super) fn hold(&self) -> Result<Option<Step>> {
        if scene::restart_fact(&self.plan.container) == "held" {
            return Ok(None);
        }
        let (fact, id) = (key::restart(&self.holder().id), self.holder().id.short());
        let policy = self.plan.container.pointer("/HostConfig/RestartPolicy").cloned();
        let policy = policy.unwrap_or_default();
        let back = restart_option(&policy);
        let title = format!("let the engine not restart {} by itself", self.holder().name);
        let step = self
            .step(
                "hold-dependent",
                Phase::Switch,
                title,
                Act::Hold { policy, was_up: self.runs() },
            )?
            .expects(is(&fact, "kept"))
            .makes(is(&fact, "held"))
            .undo(Undo::Restores(self.as_before().is_any(&fact, ["kept", "gone"])))
            .by_hand(
                format!("docker update --restart=no {id}"),
                Some(format!("docker update --restart={back} {id}")),
            );
        Ok(Some(step))
    }

    /// An engine that was killed has taken it down, and was told not to start it.
    fn as_before(&self) -> Condition {
        let old = key::old(&self.holder().id);
        if self.runs() { Condition::new().is_any(&old, ["up", "gone"]) } else { Condition::new() }
    }

    /// One that does not run has nothing to stop.
    pub(super) fn stop(&self) -> Result<Option<Step>> {
        if !self.runs() {
            return Ok(None);
        }
        let (fact, id) = (key::old(&self.holder().id), self.holder().id.short());
        let grace = recipe::grace(&self.plan.container);
        let title = format!("stop {} ({id})", self.holder().name);
        let step = self
            .step("stop-dependent", Phase::Switch, title, Act::Stop { grace_seconds: grace })?
            .expects(is(&fact, "up"))
            .makes(is(&fact, "down"))
            .undo(Undo::Restores(Condition::new().is_any(&fact, ["up", "gone"])))
            .with_deadline(Duration::from_secs(grace + 60))
            .by_hand(format!("docker stop {id}"), Some(format!("docker start {id}")));
        Ok(Some(step))
    }

    pub(super) fn start(&self) -> Result<Option<Step>> {
        if !self.runs() {
            return Ok(None);
        }
        let fact = key::new(&self.holder().id);
        let grace = recipe::grace(&self.plan.container).min(recipe::GRACE_OF_FAILED);
        let title = format!("start the new {}", self.holder().name);
        let not_up = Condition::new().is_any(&fact, ["absent", "created", "exited"]);
        let step = self
            .step("start-dependent", Phase::Switch, title, Act::Start { grace_seconds: grace })?
            .expects(is(service::NEW, "up").is(&fact, "created"))
            .makes(is(&fact, "up"))
            .undo(Undo::Restores(not_up))
            .with_deadline(Duration::from_secs(60))
            .by_hand(
                format!("docker start {}", self.waiting()),
                Some(format!("docker stop {}", self.waiting())),
            );
        Ok(Some(step))
    }

    pub(super) fn set_aside(&self) -> Result<Step> {
        let (fact, name) = (key::name(&self.holder().id), &self.holder().name);
        let (id, aside) = (self.holder().id.short(), self.aside());
        let title = format!("keep the old {name} ({id}) under another name");
        let step = self
            .step("set-aside-dependent", Phase::Commit, title, Act::SetAside)?
            .expects(is(&fact, "old"))
            .makes(Condition::new().is_any(&fact, ["free", "lost", "new"]))
            .undo(Undo::Restores(Condition::new().is_any(&fact, ["old", "lost"])))
            .by_hand(
                format!("docker rename {id} {aside}"),
                Some(format!("docker rename {id} {name}")),
            );
        Ok(step)
    }

    pub(super) fn take_over(&self) -> Result<Step> {
        let (fact, name) = (key::name(&self.holder().id), &self.holder().name);
        let step = self
            .step(
                "dependent-takes-over",
                Phase::Commit,
                format!("give the new one the name {name}"),
                Act::TakeOver,
            )?
            .expects(Condition::new().is_any(&fact, ["free", "lost"]))
            .makes(is(&fact, "new"))
            .undo(Undo::Restores(Condition::new().is_any(&fact, ["free", "lost", "old"])))
            .by_hand(
                format!("docker rename {} {name}", self.waiting()),
                Some(format!("docker rename {name} {}", self.waiting())),
            );
        Ok(step)
    }

    /// For a create whose answer was lost and which happened twice.
    pub(super) fn clear_strays(&self) -> Result<Step> {
        let fact = key::strays(&self.holder().id);
        let title = format!(
            "make sure that nothing else is left of this run beside {}",
            self.holder().name
        );
        let step = self
            .step("clear-strays-of-dependent", Phase::Commit, title, Act::ClearStrays)?
            .expects(is(&fact, "some"))
            .makes(is(&fact, "none"))
            .by_hand(format!("docker rm {}", self.waiting()), None);
        Ok(step)
    }
}
