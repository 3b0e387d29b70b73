//! A service on a real engine, and everything that takes it back.

#![allow(dead_code, reason = "each test program uses its part of it")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::engine::{Engine as Rollback, Options};
use stillme_rollback_core::event::{Cursor, EventBuffer};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{
    Check, CheckSpec, HashKey, Outcome, Plan, PlanRefusal, Request, Result, Strategy, Verdict,
    Verifier,
};
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::{
    ContainerId, ContainerName, CreateFirst, DockerExecutor, Endpoint, Engine, HttpEngine, checks,
};

use crate::real::{Testbed, free_port};

/// A service that runs, and what takes it back.
pub(crate) struct Stage {
    pub(crate) bed: Testbed,
    pub(crate) name: ContainerName,
    pub(crate) port: u16,
    pub(crate) old: ContainerId,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) executor: Arc<DockerExecutor>,
    pub(crate) journal: MemoryJournal,
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) judge: Judge,
}

/// Who gives the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judge {
    /// The plan's checks.
    Plan,
    /// Nobody: it is this one, at once.
    AtOnce(Outcome),
}

pub(crate) fn key() -> HashKey {
    HashKey::from_bytes([9; 32])
}

impl Stage {
    /// `web` runs v2. `settings` are laid over the body of the create request.
    pub(crate) async fn new(bed: Testbed, settings: Value) -> Self {
        Self::built_with(bed, &[], settings).await
    }

    /// The same, with v2 built with these lines.
    pub(crate) async fn built_with(bed: Testbed, lines: &[&str], settings: Value) -> Self {
        let (v2, _) = bed.image("v2", lines).await;
        let name = bed.name("web");
        let port = free_port();
        let mut body = bed.body(&v2);
        let port_key = "8080/tcp";
        body["ExposedPorts"] = json!({ port_key: {} });
        body["HostConfig"] = json!({
            "PortBindings": {port_key: [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]},
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
        });
        lay_over(&mut body, &settings);
        let old = bed.run(&name, body).await;
        bed.until_listening(&old).await;
        let engine: Arc<dyn Engine> = Arc::new(bed.engine.clone());
        let executor = Arc::new(DockerExecutor::new(Arc::clone(&engine), key()));
        let journal = MemoryJournal::new();
        let strategy = Box::new(CreateFirst::new(key()));
        let judge = Judge::Plan;
        Self { bed, name, port, old, engine, executor, journal, strategy, judge }
    }

    pub(crate) async fn plan(&self, to: &str) -> Plan {
        self.try_plan(to).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) async fn try_plan(&self, to: &str) -> Result<Plan, PlanRefusal> {
        let target = self.executor.target(&self.name).await?;
        let (observation, goal) = self.executor.observe_for(&target, &to.parse()?).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(40);
        self.strategy.plan(&observation, &request)
    }

    pub(crate) fn rollback(&self, plan: &Plan) -> Rollback {
        self.rollback_with(plan, Options::default())
    }

    /// One that gives up an engine that is gone within a second.
    pub(crate) fn impatient(&self, plan: &Plan) -> Rollback {
        let mut options = Options::default();
        options.attempts = 2;
        options.reads = 3;
        options.backoff = Duration::from_millis(50);
        self.rollback_with(plan, options)
    }

    fn rollback_with(&self, plan: &Plan, mut options: Options) -> Rollback {
        options.settle = Duration::from_secs(2);
        Rollback::builder(
            Arc::clone(&self.executor) as Arc<_>,
            Arc::new(Checks::of(plan, self)),
            Arc::new(self.journal.clone()),
            Arc::new(MemoryLease::new()),
        )
        .options(options)
        .build()
    }

    /// From now on the executor reaches the engine through another socket.
    pub(crate) async fn go_through(&mut self, socket: &Path) {
        let endpoint = Endpoint::Unix(socket.to_owned());
        let client = Client::connect_to(endpoint, Limits::default()).await.unwrap();
        self.engine = Arc::new(HttpEngine::new(client));
        self.executor = Arc::new(DockerExecutor::new(Arc::clone(&self.engine), key()));
    }

