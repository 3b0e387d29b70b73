//! A project on a real engine, and everything that takes its services back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::engine::{Engine as Rollback, Options};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{
    CheckSpec, Error, Evidence, HashKey, Plan, PlanRefusal, Request, Result, Strategy as _,
    Verdict, Verifier,
};
use stillme_rollback_docker::compose::{
    self, ComposeExecutor, ComposeOptions, ComposeUp, Project, Recorded, ServiceName, Services,
};
use stillme_rollback_docker::engine::{ContainerFilter, ContainerSummary};
use stillme_rollback_docker::{Endpoint, Engine};
use tempfile::TempDir;

use crate::generation::{Generation, Kind};
use crate::real::{Testbed, free_port, testbed};

/// The label of everything that a test makes.
const LABEL: &str = "dev.stillme.testbed.test";

/// A project whose services run.
pub(crate) struct Stage {
    pub(crate) bed: Testbed,
    pub(crate) generation: Generation,
    pub(crate) project: Project,
    pub(crate) port: u16,
    pub(crate) options: ComposeOptions,
    pub(crate) records: Vec<Recorded>,
    folder: TempDir,
    state: TempDir,
}

impl Stage {
    /// A project without files, for each generation that is here and can recreate containers on this
    /// engine. That others are refused is shown in `refusals`.
    pub(crate) async fn each() -> Vec<Self> {
        let mut stages = Vec::new();
        for generation in Generation::all() {
            let stage = Self::with(generation).await;
            if let Some(stage) = stage
                && stage.recreates().await
            {
                stages.push(stage);
            }
        }
        stages
    }

    /// Whether this generation can recreate containers on this engine.
    pub(crate) async fn recreates(&self) -> bool {
        self.generation.kind != Kind::First
            || !self.bed.engine.info().await.unwrap().containerd_store
    }

    /// A project without files.
    pub(crate) async fn of(kind: Kind) -> Option<Self> {
        Self::with(Generation::of(kind)?).await
    }

    async fn with(generation: Generation) -> Option<Self> {
        let bed = testbed().await?;
        let project = Project::new(bed.repository()).unwrap();
        Some(Self {
            bed,
            generation,
            project,
            port: free_port(),
            options: ComposeOptions::default(),
            records: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            state: tempfile::tempdir().unwrap(),
        })
    }

