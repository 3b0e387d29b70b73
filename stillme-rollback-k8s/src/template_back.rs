//! The strategy `template-back`: a version's template is put into the workload again, whose controller replaces
//! its pods as it would for any deploy.

mod emergency;
mod notes;
mod promoted;
mod replaced;

use stillme_rollback_core::{
    Condition, Error, ErrorKind, Goal, Observation, Phase, Plan, PlanRefusal, Printable, Request,
    Result, Step, StepId, StepKind, Strategy, Undo,
};

use crate::action::{Marks, Order, Replaced, Slot, Verb};
use crate::argo;
use crate::checks;
use crate::detail::Detail;
use crate::executor::key;
use crate::history::Revision;
use crate::names::{ANNOTATION_LEFT, ANNOTATION_RUN, Kind, WorkloadRef};
use crate::object;
use crate::owners::owners;
use crate::wanted::Wanted;

/// The step that notes what was verified.
const MARK: &str = "mark-verified";

/// Back to the template of another revision.
///
/// One patch moves the workload, only if nothing was written since it was looked at; nothing else of it is touched.
/// The controller starts the pods of that version and ends the others as the workload's own strategy says, so that
/// no request is lost where readiness and draining are right. A verdict that fails puts the template of before back
/// in the same way.
///
/// The controller of a StatefulSet waits for a pod that is not ready, also when the template would heal it: such pods
/// of the version that is left are deleted, each only if it is still the same one.
///
/// A Rollout of Argo in the middle of an update goes back to its stable version at once, paused or not. Once promoted, its
/// controller would go back by all its steps: it is told to promote at once, as `promote --full` does.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TemplateBack {
    /// Also a workload that Argo CD or Flux writes, who will take the rollback back.
    despite_owner: bool,
    /// Stuck pods stay.
    no_repair: bool,
    /// Pods that no controller replaces are replaced.
    replace_pods: bool,
    /// At once, with nothing proven.
    emergency: bool,
}

impl TemplateBack {
    /// The strategy.
    pub const fn new() -> Self {
        Self { despite_owner: false, no_repair: false, replace_pods: false, emergency: false }
    }

    /// Leaves the pods of a StatefulSet that are stuck at the version that is left. Its controller waits for them to
    /// get ready, and so does the rollback.
    #[must_use]
    pub const fn without_repair(mut self) -> Self {
        self.no_repair = true;
        self
    }

    /// Also workloads whose strategy is `OnDelete`, which are refused otherwise: their pods are deleted one by one,
    /// each once the one before it is replaced and ready.
    #[must_use]
    pub const fn replacing_pods(mut self) -> Self {
        self.replace_pods = true;
        self
    }

    /// Also workloads that somebody reverts by himself (Argo CD, Flux), which are refused otherwise.
    #[must_use]
    pub const fn despite_owner(mut self) -> Self {
        self.despite_owner = true;
        self
    }
}

impl TemplateBack {
    /// At once: no verdict is waited for, and nothing that would keep it from being tried is asked for. The plan says what
    /// that goes past. Its observation comes from
    /// [`observe_in_emergency`](crate::KubernetesExecutor::observe_in_emergency).
    #[must_use]
    pub const fn in_emergency(mut self) -> Self {
        self.emergency = true;
        self.despite_owner = true;
        self
    }

    /// Whether it is for an emergency.
    pub const fn is_emergency(&self) -> bool {
        self.emergency
    }
}

