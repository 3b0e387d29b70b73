//! `rollback docker`: a container back to another version.

use std::sync::Arc;

use stillme_rollback_core::{
    CheckSpec, HashKey, Plan, PlanRefusal, Request, Result, Strategy as _, Target,
};
use stillme_rollback_docker::versions::Wanted;
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor};

use crate::cli::{Docker, Strategy};
use crate::dispatch::read;
use crate::exit::Outcome;
use crate::io::{Io, Surroundings};
use crate::parts;
use crate::planned::{Means, Terms, carry_out, consent, health_url};
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// Plans, asks, runs.
pub(crate) async fn run(arguments: &Docker, io: &mut Io, around: &Surroundings) -> Outcome {
    let name = read(ContainerName::new(arguments.name.as_str()))?;
    let to: Wanted = read(arguments.to.parse())?;
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
    let key = state.hash_key()?;
    let recorded = Recorded::read(&state.journal()).await?;
    let docker = parts::connect().await?;
    let target = parts::target(&docker, &name).await?;
    let executor = parts::executor(&docker, key.clone(), recorded.releases(&target));

    let planned = plan(arguments, &executor, key, &target, &to, check).await;
    let executor = Arc::new(executor);
    let means = Means { docker: &docker, executor, state: &state, target: &target };
    carry_out(planned, terms, means, io, around).await
}

async fn plan(
    arguments: &Docker,
    executor: &DockerExecutor,
    key: HashKey,
    target: &Target,
    to: &Wanted,
    check: Option<CheckSpec>,
) -> Result<Plan, PlanRefusal> {
    let (observation, goal) = executor.observe_for(target, to).await?;
    let mut request = Request::new(goal);
    request.deadline = arguments.deadline;
    request.checks.extend(check);
    request.on_inconclusive = arguments.on_inconclusive.into();
    match arguments.strategy {
        Strategy::CreateFirst => CreateFirst::new(key).plan(&observation, &request),
    }
}
