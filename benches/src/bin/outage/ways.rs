//! The ways to replace a container: by hand as people do, by the bare requests, and by this library.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stillme_rollback_benches::Result;
use stillme_rollback_core::engine::{Engine as Rollback, Options};
use stillme_rollback_core::journal::FileJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::{
    Check, CheckSpec, HashKey, Outcome, Request, Run, Secret, Strategy, Verdict, Verifier,
};
use stillme_rollback_docker::engine::{NewContainer, NewNetwork};
use stillme_rollback_docker::{
    BehindProxy, ContainerId, ContainerName, CreateFirst, DockerExecutor, WarmSwap,
};
use tokio::time::sleep;

use super::compose::Compose;
use super::kamal::Kamal;
use super::prober::{LongRequest, Prober, version};
use super::stage::{Case, LABEL, OLD, Stage, docker};
use super::tally::Tally;

/// A way to replace a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// `docker stop`, `docker rm`, `docker run`, as guides for operators have it.
    Guide,
    /// `docker-compose up -d --force-recreate` of the first generation.
    ComposeFirst,
    /// The same of a current one.
    ComposeCurrent,
    /// The bare requests of create-first.
    RawCreateFirst,
    /// This library.
    CreateFirst,
    /// The bare requests of warm-swap.
    RawWarmSwap,
    /// This library.
    WarmSwap,
    /// This library, behind a kamal-proxy.
    BehindProxy,
}

impl Way {
    pub(crate) const ALL: [Self; 8] = [
        Self::Guide,
        Self::ComposeFirst,
        Self::ComposeCurrent,
        Self::RawCreateFirst,
        Self::CreateFirst,
        Self::RawWarmSwap,
        Self::WarmSwap,
        Self::BehindProxy,
    ];

    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::CreateFirst | Self::WarmSwap | Self::BehindProxy)
    }

    /// Whether it is taken in a case. The proxy passes a request on once it is told whole, so the old one
    /// would have none under way.
    /// Compose 1.29 can't recreate where images are in containerd's store.
    pub(crate) fn goes(self, case: Case, stage: &Stage) -> bool {
        match self {
            Self::BehindProxy => case != Case::Draining,
            Self::ComposeFirst => !stage.has_containerd_store(),
            _ => true,
        }
    }

    /// Whether it is compared with another one by a goal: then it needs rounds enough.
    pub(crate) const fn has_a_goal(self) -> bool {
        !matches!(self, Self::ComposeFirst | Self::ComposeCurrent)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guide => "docker stop; rm; run",
            Self::ComposeFirst => "compose 1.29 --force-recreate",
            Self::ComposeCurrent => "compose v5 --force-recreate",
            Self::RawCreateFirst => "bare create, stop, start",
            Self::CreateFirst => "create-first",
            Self::RawWarmSwap => "bare warm swap",
            Self::WarmSwap => "warm-swap",
            Self::BehindProxy => "behind-proxy (kamal-proxy)",
        })
    }
}

/// What some ways need: the compose commands, and a proxy.
pub(crate) struct Tools {
    first: Compose,
    current: Compose,
    kamal: Kamal,
}

impl Tools {
    pub(crate) async fn find(stage: &Stage) -> Result<Self> {
        Ok(Self {
            first: Compose::find("v1").await?,
            current: Compose::find("v5").await?,
            kamal: Kamal::set_up(stage).await?,
        })
    }
}

/// Goes one way in one case, under the prober.
pub(crate) async fn take(stage: &Stage, tools: &Tools, case: Case, way: Way) -> Result<Tally> {
    match way {
        Way::ComposeFirst => by_compose(stage, &tools.first, case, way).await,
        Way::ComposeCurrent => by_compose(stage, &tools.current, case, way).await,
        Way::BehindProxy => {
            stage.serve_behind(&tools.kamal, case).await?;
            let executor =
                executor(stage).with_traffic_switch(Arc::new(tools.kamal.switch(stage)?));
            let strategy = BehindProxy::new(key());
            measure(stage, case, way, ours(stage, case, &strategy, executor)).await
        }
        _ => {
            let old = stage.serve(case).await?;
            measure(stage, case, way, go(stage, case, way, &old)).await
        }
    }
}

async fn by_compose(stage: &Stage, compose: &Compose, case: Case, way: Way) -> Result<Tally> {
    stage.serve_by(compose, case).await?;
    let going = compose.up(stage, case.to(), &["--force-recreate"]);
    measure(stage, case, way, async { wait_if_broken(case, going.await).await }).await
}

async fn go(stage: &Stage, case: Case, way: Way, old: &ContainerId) -> Result<()> {
    match way {
        Way::Guide => guide(stage, case).await,
        Way::RawCreateFirst => raw_create_first(stage, case, old).await,
        Way::CreateFirst => ours(stage, case, &CreateFirst::new(key()), executor(stage)).await,
        Way::RawWarmSwap => raw_warm_swap(stage, case, old).await,
        Way::WarmSwap => ours(stage, case, &WarmSwap::new(key()), executor(stage)).await,
        Way::ComposeFirst | Way::ComposeCurrent | Way::BehindProxy => {
            Err("it needs more than an engine".into())
        }
    }
}