impl Strategy for TemplateBack {
    fn name(&self) -> &'static str {
        if self.emergency { "emergency" } else { "template-back" }
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let (workload, _) = WorkloadRef::of(&observation.target)?;
        let detail = Detail::of(&observation.detail)?;
        let from = detail.history.current().ok_or_else(|| unseen(&workload))?;
        let to = wanted(&detail, request)?;
        if to.digest == from.digest {
            return Err(PlanRefusal::AlreadyThere(to.release()?));
        }
        self.check(&workload, &detail)?;
        let replaced = self.replaced(&workload, &detail, from, to)?;
        let mut plan =
            Plan::new(self.name(), observation.target.clone(), from.release()?, to.release()?);
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.on_inconclusive = request.on_inconclusive;
        if self.emergency {
            plan.purpose = Some(emergency::purpose(&workload, from, to));
            plan.notes = emergency::notes();
        } else {
            plan.checks = checks::with_rollout(&request.checks);
        }
        plan.expected_outage = notes::expected_outage(workload.kind, &detail.workload);
        plan.notes.extend(notes::notes(&workload, &detail, from, to));
        plan.notes.extend(replaced.notes);
        plan.starts = is(key::TEMPLATE, "from");
        plan.steps =
            steps(&workload, &detail, (from, to), replaced.which, replaced.slots, request)?;
        if self.emergency {
            emergency::without_proof(&mut plan.steps);
        }
        plan.check()?;
        Ok(plan)
    }
}

impl TemplateBack {
    /// What is refused before anything is touched.
    fn check(&self, workload: &WorkloadRef, detail: &Detail) -> Result<()> {
        let live = &detail.workload;
        if let Some(elsewhere) = argo::template_elsewhere(live) {
            return Err(refused("its template stands in another object (workloadRef)")
                .with_context("template", Printable(&elsewhere).to_string())
                .with_hint("nothing was touched; put the template back there by hand, the Rollout follows it"));
        }
        let can_wait = workload.kind != Kind::Rollout && !self.emergency;
        if can_wait && live.pointer("/spec/paused") == Some(&true.into()) {
            return Err(refused("it is paused, so that its controller would not move its pods")
                .with_hint(format!(
                    "nothing was touched; `kubectl --namespace {} rollout resume {}/{}` goes on with what it has now",
                    workload.namespace, workload.kind, workload.name
                )));
        }
        if object::is_ending(live) {
            return Err(refused("it is being deleted").with_hint("nothing was touched"));
        }
        if live.pointer("/spec/revisionHistoryLimit").and_then(serde_json::Value::as_i64) == Some(0)
        {
            return Err(refused(
                "it keeps no history (revisionHistoryLimit: 0), so there would be no way back from the rollback",
            )
            .with_hint("nothing was touched; set revisionHistoryLimit to 1 or more"));
        }
        let preflight = &detail.preflight;
        if !preflight.denied.is_empty() {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "plan rollback",
                "what the rollback or its way back needs is not allowed",
            )
            .with_context("not allowed", preflight.denied.join(", "))
            .with_hint("nothing was touched; docs/kubernetes.md has the Role"));
        }
        if let Some(said) = &preflight.rehearsal {
            return Err(refused("the API server would refuse the template")
                .with_context("it says", Printable(said).to_string())
                .with_hint("nothing was touched"));
        }
        if !preflight.missing.is_empty() {
            return Err(refused("the version needs what is not there any more")
                .with_context("missing", Printable(&preflight.missing.join(", ")).to_string())
                .with_hint("nothing was touched; make it again, or go back to another version"));
        }
        let reverting = owners(live).into_iter().find(|owner| owner.reverts_by_itself());
        match reverting {
            Some(owner) if !self.despite_owner => Err(refused("somebody would take the rollback back")
                .with_context("who", Printable(&owner.to_string()).to_string())
                .with_hint("nothing was touched; go back where it is written, or stop that first and use --despite-owner")),
            _ => Ok(()),
        }
    }
}

/// The revision that was asked for.
fn wanted<'a>(detail: &'a Detail, request: &Request) -> Result<&'a Revision> {
    let history = &detail.history;
    match &request.to {
        Goal::Previous => Wanted::Previous.resolve(history, None),
        Goal::Release(release) => {
            Wanted::Hash(release.version.as_str().to_owned()).resolve(history, None)
        }
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "plan rollback",
            "it is no goal of this version",
        )
        .with_hint("nothing was touched")),
    }
}

