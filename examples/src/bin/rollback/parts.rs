//! Puts together what a run is made of: the engine it works on, who decides, where it is written down.

use std::sync::Arc;

use stillme_rollback_core::engine::{Engine, Options};
use stillme_rollback_core::journal::{FileJournal, Journal};
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Executor, HashKey, Release, Result, Target, Verifier,
};
use stillme_rollback_docker::{ContainerName, DockerEnv, DockerExecutor, HttpEngine, checks};
use stillme_rollback_verify::{All, HealthUrl, HttpCheck, SpecReader};

use crate::cli::Patience;
use crate::io::Surroundings;

/// The engine that the docker command would use.
pub(crate) async fn connect() -> Result<HttpEngine> {
    HttpEngine::connect(&DockerEnv::from_env()?).await
}

/// The executor of plans on an engine.
pub(crate) fn executor(docker: &HttpEngine, key: HashKey, records: Vec<Release>) -> DockerExecutor {
    DockerExecutor::new(Arc::new(docker.clone()), key).with_records(records)
}

/// The check that a health URL stands for, as a plan keeps it.
pub(crate) fn health_check(url: &HealthUrl) -> Result<CheckSpec> {
    Ok(HttpCheck::builder(url.clone()).build()?.spec())
}

/// Who decides, from a plan's checks. `url` gives back the query that a plan never keeps.
pub(crate) fn verifier(
    specs: &[CheckSpec],
    docker: &HttpEngine,
    url: Option<HealthUrl>,
) -> Result<Arc<dyn Verifier>> {
    let engine: Arc<dyn stillme_rollback_docker::Engine> = Arc::new(docker.clone());
    let mut reader = SpecReader::new();
    if let Some(url) = url {
        reader = reader.url(url);
    }
    let mut all = All::new();
    for spec in specs {
        let verifier = if checks::is_ours(spec) {
            checks::verifier(spec, &engine, docker.endpoint())?
        } else {
            reader.read(spec)?
        };
        all = all.with_boxed(spec.title.clone(), verifier);
    }
    Ok(Arc::new(all))
}

/// The engine of runs.
pub(crate) fn engine(
    executor: Arc<dyn Executor>,
    verifier: Arc<dyn Verifier>,
    journal: FileJournal,
    patience: Patience,
    around: &Surroundings,
) -> Result<Engine> {
    let mut options = Options::default();
    if let Some(settle) = patience.settle {
        options.settle = settle;
    }
    let lease = FileLease::on_this_machine(around.runtime_dir.as_deref());
    let journal = watched(Arc::new(journal))?;
    Ok(Engine::builder(executor, verifier, journal, Arc::new(lease)).options(options).build())
}

/// A journal as it is, unless a test wants the tool to be killed at one of its records.
#[cfg(not(feature = "test-kill"))]
#[expect(clippy::unnecessary_wraps, reason = "the same as with the feature")]
fn watched(journal: Arc<dyn Journal>) -> Result<Arc<dyn Journal>> {
    Ok(journal)
}

#[cfg(feature = "test-kill")]
fn watched(journal: Arc<dyn Journal>) -> Result<Arc<dyn Journal>> {
    crate::test_kill::watched(journal)
}

/// Goes on if a run's target is a container of the engine that answers here. Another engine may well
/// have a container of the same name.
pub(crate) async fn check_target(docker: &HttpEngine, target: &Target) -> Result<()> {
    if target.platform() != "docker" {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "find target",
            format!("the run is of {target}, which is no Docker container"),
        )
        .with_hint("nothing was touched; use the version that began the run"));
    }
    let here = self::target(docker, &ContainerName::new(target.name())?).await?;
    if here == *target {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Mismatch,
        "find target",
        "the run is of another Docker engine than the one that answers here",
    )
    .with_context("engine of the run", target.scope())
    .with_context("engine here", here.scope())
    .with_hint("nothing was touched; set DOCKER_HOST or DOCKER_CONTEXT to the run's engine"))
}

/// The target that a container is, however its engine was reached.
pub(crate) async fn target(docker: &HttpEngine, name: &ContainerName) -> Result<Target> {
    // No key is needed to ask who the engine is.
    executor(docker, HashKey::from_bytes([0; 32]), Vec::new()).target(name).await
}