async fn measure(
    stage: &Stage,
    case: Case,
    way: Way,
    going: impl Future<Output = Result<()>>,
) -> Result<Tally> {
    let prober = Prober::start(stage.port);
    prober.served(OLD, Duration::ZERO, 50).await?;
    let under_way = match case {
        Case::Draining => Some(LongRequest::start(stage.port).await?),
        _ => None,
    };
    let from = prober.now();
    going.await?;
    // Where there is nothing to go to, people are left with an outage; ours is back by now.
    if case != Case::Broken {
        prober.served(case.to(), from, 50).await?;
    } else if way.is_ours() {
        prober.served(OLD, prober.now(), 50).await?;
    }
    let tries = prober.until(prober.now()).await?;
    let mut tally = Tally::of(&tries, from);
    if let Some(request) = under_way {
        tally.under_way = Some(request.answered().await);
    }
    Ok(tally)
}

/// How long after it was tried people are assumed to look, where nothing comes back by itself.
const LOOK_AFTER: Duration = Duration::from_secs(3);

async fn guide(stage: &Stage, case: Case) -> Result<()> {
    let (name, image) = (stage.service()?, stage.image(case.to()));
    let port = format!("127.0.0.1:{}:8080", stage.port);
    let label = format!("{LABEL}={}", stage.repository);
    docker(&["stop", name.as_str()]).await?;
    docker(&["rm", name.as_str()]).await?;
    let run = ["run", "-d", "--name", name.as_str(), "-p", &port, "--label", &label, &image];
    let ran = docker(&run).await.map(drop);
    wait_if_broken(case, ran).await
}

/// Whether it is told at once that there is nothing to go to depends on the way.
async fn wait_if_broken(case: Case, ended: Result<()>) -> Result<()> {
    if case == Case::Broken {
        sleep(LOOK_AFTER).await;
        return Ok(());
    }
    ended
}

async fn create(stage: &Stage, case: Case) -> Result<ContainerId> {
    let name = ContainerName::new(format!("{}-new", stage.repository))?;
    let body = Secret::new(stage.body(case.to()));
    Ok(stage.engine.create_container(&NewContainer::new(name, body)).await?.id)
}

async fn raw_create_first(stage: &Stage, case: Case, old: &ContainerId) -> Result<()> {
    let new = create(stage, case).await?;
    stage.engine.stop_container(old, Duration::from_secs(10)).await?;
    let started = stage.engine.start_container(&new).await;
    wait_if_broken(case, started.map(drop).map_err(Into::into)).await
}

async fn raw_warm_swap(stage: &Stage, case: Case, old: &ContainerId) -> Result<()> {
    let (engine, network) = (&stage.engine, format!("{}-warm", stage.repository));
    engine.create_network(&NewNetwork::internal(&network)).await?;
    let new = create(stage, case).await?;
    engine.disconnect_network("bridge", &new).await?;
    engine.connect_network(&network, &new, &json!({})).await?;
    engine.start_container(&new).await?;
    if case != Case::Broken {
        until_ready(stage, &new, &network).await?;
        engine.disconnect_network("bridge", old).await?;
        engine.connect_network("bridge", &new, &json!({})).await?;
        engine.disconnect_network(&network, &new).await?;
        engine.stop_container(old, Duration::from_secs(10)).await?;
    } else {
        engine.remove_container(&new, true).await?;
    }
    engine.remove_network(&network).await?;
    Ok(())
}

async fn until_ready(stage: &Stage, new: &ContainerId, network: &str) -> Result<()> {
    for _ in 0..3000 {
        let found = stage.engine.inspect_container(&new.into()).await?;
        let address = found.and_then(|found| {
            let endpoint = found.expose().pointer("/NetworkSettings/Networks")?.get(network)?;
            Some(endpoint.get("IPAddress")?.as_str()?.to_owned())
        });
        if let Some(address) = address
            && tokio::net::TcpStream::connect((address.as_str(), 8080)).await.is_ok()
        {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err("it never got ready".into())
}

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn executor(stage: &Stage) -> DockerExecutor {
    DockerExecutor::new(Arc::clone(&stage.engine), key())
}

async fn ours(
    stage: &Stage,
    case: Case,
    strategy: &dyn Strategy,
    executor: DockerExecutor,
) -> Result<()> {
    let executor = Arc::new(executor);
    let target = executor.target(&stage.service()?).await?;
    let to = stage.image(case.to()).parse()?;
    let (observation, goal) = executor.observe_for(&target, &to).await?;
    let mut request = Request::new(goal);
    request.checks.push(CheckSpec::new("answers", "three good answers", json!(null)));
    let plan = strategy.plan(&observation, &request)?;
    let folder = tempfile::tempdir()?;
    let mut options = Options::default();
    options.settle = Duration::from_secs(1);
    Rollback::builder(
        executor,
        Arc::new(Answers { port: stage.port, version: case.to() }),
        Arc::new(FileJournal::new(folder.path())),
        Arc::new(MemoryLease::new()),
    )
    .options(options)
    .build()
    .run(plan)
    .await?;
    Ok(())
}

/// Three good answers in a row, as an operator's `curl` in a loop would have it.
#[derive(Debug)]
struct Answers {
    port: u16,
    version: &'static str,
}

#[async_trait]
impl Verifier for Answers {
    async fn verify(
        &self,
        _run: &Run,
        time_left: Duration,
    ) -> stillme_rollback_core::Result<Verdict> {
        let end = tokio::time::Instant::now() + time_left.min(Duration::from_secs(3));
        let mut good = 0;
        while tokio::time::Instant::now() < end {
            let answer = tokio::time::timeout(Duration::from_secs(1), version(self.port)).await;
            let served = matches!(answer, Ok(Ok(Some(version))) if version == self.version);
            good = if served { good + 1 } else { 0 };
            if good == 3 {
                return Ok(Verdict::of(vec![Check::new("answers", Outcome::Pass, "3 in a row")]));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Verdict::of(vec![Check::new("answers", Outcome::Fail, "none in 3 s")]))
    }
}
