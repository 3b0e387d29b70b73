//! The rollback as an embedder runs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::event::{Cursor, Event, EventKind};
use stillme_rollback_core::journal::FileJournal;
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::{EndState, HashKey, Plan, Request, Strategy as _};
use stillme_rollback_k8s::connect::Access;
use stillme_rollback_k8s::names::{Kind, Namespace, ObjectName, WorkloadRef};
use stillme_rollback_k8s::{KubernetesExecutor, TemplateBack, Wanted};
use tempfile::TempDir;

use crate::plane::Plane;
use crate::{Failure, until};

pub(crate) struct Ours {
    pub(crate) executor: KubernetesExecutor,
    pub(crate) engine: Engine,
    _folder: TempDir,
}

impl Ours {
    pub(crate) async fn open(plane: &Plane) -> Result<Self, Failure> {
        let connected = Access::of_file(&plane.kubeconfig).connect().await?;
        let key = HashKey::from_bytes([0; 32]);
        let executor = KubernetesExecutor::new(Arc::new(connected.cluster), key);
        let folder = tempfile::tempdir()?;
        let journal = Arc::new(FileJournal::new(folder.path().join("journal")));
        let lease = Arc::new(FileLease::new(folder.path().join("lease")));
        let verifier = Arc::new(executor.rollout_verifier());
        let engine = Engine::builder(Arc::new(executor.clone()), verifier, journal, lease).build();
        Ok(Self { executor, engine, _folder: folder })
    }

    pub(crate) fn named(name: &str) -> Result<WorkloadRef, Failure> {
        let (namespace, name) = (Namespace::new("default")?, ObjectName::new(name)?);
        Ok(WorkloadRef::new(namespace, Kind::Deployment, name))
    }

    pub(crate) async fn rolled_out(&self, name: &str) -> Result<(), Failure> {
        let workload = Self::named(name)?;
        until(|| async { Ok(self.executor.status(&workload).await?.rolled_out) }).await
    }

    /// Until the controller has a ReplicaSet for the template.
    pub(crate) async fn seen(&self, name: &str) -> Result<(), Failure> {
        let workload = Self::named(name)?;
        until(|| async { Ok(self.executor.status(&workload).await?.current.is_some()) }).await
    }

    pub(crate) async fn plan(&self, name: &str, to: &Wanted) -> Result<Plan, Failure> {
        let workload = Self::named(name)?;
        let (observation, goal) = self.executor.observe_for(&workload, to, None).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(300);
        TemplateBack::new().plan(&observation, &request).map_err(|no| format!("{no:?}").into())
    }

    /// Goes back to the version before. How long the run itself took, from its beginning to its end.
    pub(crate) async fn go_back(&self, name: &str) -> Result<Duration, Failure> {
        // The newest but the current one: what a run left is passed over else.
        let history = self.executor.history(&Self::named(name)?).await?;
        let to = history.others().next().ok_or("no other revision")?.number;
        let plan = self.plan(name, &Wanted::Number(to)).await?;
        let began = Instant::now();
        let report = self.engine.run(plan).await?;
        if report.state == Some(EndState::RolledBack) {
            return Ok(began.elapsed());
        }
        Err(format!("{report}").into())
    }

    /// Goes to what can't work; how long it took to its verdict.
    pub(crate) async fn fails(&self, name: &str, to: &str) -> Result<Duration, Failure> {
        let plan = self.plan(name, &to.parse()?).await?;
        let handle = self.engine.start(plan, None).await?;
        let began = Instant::now();
        let events = handle.events();
        let mut cursor = Cursor::default();
        let mut took = None;
        while took.is_none() {
            let news = events.news(cursor).await;
            let given = |event: &Event| matches!(event.kind, EventKind::VerdictGiven { .. });
            took = news.events.iter().any(|event| given(event)).then(|| began.elapsed());
            cursor = news.cursor;
            if news.closed {
                break;
            }
        }
        let report = handle.wait().await?;
        match (took, report.state) {
            (Some(took), Some(EndState::Restored)) => Ok(took),
            _ => Err(format!("{report}").into()),
        }
    }
}
