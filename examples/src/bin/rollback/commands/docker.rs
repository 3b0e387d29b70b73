//! `rollback docker`: a container back to another version.

use stillme_rollback_core::{HashKey, Plan, PlanRefusal, Result, Strategy as _, Target};
use stillme_rollback_docker::versions::Wanted;
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor};

use crate::cli::{self, Strategy};
use crate::exit::{Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Docker;
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// Takes a container back.
pub(crate) async fn run(arguments: &cli::Docker, io: &mut Io, around: &Surroundings) -> Outcome {
    let name = read(ContainerName::new(arguments.name.as_str()))?;
    let to = read(arguments.to.parse())?;
    let strategy = strategy(arguments);
    let job = TakeBack { name, to, strategy };
    flow::run(&job, &arguments.rollback, io, around).await
}

struct TakeBack {
    name: ContainerName,
    to: Wanted,
    strategy: fn(HashKey) -> CreateFirst,
}

fn strategy(arguments: &cli::Docker) -> fn(HashKey) -> CreateFirst {
    match (arguments.strategy, arguments.allow_auto_remove) {
        (Strategy::CreateFirst, false) => CreateFirst::new,
        (Strategy::CreateFirst, true) => |key| CreateFirst::new(key).allow_auto_remove(),
    }
}

impl Job for TakeBack {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let key = state.hash_key()?;
        let recorded = Recorded::read(&state.journal()).await?;
        let docker = Docker::connect(state).await?;
        let target = docker.target(&self.name).await?;
        let executor = docker.containers(key.clone(), recorded.releases(&target));
        let planned = self.plan(&executor, key, &target, terms).await;
        Ok(Prepared { target, planned, platform: Box::new(docker) })
    }
}

impl TakeBack {
    async fn plan(
        &self,
        executor: &DockerExecutor,
        key: HashKey,
        target: &Target,
        terms: &Terms,
    ) -> Result<Plan, PlanRefusal> {
        let (observation, goal) = executor.observe_for(target, &self.to).await?;
        let request = terms.request(goal);
        (self.strategy)(key).plan(&observation, &request)
    }
}
