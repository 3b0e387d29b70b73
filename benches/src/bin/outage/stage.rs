//! Images to go between, and a service that runs.

use std::fmt;
use std::path::Path;
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

use super::prober::version;

const LABEL: &str = "dev.stillme.testbed.outage";
/// Below the range from which the kernel gives ports to clients: a prober of one of those could connect
/// to itself.
const PORT: u16 = 29_480;
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// What is gone to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Release {
    /// It serves at once.
    Quick,
    /// It boots for two seconds.
    Slow,
    /// It exits at once: there is nothing to go to.
    Broken,
}

impl Release {
    pub(crate) const ALL: [Self; 3] = [Self::Quick, Self::Slow, Self::Broken];

    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Slow => "slow",
            Self::Broken => "broken",
        }
    }

    const fn knob(self) -> &'static str {
        match self {
            Self::Quick => "TESTBED_BOOT_DELAY=0s",
            Self::Slow => "TESTBED_BOOT_DELAY=2s",
            Self::Broken => "TESTBED_EXIT_CODE=3",
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "boots at once",
            Self::Slow => "boots 2 s",
            Self::Broken => "cannot boot",
        })
    }
}

/// An engine with the images, and one service at a time.
pub(crate) struct Stage {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) repository: String,
    pub(crate) port: u16,
    name: String,
}

impl Stage {
    /// Connects, and builds the images.
    pub(crate) async fn set_up() -> Result<Self> {
        let http = HttpEngine::connect(&DockerEnv::from_env()?).await?;
        let name = format!("Engine {}", http.info().await?.version);
        let repository = format!("rboutage-{}", std::process::id());
        let stage = Self { engine: Arc::new(http), repository, port: PORT, name };
        let mut images = vec![("now", "TESTBED_BOOT_DELAY=0s")];
        images.extend(Release::ALL.map(|release| (release.tag(), release.knob())));
        for (tag, knob) in images {
            let image = stage.image(tag);
            let version = format!("VERSION={tag}");
            let label = format!("{LABEL}={}", stage.repository);
            script(&["image", &image, "--env", &version, "--env", knob, "--label", &label]).await?;
        }
        Ok(stage)
    }

    pub(crate) fn engine_name(&self) -> &str {
        &self.name
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
    pub(crate) async fn serve(&self) -> Result<ContainerId> {
        self.remove_containers().await?;
        let new = NewContainer::new(self.service()?, Secret::new(self.body("now")));
        let id = self.engine.create_container(&new).await?.id;
        self.engine.start_container(&id).await?;
        let serving = async {
            while version(self.port).await.ok().flatten().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(30), serving).await.map_err(|_| "it never served")?;
        Ok(id)
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
    }
}

async fn script(arguments: &[&str]) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/testbed-image.sh");
    output(Command::new(script).args(arguments)).await
}

/// Runs the docker command.
pub(crate) async fn docker(arguments: &[&str]) -> Result<String> {
    output(Command::new("docker").args(arguments)).await
}

async fn output(command: &mut Command) -> Result<String> {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let ended = timeout(COMMAND_LIMIT, running).await??;
    if !ended.status.success() {
        return Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned().into());
    }
    Ok(String::from_utf8(ended.stdout)?)
}
