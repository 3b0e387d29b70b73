//! Images to go between, and a service that runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_benches::Result;
use stillme_rollback_core::Secret;
use stillme_rollback_docker::engine::{ContainerFilter, NewContainer};
use stillme_rollback_docker::{ContainerId, ContainerName, DockerEnv, Engine, HttpEngine};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::compose::Compose;
use super::kamal::Kamal;
use super::prober::version;

pub(crate) const LABEL: &str = "dev.stillme.testbed.outage";
/// Below the range from which the kernel gives ports to clients: a prober of one of those could connect
/// to itself.
const PORT: u16 = 29_480;
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// What is gone away from, and what to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    /// The new one serves at once.
    Quick,
    /// The new one boots for two seconds.
    Slow,
    /// The new one exits at once: there is nothing to go to.
    Broken,
    /// The old one has a request of three seconds under way: it closes its listener when it is told
    /// to stop, and ends once that is answered. The new one serves at once.
    Draining,
    /// The old one does not hear that it shall stop. The new one serves at once.
    Deaf,
}

impl Case {
    pub(crate) const ALL: [Self; 5] =
        [Self::Quick, Self::Slow, Self::Broken, Self::Draining, Self::Deaf];

    /// Whether a goal compares ways in this case: then it needs rounds enough.
    pub(crate) const fn has_a_goal(self) -> bool {
        matches!(self, Self::Quick | Self::Slow | Self::Broken)
    }

    /// The image that is gone to; also the version that it serves.
    pub(crate) const fn to(self) -> &'static str {
        match self {
            Self::Quick | Self::Draining | Self::Deaf => "quick",
            Self::Slow => "slow",
            Self::Broken => "broken",
        }
    }

    /// The image that is gone away from.
    const fn from(self) -> &'static str {
        match self {
            Self::Deaf => "deaf",
            _ => "now",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "new one boots at once",
            Self::Slow => "new one boots 2 s",
            Self::Broken => "new one cannot boot",
            Self::Draining => "old one drains 3 s",
            Self::Deaf => "old one is deaf",
        })
    }
}

/// The version of whatever is gone away from.
pub(crate) const OLD: &str = "now";

/// Tag, version and knob of the images.
const IMAGES: [(&str, &str, &str); 5] = [
    ("now", OLD, "TESTBED_BOOT_DELAY=0s"),
    ("deaf", OLD, "TESTBED_DEAF=true"),
    ("quick", "quick", "TESTBED_BOOT_DELAY=0s"),
    ("slow", "slow", "TESTBED_BOOT_DELAY=2s"),
    ("broken", "broken", "TESTBED_EXIT_CODE=3"),
];

/// An engine with the images, and one service at a time.
pub(crate) struct Stage {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) repository: String,
    pub(crate) port: u16,
    name: String,
    announces: bool,
    has_containerd_store: bool,
}

impl Stage {
    /// Connects, and builds the images.
    pub(crate) async fn set_up() -> Result<Self> {
        let http = HttpEngine::connect(&DockerEnv::from_env()?).await?;
        let info = http.info().await?;
        let (version, has_containerd_store) = (info.version, info.containerd_store);
        // By its API: the version of an engine that was built from a module is that module's.
        let minor = info.api.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        let announces = minor.is_some_and(|minor| minor >= 48);
        let name = format!("Engine {version}");
        let repository = format!("rboutage-{}", std::process::id());
        let engine = Arc::new(http);
        let stage = Self { engine, repository, port: PORT, name, announces, has_containerd_store };
        for (tag, version, knob) in IMAGES {
            let image = stage.image(tag);
            let version = format!("VERSION={version}");
            let label = format!("{LABEL}={}", stage.repository);
            script(&["image", &image, "--env", &version, "--env", knob, "--label", &label]).await?;
        }
        Ok(stage)
    }

    pub(crate) fn engine_name(&self) -> &str {
        &self.name
    }

    /// Whether the engine announces the address of a container that it started (since API 1.48).
    pub(crate) const fn announces(&self) -> bool {
        self.announces
    }

    /// Whether images are in containerd's store.
    pub(crate) const fn has_containerd_store(&self) -> bool {
        self.has_containerd_store
    }

    pub(crate) fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    pub(crate) fn service(&self) -> Result<ContainerName> {
        Ok(ContainerName::new(format!("{}-web", self.repository))?)
    }

    /// The body of a create request for an image.
    pub(crate) fn body(&self, tag: &str) -> Value {
        json!({
            "Image": self.image(tag),
            "Labels": {LABEL: self.repository},
            "ExposedPorts": {"8080/tcp": {}},
            "HostConfig": {
                "PortBindings": {
                    "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": self.port.to_string()}]
                },
            },
        })
    }

    /// The service runs what is gone away from, and nothing else is there.
    pub(crate) async fn serve(&self, case: Case) -> Result<ContainerId> {
        self.remove_containers().await?;
        let new = NewContainer::new(self.service()?, Secret::new(self.body(case.from())));
        let id = self.engine.create_container(&new).await?.id;
        self.engine.start_container(&id).await?;
        self.until_it_serves().await?;
        Ok(id)
    }

    /// The same as a service of a Compose project.
    pub(crate) async fn serve_by(&self, compose: &Compose, case: Case) -> Result<()> {
        self.remove_containers().await?;
        compose.up(self, case.from(), &[]).await?;
        self.until_it_serves().await
    }

    /// The same behind a proxy.
    pub(crate) async fn serve_behind(&self, kamal: &Kamal, case: Case) -> Result<()> {
        self.remove_containers().await?;
        kamal.serve(self, case.from()).await?;
        self.until_it_serves().await
    }

    async fn until_it_serves(&self) -> Result<()> {
        let serving = async {
            while version(self.port).await.ok().flatten().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(30), serving).await.map_err(|_| "it never served")?;
        Ok(())
    }

    async fn remove_containers(&self) -> Result<()> {
        // By label: those that were made from ours by a rollback have it as well.
        let filter = ContainerFilter::all().label(LABEL, &self.repository);
        for container in self.engine.list_containers(&filter).await? {
            self.engine.remove_container(&container.id, true).await?;
        }
        Ok(())
    }

    /// Removes everything that was made. What can't be removed is left for the label to find.
    pub(crate) async fn clean_up(&self) {
        let _ = self.remove_containers().await;
        let filter = format!("label={LABEL}={}", self.repository);
        let found = docker(&["image", "ls", "--all", "--quiet", "--filter", &filter]).await;
        let mut ids: Vec<String> = found.unwrap_or_default().lines().map(str::to_owned).collect();
        ids.dedup();
        for id in ids {
            let _ = docker(&["image", "rm", "--force", &id]).await;
        }
        let _ = docker(&["network", "prune", "--force", "--filter", &filter]).await;
    }
}

async fn script(arguments: &[&str]) -> Result<String> {
    output(Command::new(repository_file("scripts/testbed-image.sh")).args(arguments)).await
}

/// A file of this repository.
pub(crate) fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs the docker command.
pub(crate) async fn docker(arguments: &[&str]) -> Result<String> {
    output(Command::new("docker").args(arguments)).await
}

pub(crate) async fn output(command: &mut Command) -> Result<String> {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let ended = timeout(COMMAND_LIMIT, running).await??;
    if !ended.status.success() {
        return Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned().into());
    }
    Ok(String::from_utf8(ended.stdout)?)
}
