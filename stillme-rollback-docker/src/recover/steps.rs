//! The steps of a recovery.

use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{
    Condition, Note, Observation, Phase, Plan, Request, Result, Step, StepId, StepKind, Undo,
};

use super::Recover;
use super::action::{Subject, Verb};
use super::decide::Decision;
use super::executor::key;
use super::left::{Left, Seen};
use crate::checks;

/// Longer than the engine's own grace period: a container may have set more, and what is stopped here
/// may be what serves.
const STOP: Duration = Duration::from_secs(90);

/// The plan for a decision.
pub(super) fn plan(
    observation: &Observation,
    left: &Left,
    decision: Decision,
    request: &Request,
) -> Result<Plan> {
    // Whoever decided has seen exactly one.
    let new = &left.waiting[0];
    let recipe = Recipe { left, new, old: left.old.as_ref(), subject: subject(left, new) };
    let deadline = request.deadline;
    let (steps, from, to, judged) = match (decision, recipe.old) {
        (Decision::Finish, old) => {
            let from = old.map_or_else(|| new.release(), Seen::release)?;
            (recipe.finish(deadline)?, from, new.release()?, new)
        }
        (_, Some(old)) => (recipe.take_back(old, deadline)?, new.release()?, old.release()?, old),
        // Without an old one nothing is taken back: `decide` refuses it.
        (_, None) => (Vec::new(), new.release()?, new.release()?, new),
    };
    let mut plan = Plan::new(Recover::NAME, observation.target.clone(), from, to);
    plan.starts = recipe.starts();
    plan.checks.clone_from(&request.checks);
    let window = window(judged, decision, request.checks.is_empty());
    plan.checks.push(checks::runs(&judged.id, window));
    plan.on_inconclusive = request.on_inconclusive;
    plan.deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    plan.expected_outage = recipe.expected_outage(decision);
    plan.notes = recipe.notes(decision);
    plan.steps = steps;
    Ok(plan)
}

fn subject(left: &Left, new: &Seen) -> Subject {
    let aside = left.old.as_ref().filter(|old| old.is_aside()).map(|old| old.name.clone());
    Subject {
        name: left.name.clone(),
        old: left.old.as_ref().map(|old| old.id.clone()),
        new: new.id.clone(),
        waiting: new.name.clone(),
        aside,
    }
}

/// How long the container that stays is watched.
fn window(container: &Seen, decision: Decision, alone: bool) -> Duration {
    let seconds = match decision {
        Decision::Finish if alone => 10,
        // A stop of the dead run may be under way: the engine finishes it, and shows nothing of it.
        Decision::TakeBack if container.standing.runs() => container.grace + 2,
        // It has just been started: two crashes of one that its engine restarts at once.
        _ => 2,
    };
    Duration::from_secs(seconds)
}

struct Recipe<'a> {
    left: &'a Left,
    new: &'a Seen,
    old: Option<&'a Seen>,
    subject: Subject,
}

