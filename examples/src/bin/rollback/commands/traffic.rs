//! `rollback blue-green` and `rollback canary`: requests back to the Deployment that had them before.

use stillme_rollback_core::{Goal, Observation, Result, Strategy};
use stillme_rollback_k8s::TrafficExecutor;
use stillme_rollback_k8s::names::{Namespace, ObjectName};

use crate::cli::{BlueGreenArguments, CanaryArguments, SideArguments};
use crate::exit::{Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Kubernetes;
use crate::state_dir::StateDir;

/// Points a Service to another colour.
pub(crate) async fn blue_green(
    arguments: &BlueGreenArguments,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let found = Found::Colour {
        service: read(ObjectName::new(&arguments.service))?,
        to: arguments.to.as_deref(),
    };
    let job = Move { found, side: &arguments.side, strategy: Box::new(arguments.strategy()) };
    flow::run(&job, &arguments.side.rollback, io, around).await
}

/// Takes requests off a canary.
pub(crate) async fn canary(
    arguments: &CanaryArguments,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let canary = arguments.canary.as_deref().map(ObjectName::new).transpose();
    let found =
        Found::Canary { stable: read(ObjectName::new(&arguments.name))?, canary: read(canary)? };
    let job = Move { found, side: &arguments.side, strategy: Box::new(arguments.strategy()) };
    flow::run(&job, &arguments.side.rollback, io, around).await
}

/// What has to be found before there is a plan.
enum Found<'a> {
    Colour { service: ObjectName, to: Option<&'a str> },
    Canary { stable: ObjectName, canary: Option<ObjectName> },
}

struct Move<'a> {
    found: Found<'a>,
    side: &'a SideArguments,
    strategy: Box<dyn Strategy>,
}

impl Job for Move<'_> {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let cluster = Kubernetes::connect(&self.side.kubernetes, state).await?;
        let traffic = cluster.workloads().traffic();
        let (observation, goal) = self.find(&traffic, cluster.namespace()).await?;
        let planned = self.strategy.plan(&observation, &terms.request(goal));
        Ok(Prepared { target: observation.target, planned, platform: Box::new(cluster) })
    }
}

impl Move<'_> {
    async fn find(
        &self,
        traffic: &TrafficExecutor,
        namespace: &Namespace,
    ) -> Result<(Observation, Goal)> {
        match &self.found {
            Found::Colour { service, to } => traffic.find_blue_green(namespace, service, *to).await,
            Found::Canary { stable, canary } => {
                traffic.find_canary(namespace, stable, canary.as_ref()).await
            }
        }
    }
}
