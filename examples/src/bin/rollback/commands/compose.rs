//! `rollback compose`: services of Docker Compose back to another version.

use stillme_rollback_core::{Plan, PlanRefusal, Result, Strategy as _, Target};
use stillme_rollback_docker::compose::{
    ComposeExecutor, ComposeOptions, ComposeUp, Project, ServiceName, Services,
};
use stillme_rollback_docker::versions::Wanted;

use crate::cli;
use crate::exit::{Failure, Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Compose;
use crate::state_dir::StateDir;

/// Takes services back.
pub(crate) async fn run(arguments: &cli::Compose, io: &mut Io, around: &Surroundings) -> Outcome {
    let services: Result<Vec<_>> =
        arguments.services.iter().map(|name| ServiceName::new(name.as_str())).collect();
    let services = read(services.and_then(Services::new))?;
    let project = read(arguments.project.as_deref().map(Project::new).transpose())?;
    let to = read(arguments.to.parse())?;
    let job = TakeBack { services, project, to, options: options(arguments) };
    flow::run(&job, &arguments.rollback, io, around).await
}

fn options(arguments: &cli::Compose) -> ComposeOptions {
    let mut options = ComposeOptions::default();
    options.files.clone_from(&arguments.files);
    options.env_files.clone_from(&arguments.env_files);
    options.profiles.clone_from(&arguments.profiles);
    options.root.clone_from(&arguments.root);
    options.allow_drift = arguments.allow_drift;
    options.sticky = arguments.sticky.into();
    options
}

struct TakeBack {
    services: Services,
    project: Option<Project>,
    to: Wanted,
    options: ComposeOptions,
}

impl Job for TakeBack {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let compose = Compose::connect(state).await?;
        let executor = compose.services_with_records().await?;
        let target = executor.target(self.project.as_ref(), &self.services).await;
        let target = target.map_err(Failure::before_run)?;
        let planned = self.plan(&executor, &target, terms).await;
        Ok(Prepared { target, planned, platform: Box::new(compose) })
    }
}

impl TakeBack {
    async fn plan(
        &self,
        executor: &ComposeExecutor,
        target: &Target,
        terms: &Terms,
    ) -> Result<Plan, PlanRefusal> {
        let (observation, goal) = executor.observe_for(target, &self.options, &self.to).await?;
        ComposeUp.plan(&observation, &terms.request(goal))
    }
}
