//! `rollback isolate` and `rollback stop`: first aid, and its way back.

use std::sync::Arc;

use stillme_rollback_core::journal::{FileJournal, Journal as _, Progress};
use stillme_rollback_core::{
    EndState, Error, ErrorKind, Executor as _, Goal, Plan, PlanRefusal, Result, Strategy, Target,
};
use stillme_rollback_docker::ContainerName;
use stillme_rollback_docker::emergency::{EmergencyExecutor, Isolate, Return, Stop};

use crate::cli::{Emergency, Platform};
use crate::exit::{Failure, Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Docker;
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// Takes a container off its networks, or puts it on them again.
pub(crate) async fn isolate(arguments: &Emergency, io: &mut Io, around: &Surroundings) -> Outcome {
    run(Isolate::NAME, Arc::new(Isolate), arguments, io, around).await
}

/// Stops a container, or starts it again.
pub(crate) async fn stop(arguments: &Emergency, io: &mut Io, around: &Surroundings) -> Outcome {
    run(Stop::NAME, Arc::new(Stop), arguments, io, around).await
}

async fn run(
    word: &'static str,
    strategy: Arc<dyn Strategy>,
    arguments: &Emergency,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    if arguments.platform != Platform::Docker {
        return Err(Failure::before_run(
            Error::new(
                ErrorKind::Unsupported,
                "begin run",
                "only containers of a Docker engine can be isolated or stopped",
            )
            .with_hint("nothing was touched; name each of the service's containers"),
        ));
    }
    let name = read(ContainerName::new(arguments.name.as_str()))?;
    let job = FirstAid { name, word, strategy: (!arguments.back).then_some(strategy) };
    flow::run(&job, &arguments.as_rollback(), io, around).await
}

struct FirstAid {
    name: ContainerName,
    /// The strategy's name.
    word: &'static str,
    /// `None`: what it did before is taken back.
    strategy: Option<Arc<dyn Strategy>>,
}

impl Job for FirstAid {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let docker = Docker::connect(state).await?;
        let target = docker.target(&self.name).await?;
        let strategy: Arc<dyn Strategy> = match &self.strategy {
            Some(strategy) => Arc::clone(strategy),
            None => {
                let done = latest(&state.journal(), self.word, &target).await;
                Arc::new(Return::from(done.map_err(Failure::before_run)?))
            }
        };
        let planned = plan(&docker.emergency(), strategy.as_ref(), &target, terms).await;
        Ok(Prepared { target, planned, platform: Box::new(docker) })
    }
}

async fn plan(
    executor: &EmergencyExecutor,
    strategy: &dyn Strategy,
    target: &Target,
    terms: &Terms,
) -> Result<Plan, PlanRefusal> {
    let observation = executor.observe(target).await?;
    strategy.plan(&observation, &terms.request(Goal::Previous))
}

/// The plan of the latest run that did this to the target.
async fn latest(journal: &FileJournal, word: &str, target: &Target) -> Result<Plan> {
    let recorded = Recorded::read(journal).await?;
    let is_it = |report: &&stillme_rollback_core::report::Report| {
        report.target == *target
            && report.strategy == word
            && report.state == Some(EndState::RolledBack)
    };
    let Some(report) = recorded.reports.iter().find(is_it) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "find what is to be taken back",
            format!("no run here did `{word}` to {target}"),
        )
        .with_hint("nothing was touched; its journal may be in another folder (--journal-dir)"));
    };
    let records = journal.load(report.run).await?;
    let (plan, _) = Progress::replay(records.iter().map(|record| &record.entry))?;
    Ok(Plan::clone(&plan))
}
