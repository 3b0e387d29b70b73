//! Pods that the run replaces because their controller does not: which, and the steps for it.

use std::time::Duration;

use stillme_rollback_core::{
    Condition, Note, Phase, Printable, Result, Step, StepId, StepKind, Undo,
};

use super::{TemplateBack, is, refused};
use crate::action::{Order, Replaced, Slot, Verb, Version};
use crate::detail::{Detail, PodSeen};
use crate::executor::key;
use crate::history::Revision;
use crate::names::{Kind, WorkloadRef};

/// What a plan does with pods.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) which: Replaced,
    pub(super) slots: Vec<Slot>,
    pub(super) notes: Vec<Note>,
}

impl TemplateBack {
    /// Which pods are for the run to replace.
    ///
    /// # Errors
    /// If none of them would be replaced, and nobody said that they may be.
    pub(super) fn replaced(
        &self,
        workload: &WorkloadRef,
        detail: &Detail,
        from: &Revision,
        to: &Revision,
    ) -> Result<Plan> {
        if !workload.kind.replaces_pods(&detail.workload) {
            return self.all(workload.kind, detail, to);
        }
        if workload.kind != Kind::StatefulSet {
            return Ok(Plan::default());
        }
        let from = Version::from(from);
        let is_stuck =
            |pod: &&PodSeen| !pod.slot.ready && pod.version == from.pod_label(workload.kind);
        let stuck = names(detail.pods.iter().filter(is_stuck));
        let may = detail.preflight.may_delete_pods;
        if may && !self.no_repair {
            let mut plan = Plan { which: Replaced::Stuck, ..Plan::default() };
            if !stuck.is_empty() {
                plan.notes.push(Note::info(format!(
                    "pods that are not ready and would hold it up are deleted: {stuck}"
                )));
            }
            return Ok(plan);
        }
        if !stuck.is_empty() && !self.no_repair {
            return Err(refused("pods are stuck, and its controller never replaces those by itself")
                .with_context("stuck", stuck)
                .with_hint(
                    "nothing was touched; allow `list` and `delete` of pods (docs/kubernetes.md), or use --no-repair and delete them by hand",
                ));
        }
        let why =
            if self.no_repair { "--no-repair" } else { "not allowed to list and delete pods" };
        let held_up = if stuck.is_empty() { String::new() } else { format!(": {stuck}") };
        let text = format!("pods that are stuck will not be replaced ({why}){held_up}");
        Ok(Plan { notes: vec![Note::warning(text)], ..Plan::default() })
    }

    /// Of a workload whose pods nobody replaces.
    fn all(&self, kind: Kind, detail: &Detail, to: &Revision) -> Result<Plan> {
        let to = Version::from(to);
        let others: Vec<_> =
            detail.pods.iter().filter(|pod| pod.version != to.pod_label(kind)).collect();
        if !self.replace_pods {
            return Err(refused("its update strategy is OnDelete: its pods stay as they are until somebody deletes them")
                .with_context("pods", names(others.iter().copied()))
                .with_hint("nothing was touched; --replace-pods deletes them one by one, each once the one before it is replaced and ready"));
        }
        if !detail.preflight.may_delete_pods {
            return Err(refused("its pods have to be deleted, which is not allowed").with_hint(
                "nothing was touched; allow `list` and `delete` of pods (docs/kubernetes.md)",
            ));
        }
        let slots = others.into_iter().map(|pod| pod.slot.clone()).collect();
        Ok(Plan { which: Replaced::All, slots, notes: Vec::new() })
    }
}

fn names<'a>(pods: impl Iterator<Item = &'a PodSeen>) -> String {
    let names: Vec<_> = pods.map(|pod| pod.slot.pod.as_str()).collect();
    Printable(&names.join(", ")).to_string()
}

/// The steps before the template: those whose undo comes after it.
pub(super) fn steps_before(order: &Order, limit: Duration) -> Result<Vec<Step>> {
    let slots = order.slots.iter().enumerate();
    slots.map(|(index, slot)| give_back(index + 1, slot, limit)).collect()
}

/// The steps between the template and the verdict.
pub(super) fn steps_after(
    workload: &WorkloadRef,
    order: &Order,
    limit: Duration,
) -> Result<Vec<Step>> {
    match order.ours_to_replace {
        Replaced::None => Ok(Vec::new()),
        Replaced::Stuck => Ok(vec![free(workload, order)?]),
        Replaced::All => {
            let slots = order.slots.iter().enumerate();
            slots.map(|(index, slot)| replace(workload, index + 1, slot, limit)).collect()
        }
    }
}

fn give_back(number: usize, slot: &Slot, limit: Duration) -> Result<Step> {
    let step = Step::apply(
        StepId::new(format!("give-back-pod-{number}"))?,
        Phase::Prepare,
        StepKind::Observable,
        format!("keep the place of {} for the way back", slot.pod),
        Verb::GiveBackPod { slot: slot.clone() }.action(),
    );
    Ok(step
        .makes(Condition::new().is_any(key::TEMPLATE, ["from", "to"]))
        .undo(Undo::Restores(is(&key::slot(&slot.place), "from")))
        .with_deadline(limit))
}

/// Taken back by the undo of the template: which pods are stuck then, only that can know.
fn free(workload: &WorkloadRef, order: &Order) -> Result<Step> {
    let step = Step::apply(
        StepId::new("free-stuck-pods")?,
        Phase::Switch,
        StepKind::Observable,
        format!("delete pods of revision {} that are not ready, if any", order.from.number),
        Verb::FreeStuckPods.action(),
    );
    let by_hand = format!(
        "kubectl --namespace {} delete pod NAME  # those of {} that are not ready: its controller waits for them",
        workload.namespace, order.from.kept_in
    );
    Ok(step.expects(is(key::TEMPLATE, "to")).makes(is(key::REMAINS, "none")).by_hand(by_hand, None))
}

fn replace(workload: &WorkloadRef, number: usize, slot: &Slot, limit: Duration) -> Result<Step> {
    let key = key::slot(&slot.place);
    let step = Step::apply(
        StepId::new(format!("replace-pod-{number}"))?,
        Phase::Switch,
        StepKind::Observable,
        format!("delete pod {}, and wait until the one in its place is ready", slot.pod),
        Verb::ReplacePod { slot: slot.clone() }.action(),
    );
    let by_hand = format!("kubectl --namespace {} delete pod {}", workload.namespace, slot.pod);
    Ok(step
        .expects(Condition::new().is_any(&key, ["from", "none"]))
        .makes(is(&key, "to"))
        .with_deadline(limit)
        .by_hand(by_hand, None))
}
