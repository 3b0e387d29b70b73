//! `rollback deployment`, `statefulset`, `daemonset`, `rollout`: a workload back to another revision.

use stillme_rollback_core::{Plan, PlanRefusal, Strategy as _};
use stillme_rollback_k8s::names::{Kind, WorkloadRef};
use stillme_rollback_k8s::{TemplateBack, Wanted};

use crate::cli;
use crate::exit::{Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Kubernetes;
use crate::state_dir::StateDir;

/// Takes a workload back.
pub(crate) async fn run(
    kind: Kind,
    arguments: &cli::Workload,
    strategy: TemplateBack,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let to = read(arguments.to.parse())?;
    let job = TakeBack { kind, arguments, strategy, to };
    flow::run(&job, &arguments.rollback, io, around).await
}

struct TakeBack<'a> {
    kind: Kind,
    arguments: &'a cli::Workload,
    strategy: TemplateBack,
    to: Wanted,
}

impl Job for TakeBack<'_> {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let cluster = Kubernetes::connect(&self.arguments.kubernetes, state).await?;
        let workload = read(cluster.workload(self.kind, &self.arguments.name))?;
        let target = cluster.workloads().target(&workload).await?;
        let planned = self.plan(&cluster, &workload, terms).await;
        Ok(Prepared { target, planned, platform: Box::new(cluster) })
    }
}

impl TakeBack<'_> {
    async fn plan(
        &self,
        cluster: &Kubernetes,
        workload: &WorkloadRef,
        terms: &Terms,
    ) -> Result<Plan, PlanRefusal> {
        let container = self.arguments.container.as_deref();
        let workloads = cluster.workloads();
        let (observation, goal) = if self.strategy.is_emergency() {
            workloads.observe_in_emergency(workload, &self.to, container).await?
        } else {
            workloads.observe_for(workload, &self.to, container).await?
        };
        self.strategy.plan(&observation, &terms.request(goal))
    }
}
