//! `rollback resume --from-engine`: what a run left is put in order without its journal.

use std::sync::Arc;

use stillme_rollback_core::journal::{FileJournal, Journal as _};
use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Executor as _, Goal, Plan, PlanRefusal, Request, Result, RunId,
    Strategy as _, Target,
};
use stillme_rollback_docker::{ContainerName, Recover, RecoverExecutor};

use crate::cli::Resume;
use crate::dispatch::read;
use crate::exit::{Failure, Outcome};
use crate::io::{Io, Surroundings};
use crate::parts;
use crate::planned::{Means, Terms, carry_out, consent, health_url};
use crate::state_dir::StateDir;

/// Looks, plans, asks, runs.
pub(crate) async fn run(
    name: &str,
    arguments: &Resume,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let name = read(ContainerName::new(name))?;
    let url = health_url(arguments.health_url.as_deref())?;
    let check = read(url.as_ref().map(parts::health_check).transpose())?;
    let terms = Terms {
        only_show: arguments.plan,
        consent: consent(arguments.yes, arguments.approve.as_deref())?,
        format: arguments.format.output,
        patience: arguments.patience,
        url,
    };
    let state = StateDir::choose(&arguments.place, around)?;
    let docker = parts::connect().await?;
    let target = parts::target(&docker, &name).await?;
    let executor = RecoverExecutor::new(Arc::new(docker.clone()));
    let runs = executor.runs(&name).await?;
    refuse_known(&state.journal(), &runs).await.map_err(Failure::before_run)?;

    let planned = plan(arguments, &executor, &target, check).await;
    let executor = Arc::new(executor);
    let means = Means { docker: &docker, executor, state: &state, target: &target };
    carry_out(planned, terms, means, io, around).await
}

async fn plan(
    arguments: &Resume,
    executor: &RecoverExecutor,
    target: &Target,
    check: Option<CheckSpec>,
) -> Result<Plan, PlanRefusal> {
    let observation = executor.observe(target).await?;
    let mut request = Request::new(Goal::Previous);
    request.deadline = arguments.deadline;
    request.checks.extend(check);
    let strategy = if arguments.take_back { Recover::taking_back() } else { Recover::new() };
    strategy.plan(&observation, &request)
}

/// A journal knows more than the engine does: how far the run was, and what was decided.
async fn refuse_known(journal: &FileJournal, runs: &[String]) -> Result<()> {
    for run in runs.iter().filter_map(|run| run.parse::<RunId>().ok()) {
        if journal.load(run).await.is_ok() {
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
