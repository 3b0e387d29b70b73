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
use stillme_rollback_docker::{ContainerId, ContainerName, CreateFirst, DockerExecutor, WarmSwap};
use tokio::time::sleep;

use super::prober::{Prober, version};
use super::stage::{Release, Stage, docker};
use super::tally::Tally;

/// A way to replace a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// `docker stop`, `docker rm`, `docker run`, as guides for operators have it.
    Guide,
    /// The bare requests of create-first.
    RawCreateFirst,
    /// The bare requests of warm-swap.
    RawWarmSwap,
    /// This library.
    CreateFirst,
    /// This library.
    WarmSwap,
}

impl Way {
    pub(crate) const ALL: [Self; 5] =
        [Self::Guide, Self::RawCreateFirst, Self::CreateFirst, Self::RawWarmSwap, Self::WarmSwap];

    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::CreateFirst | Self::WarmSwap)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guide => "docker stop; rm; run",
            Self::RawCreateFirst => "bare create, stop, start",
            Self::RawWarmSwap => "bare warm swap",
            Self::CreateFirst => "create-first",
            Self::WarmSwap => "warm-swap",
        })
    }
}

/// Goes to a release in one way, under the prober.
pub(crate) async fn take(stage: &Stage, release: Release, way: Way) -> Result<Tally> {
    let old = stage.serve().await?;
    let prober = Prober::start(stage.port);
    prober.served("now", Duration::ZERO, 50).await?;
    let from = prober.now();
    match way {
        Way::Guide => guide(stage, release).await?,
        Way::RawCreateFirst => raw_create_first(stage, release, &old).await?,
        Way::RawWarmSwap => raw_warm_swap(stage, release, &old).await?,
        Way::CreateFirst => ours(stage, release, &CreateFirst::new(key())).await?,
        Way::WarmSwap => ours(stage, release, &WarmSwap::new(key())).await?,
    }
    // Where there is nothing to go to, people are left with an outage; ours is back by now.
    if release != Release::Broken {
        prober.served(release.tag(), from, 50).await?;
    } else if way.is_ours() {
        prober.served("now", prober.now(), 50).await?;
    }
    let tries = prober.until(prober.now()).await?;
    Ok(Tally::of(&tries, from))
}

/// How long after it was tried people are assumed to look, where nothing comes back by itself.
const LOOK_AFTER: Duration = Duration::from_secs(3);

async fn guide(stage: &Stage, release: Release) -> Result<()> {
    let (name, image) = (stage.service()?, stage.image(release.tag()));
    let port = format!("127.0.0.1:{}:8080", stage.port);
    let label = format!("dev.stillme.testbed.outage={}", stage.repository);
    docker(&["stop", name.as_str()]).await?;
    docker(&["rm", name.as_str()]).await?;
    docker(&["run", "-d", "--name", name.as_str(), "-p", &port, "--label", &label, &image]).await?;
    wait_if_broken(release).await;
    Ok(())
}

async fn wait_if_broken(release: Release) {
    if release == Release::Broken {
        sleep(LOOK_AFTER).await;
    }
}

async fn create(stage: &Stage, release: Release) -> Result<ContainerId> {
    let name = ContainerName::new(format!("{}-new", stage.repository))?;
    let body = Secret::new(stage.body(release.tag()));
    Ok(stage.engine.create_container(&NewContainer::new(name, body)).await?.id)
}

async fn raw_create_first(stage: &Stage, release: Release, old: &ContainerId) -> Result<()> {
    let new = create(stage, release).await?;
    stage.engine.stop_container(old, Duration::from_secs(10)).await?;
    stage.engine.start_container(&new).await?;
    wait_if_broken(release).await;
    Ok(())
}

async fn raw_warm_swap(stage: &Stage, release: Release, old: &ContainerId) -> Result<()> {
    let (engine, network) = (&stage.engine, format!("{}-warm", stage.repository));
    engine.create_network(&NewNetwork::internal(&network)).await?;
    let new = create(stage, release).await?;
    engine.disconnect_network("bridge", &new).await?;
    engine.connect_network(&network, &new, &json!({})).await?;
    engine.start_container(&new).await?;
    if release != Release::Broken {
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

async fn ours(stage: &Stage, release: Release, strategy: &dyn Strategy) -> Result<()> {
    let executor = Arc::new(DockerExecutor::new(Arc::clone(&stage.engine), key()));
    let target = executor.target(&stage.service()?).await?;
    let to = stage.image(release.tag()).parse()?;
    let (observation, goal) = executor.observe_for(&target, &to).await?;
    let mut request = Request::new(goal);
    request.checks.push(CheckSpec::new("answers", "three good answers", json!(null)));
    let plan = strategy.plan(&observation, &request)?;
    let folder = tempfile::tempdir()?;
    let mut options = Options::default();
    options.settle = Duration::from_secs(1);
    Rollback::builder(
        executor,
        Arc::new(Answers { port: stage.port, version: release.tag() }),
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
