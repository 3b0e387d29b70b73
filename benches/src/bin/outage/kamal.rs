//! A kamal-proxy before the service, so that its traffic can be moved.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stillme_rollback_benches::Result;
use stillme_rollback_core::Secret;
use stillme_rollback_docker::engine::NewContainer;
use stillme_rollback_docker::{ContainerId, ContainerName, KamalProxy};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::stage::{LABEL, Stage, docker, output, repository_file};

/// The service's name in the proxy.
const SERVICE: &str = "web";
const PATIENCE: Duration = Duration::from_secs(20);

/// The proxy's image and network.
pub(crate) struct Kamal {
    image: String,
    network: String,
}

impl Kamal {
    /// Builds the image and makes the network.
    pub(crate) async fn set_up(stage: &Stage) -> Result<Self> {
        let script = repository_file("testbed/proxy/build.sh");
        let programs = PathBuf::from(output(&mut Command::new(script)).await?.trim());
        let kamal =
            Self { image: stage.image("proxy"), network: format!("{}-front", stage.repository) };
        build(stage, &kamal.image, &programs).await?;
        let label = format!("{LABEL}={}", stage.repository);
        docker(&["network", "create", "--label", &label, &kamal.network]).await?;
        Ok(kamal)
    }

    /// The proxy runs, and sends its traffic to a container of this image.
    pub(crate) async fn serve(&self, stage: &Stage, tag: &str) -> Result<()> {
        let (name, port) = (self.name(stage)?, format!("127.0.0.1:{}:80", stage.port));
        let label = format!("{LABEL}={}", stage.repository);
        let options = ["--name", name.as_str(), "--label", &label, "-p", &port];
        let run = ["run", "-d", "--network", &self.network];
        docker(&[&run[..], &options, &[&self.image]].concat()).await?;
        let mut body = stage.body(tag);
        body["HostConfig"] = json!({"NetworkMode": self.network});
        let new = NewContainer::new(stage.service()?, Secret::new(body));
        let id = stage.engine.create_container(&new).await?.id;
        stage.engine.start_container(&id).await?;
        self.deploy(stage, &id).await
    }

    /// Its command works once its socket is there.
    async fn deploy(&self, stage: &Stage, to: &ContainerId) -> Result<()> {
        let (name, target) = (self.name(stage)?, format!("--target={}:8080", to.short()));
        let command = ["exec", name.as_str(), "kamal-proxy", "deploy", SERVICE, &target];
        let options = ["--health-check-path=/healthz", "--health-check-interval=100ms"];
        let trying = async {
            while docker(&[&command[..], &options].concat()).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, trying).await.map_err(|_| "the proxy never took the service".into())
    }

    /// What moves its traffic.
    pub(crate) fn switch(&self, stage: &Stage) -> Result<KamalProxy> {
        Ok(KamalProxy::new(Arc::clone(&stage.engine), &self.name(stage)?, SERVICE, 8080)?)
    }

    fn name(&self, stage: &Stage) -> Result<ContainerName> {
        Ok(ContainerName::new(format!("{}-proxy", stage.repository))?)
    }
}

async fn build(stage: &Stage, image: &str, programs: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for program in ["kamal-proxy", "cat"] {
        std::fs::copy(programs.join(program), folder.path().join(program))?;
    }
    let dockerfile = format!(
        "FROM scratch\nLABEL {LABEL}={}\nCOPY kamal-proxy cat /\nENV PATH=/ HOME=/home/kamal-proxy XDG_RUNTIME_DIR=/\nENTRYPOINT [\"/kamal-proxy\"]\nCMD [\"run\"]\n",
        stage.repository
    );
    std::fs::write(folder.path().join("Dockerfile"), dockerfile)?;
    let mut command = Command::new("docker");
    // The classic builder: the other one is not everywhere.
    command.env("DOCKER_BUILDKIT", "0").args(["build", "-q", "-t", image]).arg(folder.path());
    output(&mut command).await.map(drop)
}
