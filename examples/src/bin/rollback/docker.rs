//! `rollback docker`: a container back to another version.

use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Fingerprint, HashKey, Plan, PlanRefusal, Request, Result,
    Strategy as _, Target,
};
use stillme_rollback_docker::versions::Wanted;
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor};
use stillme_rollback_verify::HealthUrl;

use crate::cli::{Docker, Strategy};
use crate::consent::Consent;
use crate::dispatch::read;
use crate::exit::{Failure, Outcome};
use crate::follow::follow;
use crate::io::{Io, Surroundings};
use crate::recorded::Recorded;
use crate::signals::Signals;
use crate::state_dir::StateDir;
use crate::{output, parts};

/// Plans, asks, runs.
pub(crate) async fn run(arguments: &Docker, io: &mut Io, around: &Surroundings) -> Outcome {
    let asked = Asked::read(arguments)?;
    let format = arguments.format.output;
    let state = StateDir::choose(&arguments.place, around)?;
    let key = state.hash_key()?;
    let recorded = Recorded::read(&state.journal()).await?;
    let docker = parts::connect().await?;
    let target = parts::target(&docker, &asked.name).await?;
    let executor = parts::executor(&docker, key.clone(), recorded.releases(&target));

    let plan = match asked.plan(arguments, &executor, key, &target).await {
        Ok(plan) => plan,
        Err(PlanRefusal::AlreadyThere(release)) => {
            return Ok(output::already_there(io, format, &target, &release));
        }
        Err(PlanRefusal::Refused(error)) => return Err(Failure::before_run(error)),
        Err(other) => return Err(Failure::before_run(unknown(other))),
    };
    output::plan(io, format, &plan);
    if arguments.plan {
        let fingerprint = plan.fingerprint();
        io.note(format_args!(
            "nothing was touched; `--approve {fingerprint}` runs exactly this plan"
        ));
        return Ok(0);
    }
    asked.consent.check(io, &plan)?;

    let verifier = parts::verifier(&plan.checks, &docker, asked.url)?;
    let engine = parts::engine(executor, verifier, state.journal(), arguments.patience, around)?;
    let mut signals = Signals::take_over()?;
    let approved = plan.fingerprint();
    let handle = engine.start(plan, Some(&approved)).await.map_err(Failure::before_run)?;
    follow(handle, io, format, &mut signals).await
}

/// The arguments as what they mean.
struct Asked {
    name: ContainerName,
    to: Wanted,
    url: Option<HealthUrl>,
    check: Option<CheckSpec>,
    consent: Consent,
}

impl Asked {
    fn read(arguments: &Docker) -> Outcome<Self> {
        let url = health_url(arguments.health_url.as_deref())?;
        let approve = arguments.approve.as_deref().map(str::parse::<Fingerprint>).transpose();
        Ok(Self {
            name: read(ContainerName::new(arguments.name.as_str()))?,
            to: read(arguments.to.parse())?,
            check: read(url.as_ref().map(parts::health_check).transpose())?,
            url,
            consent: Consent::of(arguments.yes, read(approve)?),
        })
    }

    async fn plan(
        &self,
        arguments: &Docker,
        executor: &DockerExecutor,
        key: HashKey,
        target: &Target,
    ) -> Result<Plan, PlanRefusal> {
        let (observation, goal) = executor.observe_for(target, &self.to).await?;
        let mut request = Request::new(goal);
        request.deadline = arguments.deadline;
        request.checks.extend(self.check.clone());
        request.on_inconclusive = arguments.on_inconclusive.into();
        match arguments.strategy {
            Strategy::CreateFirst => CreateFirst::new(key).plan(&observation, &request),
        }
    }
}

/// A health URL, read strictly.
pub(crate) fn health_url(text: Option<&str>) -> Outcome<Option<HealthUrl>> {
    read(text.map(HealthUrl::parse).transpose())
}

fn unknown(refusal: PlanRefusal) -> Error {
    Error::new(ErrorKind::Rejected, "plan rollback", "the strategy refused").with_source(refusal)
}
