//! `rollback docker`: a container back to another version.

use std::time::Duration;

use stillme_rollback_core::{
    Error, ErrorKind, HashKey, Plan, PlanRefusal, Result, Strategy, Target,
};
use stillme_rollback_docker::versions::Wanted;
use stillme_rollback_docker::{
    Auto, BehindProxy, ContainerName, CreateFirst, DockerExecutor, WarmSwap,
};

use crate::cli;
use crate::exit::{Failure, Outcome, read};
use crate::flow::{self, Job, Prepared, Terms};
use crate::io::{Io, Surroundings};
use crate::platform::Docker;
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// Takes a container back.
pub(crate) async fn run(arguments: &cli::Docker, io: &mut Io, around: &Surroundings) -> Outcome {
    let name = read(ContainerName::new(arguments.name.as_str()))?;
    let to = match read(arguments.to.parse())? {
        Wanted::Previous if arguments.with_config => Wanted::PreviousWithConfig,
        wanted => wanted,
    };
    let choice = Choice {
        strategy: arguments.strategy,
        with_config: arguments.with_config,
        dependents: arguments.dependents,
        auto_remove: arguments.allow_auto_remove,
        shared_writes: arguments.allow_shared_writes,
        keep: usize::from(arguments.keep),
        drain: arguments.drain,
        shared_aliases: arguments.allow_shared_aliases,
    };
    let proxy = arguments.proxy.clone();
    if proxy.is_some() && choice.strategy != cli::Strategy::BehindProxy {
        return Err(Failure::usage(without_use()));
    }
    flow::run(&TakeBack { name, to, choice, proxy }, &arguments.rollback, io, around).await
}

fn without_use() -> Error {
    let why = "only `--strategy behind-proxy` moves the traffic of a proxy";
    Error::new(ErrorKind::InvalidInput, "read --proxy", why)
        .with_hint("nothing was touched; add that, or leave the proxy out")
}

struct TakeBack {
    name: ContainerName,
    to: Wanted,
    choice: Choice,
    proxy: Option<String>,
}

/// How to switch, and what is allowed for it.
struct Choice {
    strategy: cli::Strategy,
    with_config: bool,
    dependents: cli::Dependents,
    auto_remove: bool,
    shared_writes: bool,
    keep: usize,
    drain: Duration,
    shared_aliases: bool,
}

impl Choice {
    fn strategy(&self, key: &HashKey) -> Box<dyn Strategy> {
        let mut create_first = CreateFirst::new(key.clone()).keeping(self.keep);
        if self.auto_remove {
            create_first = create_first.allow_auto_remove();
        }
        if self.dependents == cli::Dependents::Recreate {
            create_first = create_first.recreate_dependents();
        }
        let mut warm_swap = WarmSwap::new(key.clone()).keeping(self.keep);
        if self.shared_writes {
            warm_swap = warm_swap.allow_shared_writes();
        }
        if self.with_config {
            (create_first, warm_swap) = (create_first.with_config(), warm_swap.with_config());
        }
        let mut behind_proxy =
            BehindProxy::new(key.clone()).keeping(self.keep).draining_for(self.drain);
        if self.shared_writes {
            behind_proxy = behind_proxy.allow_shared_writes();
        }
        if self.shared_aliases {
            behind_proxy = behind_proxy.allow_shared_aliases();
        }
        match self.strategy {
            cli::Strategy::CreateFirst => Box::new(create_first),
            cli::Strategy::WarmSwap => Box::new(warm_swap),
            cli::Strategy::BehindProxy => Box::new(behind_proxy),
            cli::Strategy::Auto => Box::new(Auto::new(warm_swap, create_first)),
        }
    }
}

impl Job for TakeBack {
    async fn prepare(&self, terms: &Terms, state: &StateDir) -> Outcome<Prepared> {
        let key = state.hash_key()?;
        let recorded = Recorded::read(&state.journal()).await?;
        let docker = Docker::connect(state).await?;
        let target = docker.target(&self.name).await?;
        let mut executor = docker.containers(key.clone(), recorded.releases(&target));
        if let Some(proxy) = &self.proxy {
            executor = executor.with_traffic_switch(read(docker.traffic_switch(proxy))?);
        }
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
        self.choice.strategy(&key).plan(&observation, &request)
    }
}