    /// The project's folder.
    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the executor.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.path().join("compose")
    }

    /// Writes a file of the project. `REPO`, `PORT` and `NETWORK` stand for what is this test's own.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let network =
            format!("networks: {{default: {{labels: {{{LABEL}: {}}}}}}}", self.bed.repository());
        let text = text
            .replace("REPO", self.bed.repository())
            .replace("PORT", &self.port.to_string())
            .replace("NETWORK", &network);
        let path = self.dir().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Builds images of these tags. One with a colon carries a knob of the test service.
    pub(crate) async fn images(&self, tags: &[&str]) {
        for tag in tags {
            let (tag, knob) = tag.split_once(':').unwrap_or((tag, "KNOB=none"));
            self.bed.image(tag, &[&format!("ENV {knob}")]).await;
        }
    }

    /// `web` runs v2 of v1, v2 and v3, beside `db`, which is nobody's business.
    pub(crate) async fn serving(&self) {
        self.images(&["v1", "v2", "v3"]).await;
        self.write(
            "docker-compose.yml",
            "version: '2.4'\nservices:\n  web:\n    image: REPO:${TAG:-v2} # what runs\n    ports: ['127.0.0.1:PORT:8080']\n    restart: unless-stopped\n    environment: {PASSWORD: '${PASSWORD:-canary-9d1c}'}\n  db: {image: 'REPO:v3'}\nNETWORK\n",
        );
        self.compose(&["up", "-d"]).await;
    }

    /// Calls the compose command in the project's folder, as its owner would.
    pub(crate) async fn compose(&self, arguments: &[&str]) -> String {
        self.compose_with(&[], arguments).await
    }

    /// The same with variables.
    pub(crate) async fn compose_with(&self, env: &[(&str, &str)], arguments: &[&str]) -> String {
        let (program, first) = self.generation.program();
        let mut command = tokio::process::Command::new(program);
        command
            .args(first)
            .args(["-p", self.project.as_str()])
            .args(arguments)
            .envs(self.generation.env())
            .envs(env.iter().copied())
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let limit = Duration::from_secs(120);
        let output = tokio::time::timeout(limit, command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn executor(&self) -> ComposeExecutor {
        self.executor_on(Arc::new(self.bed.engine.clone()))
    }

    /// An executor on another way to the engine.
    pub(crate) fn executor_on(&self, engine: Arc<dyn Engine>) -> ComposeExecutor {
        ComposeExecutor::new(engine, HashKey::from_bytes([9; 32]), self.state())
            .with_env(self.generation.env())
            .with_records(self.records.clone())
    }

    pub(crate) async fn try_plan(&self, names: &[&str], to: &str) -> Result<Plan, PlanRefusal> {
        let services = names.iter().map(|name| ServiceName::new(*name).unwrap());
        let services = Services::new(services).unwrap();
        let executor = self.executor();
        let target = executor.target(Some(&self.project), &services).await?;
        let (observation, goal) =
            executor.observe_for(&target, &self.options, &to.parse()?).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(40);
        // Something else decides as well, so that the state is watched for two seconds only.
        request.checks.push(CheckSpec::new("good", "always good", serde_json::Value::Null));
        ComposeUp.plan(&observation, &request)
    }

    pub(crate) async fn plan(&self, names: &[&str], to: &str) -> Plan {
        self.try_plan(names, to).await.unwrap_or_else(|error| panic!("{to}: {error:?}"))
    }

    /// Why there is no plan.
    pub(crate) async fn refused(&self, names: &[&str], to: &str) -> Error {
        match self.try_plan(names, to).await {
            Err(PlanRefusal::Refused(error)) => {
                assert!(error.to_string().contains("nothing was touched"), "{error}");
                error
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn rollback(&self, plan: &Plan) -> Rollback {
        let mut options = Options::default();
        options.settle = Duration::from_secs(1);
        let engine: Arc<dyn Engine> = Arc::new(self.bed.engine.clone());
        let spec = plan.checks.iter().find(|check| compose::checks::is_ours(check)).unwrap();
        let endpoint: &Endpoint = self.bed.engine.endpoint();
        let verifier = compose::checks::verifier(spec, &engine, endpoint).unwrap();
        Rollback::builder(
            Arc::new(self.executor()),
            Arc::new(Boxed(verifier)),
            Arc::new(MemoryJournal::new()),
            Arc::new(MemoryLease::new()),
        )
        .options(options)
        .build()
    }

    pub(crate) async fn run(&self, plan: Plan) -> Report {
        self.rollback(&plan).start(plan, None).await.unwrap().wait().await.unwrap()
    }

    /// Plans and runs, and keeps the record as a caller would.
    pub(crate) async fn take_back(&mut self, names: &[&str], to: &str) -> Report {
        let report = self.run(self.plan(names, to).await).await;
        if report.state == Some(stillme_rollback_core::EndState::RolledBack) {
            let verified = Evidence::VerifiedBy { run: report.run };
            self.record(&report, &report.from, Evidence::LeftBy { run: report.run });
            self.record(&report, &report.to, verified);
        }
        report
    }

    fn record(
        &mut self,
        report: &Report,
        release: &stillme_rollback_core::Release,
        evidence: Evidence,
    ) {
        let mut release = release.clone();
        release.evidence = vec![evidence];
        self.records.insert(0, Recorded::new(report.target.clone(), release));
    }

    /// The containers of a service, without those of `compose run`.
    pub(crate) async fn containers(&self, service: &str) -> Vec<ContainerSummary> {
        let filter = ContainerFilter::all()
            .label("com.docker.compose.project", self.project.as_str())
            .label("com.docker.compose.service", service);
        self.bed.engine.list_containers(&filter).await.unwrap()
    }

    /// The version that each container of a service runs, by its image's environment; and that all of
    /// them run.
    pub(crate) async fn versions(&self, service: &str) -> Vec<String> {
        let mut versions = Vec::new();
        for container in self.containers(service).await {
            assert_eq!(container.state, "running", "{container:?}");
            let inspected = self.bed.inspect(&container.id).await;
            let env = inspected["Config"]["Env"].as_array().unwrap();
            let version = env.iter().find_map(|entry| entry.as_str()?.strip_prefix("VERSION="));
            versions.push(version.unwrap().to_owned());
        }
        versions
    }

    /// The ids and configuration hashes of a service's containers.
    pub(crate) async fn identity(&self, service: &str) -> BTreeMap<String, String> {
        let all = self.containers(service).await;
        let hash =
            |c: &ContainerSummary| c.label("com.docker.compose.config-hash").unwrap().to_owned();
        all.iter().map(|container| (container.id.to_string(), hash(container))).collect()
    }

    /// The configuration hashes alone.
    pub(crate) async fn hashes(&self, service: &str) -> Vec<String> {
        self.identity(service).await.into_values().collect()
    }

    /// Files in the project's folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

#[derive(Debug)]
struct Boxed(Box<dyn Verifier>);

#[async_trait::async_trait]
impl Verifier for Boxed {
    async fn verify(
        &self,
        run: &stillme_rollback_core::Run,
        time_left: Duration,
    ) -> Result<Verdict> {
        self.0.verify(run, time_left).await
    }
}
