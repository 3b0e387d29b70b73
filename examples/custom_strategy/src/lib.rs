//! A strategy of one's own: hand over the name first, then decide.
//!
//! Clients that find a service by its name see nothing of a new instance that waits under another
//! one. So [`HandOver`] gives the name away within the switch, before the verdict, and takes it back
//! with everything else when the verdict is bad. `tests/hand_over.rs` shows how little it takes to
//! test a strategy against every fault and crash.

use std::time::Duration;

use stillme_rollback_core::{
    Action, Condition, Error, ErrorKind, Goal, Observation, Phase, Plan, PlanRefusal, Request,
    Result, Step, StepId, StepKind, Strategy, Undo,
};

/// Create, stop the old one, exchange the names, start, and only then decide.
#[derive(Clone, Copy, Debug)]
pub struct HandOver;

impl Strategy for HandOver {
    fn name(&self) -> &'static str {
        "hand-over"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let Goal::Release(to) = &request.to else {
            return Err(refusal("say which release: nothing records what ran before").into());
        };
        let from = observation.running.as_ref().ok_or_else(|| refusal("nothing runs"))?;
        // On this platform the running version is told as `version@instance`.
        if from.version.as_str().split('@').next() == Some(to.version.as_str()) {
            return Err(PlanRefusal::AlreadyThere(to.clone()));
        }
        let mut plan = Plan::new(self.name(), observation.target.clone(), from.clone(), to.clone());
        plan.starts = is("name", "old").is("old", "up").is("new", "absent");
        plan.steps = steps()?;
        plan.checks.clone_from(&request.checks);
        plan.on_inconclusive = request.on_inconclusive;
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.expected_outage = String::from("from the stop until the new one answers");
        plan.check()?;
        Ok(plan)
    }
}

fn steps() -> Result<Vec<Step>> {
    use Phase::{Commit, Prepare, Switch};
    Ok(vec![
        step("create-new", Prepare, "create")?
            .expects(is("new", "absent"))
            .makes(is("new", "created"))
            .undo(Undo::Restores(is("new", "absent").is("strays", "none"))),
        step("hold-old", Switch, "hold")?
            .expects(is("old.restart", "kept"))
            .makes(is("old.restart", "held"))
            .undo(Undo::Restores(is("old.restart", "kept"))),
        step("stop-old", Switch, "stop")?
            .expects(is("old", "up"))
            .makes(is("old", "down"))
            .undo(Undo::Restores(is("old", "up"))),
        step("free-the-name", Switch, "set-aside")?
            .expects(is("name", "old"))
            .makes(Condition::new().is_any("name", ["free", "new"]))
            .undo(Undo::Restores(is("name", "old"))),
        step("take-the-name", Switch, "take-over")?
            .expects(is("name", "free"))
            .makes(is("name", "new"))
            .undo(Undo::Restores(Condition::new().is_any("name", ["free", "old"]))),
        step("start-new", Switch, "start")?
            .expects(is("new", "created").is("old", "down"))
            .makes(is("new", "up"))
            .undo(Undo::Restores(Condition::new().is_any("new", ["absent", "created", "exited"]))),
        Step::verdict(StepId::new("verify")?, "see whether it works", Duration::from_secs(60)),
        // For a create whose answer was lost, and which happened twice.
        step("clear", Commit, "clear")?.expects(is("strays", "some")).makes(is("strays", "none")),
    ])
}

fn step(name: &str, phase: Phase, verb: &str) -> Result<Step> {
    let action = Action::new(verb, serde_json::Value::Null);
    Ok(Step::apply(StepId::new(name)?, phase, StepKind::Observable, name, action))
}

fn is(key: &str, value: &str) -> Condition {
    Condition::new().is(key, value)
}

fn refusal(why: &str) -> Error {
    Error::new(ErrorKind::NotFound, "plan", why).with_hint("nothing was touched")
}
