//! `rollback resume --from-engine`: what a run left is put in order without its journal.

use stillme_rollback_core::journal::{Entry, FileJournal, Journal as _};
use stillme_rollback_core::{
    Error, ErrorKind, Executor as _, Goal, Plan, PlanRefusal, Result, RunId, Strategy as _, Target,
};
use stillme_rollback_docker::{ContainerName, Recover, RecoverExecutor};

use crate::cli::Resume;
use crate::exit::{Failure, Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Docker;
use crate::state_dir::StateDir;

/// Puts in order what a run left of a container.
pub(crate) async fn run(
    name: &str,
    arguments: &Resume,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let name = read(ContainerName::new(name))?;
    let strategy = if arguments.take_back { Recover::taking_back() } else { Recover::new() };
    flow::run(&PutInOrder { name, strategy }, &arguments.as_rollback(), io, around).await
}

struct PutInOrder {
    name: ContainerName,
    strategy: Recover,
}

impl Job for PutInOrder {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let docker = Docker::connect(state).await?;
        let target = docker.target(&self.name).await?;
        let executor = docker.leftovers();
        let runs = executor.runs(&self.name).await?;
        refuse_known(&state.journal(), &runs).await.map_err(Failure::before_run)?;
        let planned = self.plan(&executor, &target, terms).await;
        Ok(Prepared { target, planned, platform: Box::new(docker) })
    }
}

impl PutInOrder {
    async fn plan(
        &self,
        executor: &RecoverExecutor,
        target: &Target,
        terms: &Terms,
    ) -> Result<Plan, PlanRefusal> {
        let observation = executor.observe(target).await?;
        self.strategy.plan(&observation, &terms.request(Goal::Previous))
    }
}

/// A journal knows more than the engine does: how far the run was, and what was decided. Unless the run
/// has ended, stuck: then nobody goes on with it, and what was in its way may be gone by now.
async fn refuse_known(journal: &FileJournal, runs: &[String]) -> Result<()> {
    for run in runs.iter().filter_map(|run| run.parse::<RunId>().ok()) {
        let Ok(records) = journal.load(run).await else { continue };
        if !records.iter().any(|record| matches!(record.entry, Entry::End { .. })) {
            return Err(Error::new(
                ErrorKind::Conflict,
                "put in order what a run left",
                format!("the journal of run {run} is here, and knows more than the engine"),
            )
            .with_hint(format!(
                "nothing was touched; `rollback resume {run}` goes on with it, `rollback abort {run}` takes it back"
            )));
        }
    }
    Ok(())
}