impl Recipe<'_> {
    /// As it is seen: whatever changes until the run begins makes it another case.
    fn starts(&self) -> Condition {
        let name = if self.left.service.is_some() { "old" } else { "free" };
        let new = if self.new.standing.runs() { "up" } else { "down" };
        let starts = is(key::NAME, name).is(key::NEW, new);
        match self.old {
            Some(old) => starts.is(key::OLD, up(old)).is(key::OLD_RESTART, held(old.is_held())),
            None => starts,
        }
    }

    fn step(&self, id: &str, phase: Phase, title: String, verb: &Verb) -> Result<Step> {
        let action = verb.action(&self.subject);
        Ok(Step::apply(StepId::new(id)?, phase, StepKind::Observable, title, action))
    }

    fn take_back(&self, old: &Seen, deadline: Duration) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        if self.new.standing.runs() {
            steps.push(self.stop_new()?);
        }
        if old.is_aside() {
            steps.push(self.name_old(old)?);
        }
        if !old.standing.runs() {
            steps.push(self.start_old(old)?);
        }
        // The new one has the policy that the old one had: it was created as a copy.
        if old.is_held() && !self.new.is_held() {
            steps.push(self.release_old(old)?);
        }
        let title = format!("check that {} runs", self.subject.name);
        steps.push(Step::verdict(StepId::new("verify")?, title, deadline));
        steps.push(self.remove_new()?);
        Ok(steps)
    }

    fn finish(&self, deadline: Duration) -> Result<Vec<Step>> {
        let title = "check that the new container works";
        let verdict = Step::verdict(StepId::new("verify")?, title, deadline);
        Ok(vec![verdict, self.name_new()?])
    }

    fn stop_new(&self) -> Result<Step> {
        let (id, title) =
            (self.new.id.short(), format!("stop the new container {}", self.new.name));
        let step = self
            .step("stop-new", Phase::Switch, title, &Verb::StopNew)?
            .expects(is(key::NEW, "up"))
            .makes(Condition::new().is_any(key::NEW, ["down", "gone"]))
            .undo(Undo::Restores(Condition::new().is_any(key::NEW, ["up", "gone"])))
            .with_deadline(STOP)
            .by_hand(format!("docker stop {id}"), Some(format!("docker start {id}")));
        Ok(step)
    }

    fn name_old(&self, old: &Seen) -> Result<Step> {
        let (id, name) = (old.id.short(), &self.subject.name);
        let title = format!("give the old container {id} its name {name} back");
        let step = self
            .step("name-old", Phase::Switch, title, &Verb::NameOld)?
            .expects(is(key::NAME, "free"))
            .makes(is(key::NAME, "old"))
            .undo(Undo::Restores(is(key::NAME, "free")))
            .by_hand(
                format!("docker rename {id} {name}"),
                Some(format!("docker rename {id} {}", old.name)),
            );
        Ok(step)
    }

    fn start_old(&self, old: &Seen) -> Result<Step> {
        let id = old.id.short();
        let title = format!("start the old container {id}");
        let step = self
            .step("start-old", Phase::Switch, title, &Verb::StartOld)?
            .expects(is(key::OLD, "down").is_any(key::NEW, ["down", "gone"]))
            .makes(is(key::OLD, "up"))
            .undo(Undo::Restores(is(key::OLD, "down")))
            .with_deadline(Duration::from_secs(60))
            .by_hand(format!("docker start {id}"), Some(format!("docker stop {id}")));
        Ok(step)
    }

    fn release_old(&self, old: &Seen) -> Result<Step> {
        let policy = self.new.policy.clone();
        let (id, word) = (old.id.short(), word_of(&policy));
        let title = format!("let the engine restart the old container {id} again ({word})");
        let step = self
            .step("release-old", Phase::Switch, title, &Verb::ReleaseOld { policy })?
            .expects(is(key::OLD_RESTART, "held"))
            .makes(is(key::OLD_RESTART, "kept"))
            .undo(Undo::Restores(is(key::OLD_RESTART, "held")))
            .by_hand(
                format!("docker update --restart={word} {id}"),
                Some(format!("docker update --restart=no {id}")),
            );
        Ok(step)
    }

    fn remove_new(&self) -> Result<Step> {
        let title = format!("remove the new container {}", self.new.name);
        let step = self
            .step("remove-new", Phase::Commit, title, &Verb::RemoveNew)?
            .expects(is(key::NEW, "down"))
            .makes(is(key::NEW, "gone"))
            .undo(Undo::Impossible)
            .by_hand(format!("docker rm {}", self.new.id.short()), None);
        Ok(step)
    }

    fn name_new(&self) -> Result<Step> {
        let (id, name) = (self.new.id.short(), &self.subject.name);
        let title = format!("give the new container the name {name}");
        let step = self
            .step("name-new", Phase::Commit, title, &Verb::NameNew)?
            .expects(is(key::NAME, "free"))
            .makes(is(key::NAME, "new"))
            .undo(Undo::Restores(is(key::NAME, "free")))
            .by_hand(
                format!("docker rename {id} {name}"),
                Some(format!("docker rename {id} {}", self.new.name)),
            );
        Ok(step)
    }

    fn expected_outage(&self, decision: Decision) -> String {
        let old_runs = self.old.is_some_and(|old| old.standing.runs());
        let text = match decision {
            Decision::TakeBack if !old_runs && self.new.standing.runs() => {
                "from the stop of the new container until the old one answers: its boot time, at least about 1.3 s"
            }
            Decision::TakeBack if !old_runs => "none beyond the present one: nothing runs",
            _ => "none",
        };
        text.to_owned()
    }

    fn notes(&self, decision: Decision) -> Vec<Note> {
        let run = self.new.run.as_deref().unwrap_or("an unknown run");
        let mut notes = vec![Note::info(format!(
            "left by run {run}, of which only the engine is asked, not its journal"
        ))];
        match decision {
            Decision::Finish => notes.push(Note::info(
                "the old container was put aside already, so a verdict on the new one had passed",
            )),
            _ if self.new.standing.runs() => notes.push(Note::warning(
                "nobody decided whether the new container works: it is taken back",
            )),
            _ => {}
        }
        notes
    }
}

fn up(container: &Seen) -> &'static str {
    if container.standing.runs() { "up" } else { "down" }
}

fn held(is_held: bool) -> &'static str {
    if is_held { "held" } else { "kept" }
}

fn is(key: &str, value: &str) -> Condition {
    Condition::new().is(key, value)
}

fn word_of(policy: &Value) -> String {
    crate::recipe::restart_option(policy)
}

/// The policy of a container that its engine starts by no means.
pub(super) fn no_restart() -> Value {
    json!({"Name": "no"})
}
