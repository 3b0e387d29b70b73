//! A Rollout whose controller would go back by steps is told to go at once.

use stillme_rollback_core::{Condition, Phase, Result, Step, StepId, StepKind, Undo};

use super::is;
use crate::action::{Order, Verb};
use crate::executor::key;
use crate::names::WorkloadRef;

/// The step that does it.
pub(super) fn full(workload: &WorkloadRef, order: &Order) -> Result<Step> {
    let step = Step::apply(
        StepId::new("promote-full")?,
        Phase::Switch,
        StepKind::Observable,
        format!("let its controller go to {} without steps and pauses", order.to.hash),
        Verb::PromoteFull.action(),
    );
    let by_hand = format!(
        "kubectl argo rollouts --namespace {} promote --full {}",
        workload.namespace, workload.name
    );
    Ok(step
        .expects(is(key::TEMPLATE, "to"))
        .makes(is(key::PROMOTION, "full"))
        .by_hand(by_hand, None))
}

/// The step whose undo does the same on the way back: it stands before the template, so that it is undone after it.
pub(super) fn back(order: &Order) -> Result<Step> {
    let step = Step::apply(
        StepId::new("promote-back")?,
        Phase::Prepare,
        StepKind::Observable,
        format!("keep in mind that {} was promoted, for the way back", order.from.hash),
        Verb::PromoteBack.action(),
    );
    Ok(step
        .makes(Condition::new().is_any(key::TEMPLATE, ["from", "to"]))
        .undo(Undo::Restores(is(key::PROMOTION, "full"))))
}
