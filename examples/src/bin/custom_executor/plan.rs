//! The plan: make the new link beside the old one, flip, look, and undo that if it is bad.

use std::error::Error;
use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::{
    Action, Condition, Executor as _, Phase, Plan, Release, Step, StepId, StepKind, Target, Undo,
    Version,
};

use crate::executor::Links;

/// Plans the way to a release, from what is live now.
pub(crate) async fn plan(links: &Links, to: &str) -> Result<Plan, Box<dyn Error>> {
    let target = Target::new("links", "this-site", "current")?;
    let from = links.observe(&target).await?.running.ok_or("nothing is live")?;
    let mut plan = Plan::new("flip", target, from, Release::new(Version::new(to)?));
    let is = |key: &str, value: &str| Condition::new().is(key, value);
    let step = |id: &str, phase, title: &str| {
        let action = Action::new(id, Value::Null);
        Ok::<_, Box<dyn Error>>(Step::apply(
            StepId::new(id)?,
            phase,
            StepKind::Observable,
            title,
            action,
        ))
    };
    plan.starts = is("current", "old").is("next", "absent");
    plan.steps = vec![
        step("link", Phase::Prepare, "make a link to the release beside `current`")?
            .expects(is("next", "absent"))
            .makes(is("next", "there"))
            .undo(Undo::Restores(is("next", "absent"))),
        step("flip", Phase::Switch, "move it over `current`")?
            .expects(is("current", "old").is("next", "there"))
            .makes(is("current", "new").is("next", "absent"))
            .undo(Undo::Restores(is("current", "old"))),
        Step::verdict(StepId::new("verify")?, "look for the page", Duration::from_secs(10)),
    ];
    plan.expected_outage = String::from("none: a rename has no middle");
    plan.check()?;
    Ok(plan)
}
