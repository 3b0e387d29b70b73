//! The story on a Docker engine, with images of its own FROM scratch.

mod image;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use stillme_rollback_core::{CheckSpec, Executor, HashKey, Plan, Secret, Strategy as _};
use stillme_rollback_docker::engine::{ContainerFilter, NewContainer};
use stillme_rollback_docker::{
    ContainerName, CreateFirst, DockerEnv, DockerExecutor, Engine, HttpEngine, checks,
};
use stillme_rollback_verify::{All, SpecReader};
use tokio::time::sleep;

use crate::port;
use crate::stage::{Failure, Stage, VERSIONS, Version, request, verifiers};

/// On everything that the demo makes; its value is the demo's own name.
const LABEL: &str = "dev.stillme.demo";

/// The port inside of the container.
const INSIDE: &str = "8080/tcp";

/// How long the effects of requests that were cut off are waited for.
const SETTLE: Duration = Duration::from_secs(1);
/// How long it is tried to remove what can't be removed.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// A Docker engine.
pub(crate) struct DockerStage {
    engine: HttpEngine,
    key: HashKey,
    name: ContainerName,
    port: u16,
    binary: PathBuf,
}

impl DockerStage {
    /// The engine that the docker command would use. Nothing is made yet.
    pub(crate) async fn open(binary: PathBuf) -> Result<Self, Failure> {
        Ok(Self {
            engine: HttpEngine::connect(&DockerEnv::from_env()?).await?,
            key: HashKey::generate()?,
            name: ContainerName::new(format!("stillme-demo-{}", std::process::id()))?,
            port: port::free()?,
            binary,
        })
    }

    fn image(&self, version: &Version) -> String {
        format!("{}:{}", self.name.as_str(), version.name)
    }

    /// `docker run --restart unless-stopped -p 127.0.0.1:PORT:8080`, as the engine's JSON.
    fn body(&self, version: &Version) -> Value {
        json!({
            "Image": self.image(version),
            "Labels": {LABEL: self.name.as_str()},
            "ExposedPorts": {INSIDE: {}},
            "HostConfig": {
                "RestartPolicy": {"Name": "unless-stopped"},
                "PortBindings": {INSIDE: [{"HostIp": "127.0.0.1", "HostPort": self.port.to_string()}]},
            },
        })
    }

    fn docker(&self) -> DockerExecutor {
        DockerExecutor::new(Arc::new(self.engine.clone()), self.key.clone())
    }
}

#[async_trait]
impl Stage for DockerStage {
    fn introduction(&self) -> String {
        let api = self.engine.client().api_version();
        format!("stillme-rollback, on the Docker engine at {} (API {api}).", self.engine.endpoint())
    }

    fn port(&self) -> u16 {
        self.port
    }

    async fn prepare(&self) -> Result<(), Failure> {
        let service = tokio::fs::read(&self.binary).await?;
        for version in VERSIONS {
            let label = (LABEL, self.name.as_str());
            image::build(&self.engine, &self.image(version), version, label, &service).await?;
        }
        Ok(())
    }

    async fn deploy(&self, version: &Version) -> Result<(), Failure> {
        if let Some(old) = self.engine.inspect_container(&(&self.name).into()).await? {
            let id = old.expose()["Id"].as_str().unwrap_or_default().parse()?;
            self.engine.remove_container(&id, true).await?;
        }
        let container = NewContainer::new(self.name.clone(), Secret::new(self.body(version)));
        let created = self.engine.create_container(&container).await?;
        self.engine.start_container(&created.id).await?;
        Ok(())
    }

    async fn plan(&self, to: &Version) -> Result<Plan, Failure> {
        let executor = self.docker();
        let target = executor.target(&self.name).await?;
        let (observation, goal) = executor.observe_for(&target, &to.name.parse()?).await?;
        Ok(CreateFirst::new(self.key.clone()).plan(&observation, &request(goal, self.port)?)?)
    }

    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(self.docker())
    }

    fn verifier(&self, plan: &Plan) -> Result<All, Failure> {
        let engine: Arc<dyn Engine> = Arc::new(self.engine.clone());
        verifiers(&plan.checks, |check: &CheckSpec| {
            if checks::is_ours(check) {
                return Ok(checks::verifier(check, &engine, self.engine.endpoint())?);
            }
            Ok(SpecReader::new().read(check)?)
        })
    }

    async fn clean_up(&self) -> Result<(), Failure> {
        // The runtime of the first connection may be gone.
        let engine = HttpEngine::connect(&DockerEnv::from_env()?).await?;
        let began = Instant::now();
        loop {
            match remove(&engine, self.name.as_str()).await {
                // A request that was cut off may still take effect.
                Ok(false) if began.elapsed() >= SETTLE => return Ok(()),
                Ok(_) => {}
                // Whatever such a request works on, it may be in the way.
                Err(error) if began.elapsed() >= PATIENCE => return Err(error),
                Err(_) => {}
            }
            sleep(LOOK).await;
        }
    }

    fn leftovers(&self) -> String {
        let (kind, name) = (LABEL, self.name.as_str());
        format!(
            "`docker ps --all --filter label={kind}={name}` and `docker images --filter label={kind}={name}` show it"
        )
    }
}

/// Removes what a demo made and that is there now, and says whether anything was.
async fn remove(engine: &HttpEngine, name: &str) -> Result<bool, Failure> {
    let containers = engine.list_containers(&ContainerFilter::all().label(LABEL, name)).await?;
    for container in &containers {
        engine.remove_container(&container.id, true).await?;
    }
    let images = image::labelled(engine, LABEL, name).await?;
    for image in &images {
        image::remove(engine, image).await?;
    }
    Ok(!(containers.is_empty() && images.is_empty()))
}
