//! The strategy.

use std::time::Duration;

use serde_json::json;

use crate::error::{Error, ErrorKind, Result};
use crate::facts::Condition;
use crate::id::StepId;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::step::{Action, Phase, Step, StepKind, Undo};
use crate::strategy::{Goal, PlanRefusal, Request, Strategy};

/// A strategy for a [`MemoryPlatform`](super::MemoryPlatform): create first, then switch, verify, and
/// exchange the names.
/// The shape of the real strategies, and an example for yours.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Replace {
    /// Whether the old instance is removed in the end, which can't be undone.
    pub forget_old: bool,
}

impl Strategy for Replace {
    fn name(&self) -> &'static str {
        "replace"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let Goal::Release(to) = &request.to else {
            let refusal = Error::new(
                ErrorKind::NotFound,
                "plan",
                "there is no record of a release before this one",
            );
            return Err(refusal.into());
        };
        let Some(from) = &observation.running else {
            return Err(Error::new(ErrorKind::NotFound, "plan", "nothing runs").into());
        };
        if from.version.as_str().split('@').next() == Some(to.version.as_str()) {
            return Err(PlanRefusal::AlreadyThere(to.clone()));
        }
        let up = observation.detail.expose().get("up") == Some(&json!(true));
        let old = if up { "up" } else { "down" };
        let mut plan = Plan::new(self.name(), observation.target.clone(), from.clone(), to.clone());
        plan.starts = Condition::new().is("name", "old").is("old", old).is("new", "absent");
        plan.steps = self.steps(old)?;
        plan.checks.clone_from(&request.checks);
        plan.on_inconclusive = request.on_inconclusive;
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.check()?;
        Ok(plan)
    }
}

impl Replace {
    fn steps(self, old: &str) -> Result<Vec<Step>> {
        let is = |key: &str, value: &str| Condition::new().is(key, value);
        let step = |name: &str, phase, verb: &str, expects, makes, undo| {
            let action = Action::new(verb, serde_json::Value::Null);
            let step = Step::apply(StepId::new(name)?, phase, StepKind::Observable, name, action);
            Ok::<_, Error>(step.expects(expects).makes(makes).undo(undo))
        };
        let mut steps = vec![
            step(
                "create-new",
                Phase::Prepare,
                "create",
                is("new", "absent"),
                is("new", "created"),
                Undo::Restores(is("new", "absent").is("strays", "none")),
            )?,
            step(
                "hold-old",
                Phase::Switch,
                "hold",
                is("old.restart", "kept"),
                is("old.restart", "held"),
                Undo::Restores(is("old.restart", "kept")),
            )?,
            step(
                "stop-old",
                Phase::Switch,
                "stop",
                is("old", "up"),
                is("old", "down"),
                Undo::Restores(is("old", old)),
            )?,
            step(
                "start-new",
                Phase::Switch,
                "start",
                is("new", "created").is("old", "down"),
                is("new", "up"),
                Undo::Restores(Condition::new().is_any("new", ["absent", "created", "exited"])),
            )?,
            Step::verdict(StepId::new("verify")?, "verify", Duration::from_secs(90)),
            step(
                "set-aside",
                Phase::Commit,
                "set-aside",
                is("name", "old"),
                Condition::new().is_any("name", ["free", "new"]),
                Undo::Restores(is("name", "old")),
            )?,
            step(
                "take-over",
                Phase::Commit,
                "take-over",
                is("name", "free"),
                is("name", "new"),
                Undo::Restores(Condition::new().is_any("name", ["free", "old"])),
            )?,
            step(
                "clear",
                Phase::Commit,
                "clear",
                is("strays", "some"),
                is("strays", "none"),
                Undo::Nothing,
            )?,
        ];
        if self.forget_old {
            steps.push(step(
                "forget-old",
                Phase::Commit,
                "forget",
                is("old", "down"),
                is("old", "gone").is("old.restart", "gone"),
                Undo::Impossible,
            )?);
        }
        Ok(steps)
    }
}
