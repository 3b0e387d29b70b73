//! Looks at a workload before there is a plan.

use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Evidence, Goal, Observation, Release, Result, Target,
};
use tokio::time::Instant;

use super::{KubernetesExecutor, pods, preflight};
use crate::cluster::{Object, Selection};
use crate::detail::{Detail, PodSeen, Preflight};
use crate::history::{History, Revision};
use crate::names::{Uid, WorkloadRef};
use crate::object;
use crate::wanted::Wanted;

/// How long a controller gets to see a template that was written just before.
const OBSERVED_WITHIN: Duration = Duration::from_secs(5);

// `Executor::observe` looks without a preflight: it does not know which version will be wanted.
impl KubernetesExecutor {
    /// The target that a workload is.
    ///
    /// # Errors
    /// `NotFound` if there is none, and whatever kept the server from telling.
    pub async fn target(&self, workload: &WorkloadRef) -> Result<Target> {
        let found = self.read(workload).await?;
        workload.target(&object::uid(found.expose()))
    }

    /// What a workload ran.
    ///
    /// # Errors
    /// As for [`target`](Self::target).
    pub async fn history(&self, workload: &WorkloadRef) -> Result<History> {
        Ok(self.read_with_history(workload).await?.1)
    }

    /// Looks at a workload and finds the revision that is wanted, and asks the server whether the way there and back
    /// is free: what a plan is made of. `container`: whose image is meant, where pods have several.
    ///
    /// # Errors
    /// `NotFound` if there is no such workload or revision, with what there is. Nothing was touched.
    pub async fn observe_for(
        &self,
        workload: &WorkloadRef,
        wanted: &Wanted,
        container: Option<&str>,
    ) -> Result<(Observation, Goal)> {
        let (live, history) = self.read_with_history(workload).await?;
        let target = workload.target(&object::uid(live.expose()))?;
        let revision = wanted.resolve(&history, container)?.clone();
        let preflight = self.preflight(workload, live.expose(), &history, &revision).await?;
        let goal = Goal::Release(release(&revision)?);
        let pods = self.pods_for_plan(workload, live.expose()).await?;
        Ok((observation(&target, live, history, preflight, pods)?, goal))
    }

    /// The same with as few requests as can be, and none that only something beside the workload could answer.
    ///
    /// # Errors
    /// As for [`observe_for`](Self::observe_for).
    pub async fn observe_in_emergency(
        &self,
        workload: &WorkloadRef,
        wanted: &Wanted,
        container: Option<&str>,
    ) -> Result<(Observation, Goal)> {
        let (live, history) = self.read_with_history(workload).await?;
        let target = workload.target(&object::uid(live.expose()))?;
        let goal = Goal::Release(release(wanted.resolve(&history, container)?)?);
        let pods = self.pods_for_plan(workload, live.expose()).await?;
        let preflight = Preflight { may_delete_pods: true, ..Preflight::default() };
        Ok((observation(&target, live, history, preflight, pods)?, goal))
    }

    pub(super) async fn observe_all(&self, target: &Target) -> Result<Observation> {
        let (workload, uid) = WorkloadRef::of(target)?;
        let (live, history) = self.read_same(&workload, &uid).await?;
        let pods = self.pods_for_plan(&workload, live.expose()).await?;
        observation(target, live, history, Preflight::default(), pods)
    }

    async fn read_same(&self, workload: &WorkloadRef, uid: &Uid) -> Result<(Object, History)> {
        let (live, history) = self.read_with_history(workload).await?;
        if object::uid(live.expose()) == *uid {
            return Ok((live, history));
        }
        Err(Error::new(
            ErrorKind::NotFound,
            "find workload",
            format!("{workload} is another one by now"),
        )
        .with_hint("nothing was touched; look at it again"))
    }

    /// A workload and its history. One whose template its controller has not seen yet is looked at again: without
    /// that, what runs would be taken for older than it is.
    pub(super) async fn read_with_history(
        &self,
        workload: &WorkloadRef,
    ) -> Result<(Object, History)> {
        let begin = Instant::now();
        loop {
            let live = self.read(workload).await?;
            let selection = Selection::labels(object::selector(live.expose()));
            let kept_in = workload.kind.kept_in();
            let kept = self.cluster.list(kept_in, &workload.namespace, &selection).await?;
            let kept: Vec<_> = kept.iter().map(|kept| kept.expose()).collect();
            let history = History::of(workload.kind, live.expose(), &kept, &self.key)?;
            let is_seen = object::is_observed(live.expose()) && history.current().is_some();
            if is_seen || begin.elapsed() >= OBSERVED_WITHIN {
                self.keep_templates(history.revisions.iter().filter_map(|revision| {
                    let kept = kept.iter().find(|kept| object::uid(kept) == revision.uid)?;
                    Some((revision.digest.clone(), (*kept).clone()))
                }));
                return Ok((live, history));
            }
            // Unless it has changed since it was read, in which case it is read again at once.
            let uid = object::uid(live.expose());
            let newer = self.look(workload, &uid).await?;
            if newer.is_none_or(|now| !object::is_newer(now.expose(), live.expose())) {
                let left = OBSERVED_WITHIN.saturating_sub(begin.elapsed());
                self.changed(workload, &uid, left).await;
            }
        }
    }

    pub(super) async fn read(&self, workload: &WorkloadRef) -> Result<Object> {
        let kind = workload.kind.resource();
        let found = self.cluster.get(kind, &workload.namespace, &workload.name).await?;
        found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find workload", format!("there is no {workload}"))
                .with_hint(format!(
                    "nothing was touched; `kubectl --namespace {} get {}s` lists them",
                    workload.namespace, workload.kind
                ))
        })
    }

    async fn preflight(
        &self,
        workload: &WorkloadRef,
        live: &Value,
        history: &History,
        to: &Revision,
    ) -> Result<Preflight> {
        let from = history.current();
        let same = from.is_none_or(|from| from.digest == to.digest);
        let kept = self.known_template(&to.digest);
        let template = kept.map(|kept| workload.kind.kept_template(kept.expose()));
        let question = preflight::Question {
            workload,
            is_other: !same,
            template: template.as_ref(),
            deletes_pods: pods::may_be_ours_to_replace(workload.kind, live),
        };
        preflight::ask(self.cluster.as_ref(), &question).await
    }
}

fn observation(
    target: &Target,
    live: Object,
    history: History,
    preflight: Preflight,
    pods: Vec<PodSeen>,
) -> Result<Observation> {
    let mut observation = Observation::new(target.clone());
    observation.running = history.current().map(running).transpose()?;
    observation.releases = history.others().map(release).collect::<Result<_>>()?;
    let workload = live.expose().clone();
    observation.detail = Detail { workload, history, preflight, pods }.into_secret();
    Ok(observation)
}

fn running(revision: &Revision) -> Result<Release> {
    Ok(revision.release()?.with_evidence(Evidence::Running))
}

fn release(revision: &Revision) -> Result<Release> {
    let kept =
        Evidence::Kept { instance: format!("{} (revision {})", revision.name, revision.number) };
    Ok(revision.release()?.with_evidence(kept))
}