fn steps(
    workload: &WorkloadRef,
    detail: &Detail,
    (from, to): (&Revision, &Revision),
    ours_to_replace: Replaced,
    slots: Vec<Slot>,
    request: &Request,
) -> Result<Vec<Step>> {
    let live = &detail.workload;
    let marks = |key: &str| object::annotation(live, key).map(str::to_owned);
    let before = Marks { run: marks(ANNOTATION_RUN), left: marks(ANNOTATION_LEFT) };
    let was_paused = live.pointer("/spec/paused") == Some(&true.into());
    let order =
        Order { from: from.into(), to: to.into(), before, was_paused, ours_to_replace, slots };
    let undo = match workload.kind {
        // kubectl has no undo for it; its plugin does.
        Kind::Rollout => {
            format!(
                "kubectl argo rollouts --namespace {} undo {}",
                workload.namespace, workload.name
            )
        }
        _ => format!(
            "kubectl --namespace {} rollout undo {}/{}",
            workload.namespace, workload.kind, workload.name
        ),
    };
    let title = format!("put the template of revision {} ({}) into {workload}", to.number, to.hash);
    let before = is(key::TEMPLATE, "from");
    let undone = match ours_to_replace {
        Replaced::Stuck => before.clone().is(key::REMAINS, "none"),
        Replaced::None | Replaced::All => before.clone(),
    };
    let set = Step::apply(
        StepId::new("set-template")?,
        Phase::Switch,
        StepKind::Observable,
        title,
        Verb::SetTemplate(Box::new(order.clone())).action(),
    )
    .expects(before)
    .makes(is(key::TEMPLATE, "to"))
    .undo(Undo::Restores(undone))
    .by_hand(
        format!("{undo} --to-revision={}", to.number),
        Some(format!("{undo} --to-revision={}", from.number)),
    );
    // What is undone after the template stands before it.
    let mut steps = replaced::steps_before(&order, request.deadline)?;
    let promotes = workload.kind == Kind::Rollout && argo::stable_hash(live) != to.hash;
    if promotes && argo::stable_hash(live) == from.hash {
        steps.push(promoted::back(&order)?);
    }
    steps.push(set);
    steps.extend(replaced::steps_after(workload, &order, request.deadline)?);
    if promotes {
        steps.push(promoted::full(workload, &order)?);
    }
    steps.push(Step::verdict(StepId::new("verdict")?, "see whether it works", request.deadline));
    if !to.verified {
        steps.push(mark(workload, to)?);
    }
    Ok(steps)
}

/// After the verdict a failure to note it must not take the rollback back: it is a step on which the engine
/// insists.
fn mark(workload: &WorkloadRef, to: &Revision) -> Result<Step> {
    let step = Step::apply(
        StepId::new(MARK)?,
        Phase::Commit,
        StepKind::Observable,
        format!("note that {} is verified, for `last-good`", to.hash),
        Verb::MarkVerified { hash: to.hash.clone() }.action(),
    );
    Ok(step
        .expects(is(key::MARK, "unset"))
        .makes(is(key::MARK, "set"))
        .undo(Undo::Impossible)
        .by_hand(
            format!(
                "kubectl --namespace {} annotate {}/{} --overwrite {}={}",
                workload.namespace,
                workload.kind,
                workload.name,
                crate::names::ANNOTATION_VERIFIED,
                to.hash
            ),
            None,
        ))
}

fn is(key: &str, value: &str) -> Condition {
    Condition::new().is(key, value)
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, "plan rollback", why)
}

fn unseen(workload: &WorkloadRef) -> Error {
    refused("its controller has not seen the template that it has now, so what runs is not known")
        .with_context("workload", workload.to_string())
        .with_hint("nothing was touched; is the controller manager running?")
}

#[cfg(test)]
mod tests;