    /// Waits until a run tells of a step, for at most 20 s.
    pub(crate) async fn until_event(&self, events: &EventBuffer, step: &str) {
        let told = async {
            let mut cursor = Cursor::default();
            loop {
                let news = events.news(cursor).await;
                cursor = news.cursor;
                let json = |event: &Arc<_>| serde_json::to_value(&**event).unwrap();
                let is_it = |event: Value| event["type"] == "step-started" && event["step"] == step;
                if news.events.iter().map(json).any(is_it) {
                    return;
                }
                assert!(!news.closed, "the run ended before {step}");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    }

    pub(crate) async fn run(&self, plan: Plan) -> Report {
        self.rollback(&plan).run(plan).await.unwrap()
    }

    /// Until its published port answers, for at most 20 s. Whether it does.
    pub(crate) async fn is_answering_soon(&self) -> bool {
        let waiting = async {
            while TcpStream::connect(("127.0.0.1", self.port))
                .and_then(|mut stream| {
                    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                    write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
                    stream.read_exact(&mut [0])
                })
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok()
    }

    /// The container that has the service's name.
    pub(crate) async fn by_name(&self) -> Value {
        let found = self.engine.inspect_container(&(&self.name).into()).await.unwrap().unwrap();
        found.expose().clone()
    }

    /// What the service says of its version, through its published port.
    pub(crate) fn version(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        body["version"].as_str().unwrap().to_owned()
    }

    /// The names and states of the test's containers, sorted; run ids left out.
    pub(crate) async fn scene(&self) -> Vec<String> {
        let mut all: Vec<_> = self
            .bed
            .containers()
            .await
            .iter()
            .map(|container| {
                let name = container.name.as_ref().map_or("-", |name| name.as_str());
                let short = name.strip_prefix(self.bed.repository()).unwrap_or(name);
                let short = short.split(".rb").collect::<Vec<_>>();
                let role = short.get(1).map_or("", |rest| &rest[..1]);
                format!("{} {role} {}", short[0], container.state).replace("  ", " ")
            })
            .collect();
        all.sort();
        all
    }

    /// Whether the old container runs as before: same id, same name, same policy.
    pub(crate) async fn assert_restored(&self) {
        let old = self.bed.inspect(&self.old).await;
        assert_eq!(old["State"]["Running"], true, "{old}");
        assert_eq!(old["Name"], format!("/{}", self.name));
        assert_eq!(old["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
        assert_eq!(self.scene().await, ["-web running"], "nothing is left over");
        self.bed.until_listening(&self.old).await;
        assert_eq!(self.version(), "v2");
    }
}

/// All checks of a plan, one after the other, or a verdict that needs none.
#[derive(Debug)]
enum Checks {
    All(Vec<Box<dyn Verifier>>),
    AtOnce(Outcome),
}

impl Checks {
    fn of(plan: &Plan, stage: &Stage) -> Self {
        let build = |spec: &CheckSpec| {
            checks::verifier(spec, &stage.engine, stage.bed.engine.endpoint()).unwrap()
        };
        match stage.judge {
            Judge::Plan => Self::All(plan.checks.iter().map(build).collect()),
            Judge::AtOnce(outcome) => Self::AtOnce(outcome),
        }
    }
}

#[async_trait::async_trait]
impl Verifier for Checks {
    async fn verify(
        &self,
        run: &stillme_rollback_core::Run,
        time_left: Duration,
    ) -> Result<Verdict> {
        let checks = match self {
            Self::All(checks) => checks,
            Self::AtOnce(outcome) => {
                return Ok(Verdict::of(vec![Check::new("nobody", *outcome, "at once")]));
            }
        };
        let mut all = Vec::new();
        for check in checks {
            all.push(check.verify(run, time_left).await?);
        }
        Ok(Verdict::all(all))
    }
}

fn lay_over(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}
