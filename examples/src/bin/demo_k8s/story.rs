//! The story, chapter by chapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::event::{Event, EventKind};
use stillme_rollback_core::journal::FileJournal;
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::{EndState, HashKey, Observer, Printable, Request, Strategy as _};
use stillme_rollback_k8s::connect::Access;
use stillme_rollback_k8s::names::{Kind, ObjectName, WorkloadRef};
use stillme_rollback_k8s::{KubernetesExecutor, TemplateBack, Wanted};

use crate::Failure;
use crate::namespace::Namespace;
use crate::page::{chapter, quote, say, span};
use crate::plane::Plane;

const DEPLOYMENTS: &str = "deployments";
const SETS: &str = "statefulsets";

/// Tells all of it.
pub(crate) async fn tell(plane: &Plane) -> Result<(), Failure> {
    say(
        "A Kubernetes API server with its controllers and scheduler runs for this demo alone, on loopback.",
    );
    say("Its three nodes are simulated: what becomes of a pod, its image's name decides.");
    let stage = Stage::open(plane).await?;
    let namespace = &stage.namespace;

    chapter("1. Version v1 runs");
    namespace.create(DEPLOYMENTS, "web", "shop/web:v1", 3).await?;
    stage.until(Kind::Deployment, "web", "available").await?;
    say("deployment/web has 3 pods of shop/web:v1, all available.");

    chapter("2. Version v2 is deployed, and its image is not there");
    namespace.deploy(DEPLOYMENTS, "web", "shop/web:v2-not-found").await?;
    stage.until(Kind::Deployment, "web", "can't be pulled").await?;
    say("kubectl would wait ten minutes before it says so.");

    chapter("3. Back to v1");
    stage.go_back(Kind::Deployment, "web", "previous", EndState::RolledBack).await?;

    chapter("4. A way back that can't work: to v2, whose image is still not there");
    say("Whoever asks for it does not know that. v1 runs, and must run afterwards.\n");
    stage.go_back(Kind::Deployment, "web", "tag:v2-not-found", EndState::Restored).await?;

    chapter("5. A StatefulSet with a pod that is stuck");
    namespace.create(SETS, "db", "shop/db:v1", 3).await?;
    stage.until(Kind::StatefulSet, "db", "available").await?;
    namespace.deploy(SETS, "db", "shop/db:v2-crash").await?;
    stage.until(Kind::StatefulSet, "db", "crashes").await?;
    say(
        "`kubectl rollout undo` would put the template back, and the controller would wait for that pod for ever.\n",
    );
    stage.go_back(Kind::StatefulSet, "db", "previous", EndState::RolledBack).await?;

    chapter("The end");
    say("v1 runs. The control plane ends with this demo, and nothing is left of it.");
    Ok(())
}

/// What the story is played on.
struct Stage {
    namespace: Namespace,
    executor: KubernetesExecutor,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn open(plane: &Plane) -> Result<Self, Failure> {
        let connected = Access::of_file(&plane.kubeconfig).connect().await?;
        // The journal outlives each engine, as it would outlive a crash.
        let folder = tempfile::tempdir()?;
        let key = HashKey::from_bytes([0; 32]);
        let executor = KubernetesExecutor::new(Arc::new(connected.cluster), key);
        Ok(Self { namespace: Namespace::of(plane).await?, executor, folder })
    }

    /// Waits until the tool's own `status` has this in it, and shows it.
    async fn until(&self, kind: Kind, name: &str, text: &str) -> Result<(), Failure> {
        let workload = named(kind, name)?;
        loop {
            let status = self.executor.status(&workload).await?;
            let is_it = status.progress.contains(text)
                || status
                    .pods
                    .iter()
                    .any(|pod| pod.trouble.as_ref().is_some_and(|trouble| trouble.contains(text)));
            if is_it {
                quote(Printable(&status.progress));
                return Ok(());
            }
            // A status is a look, which nothing announces; the story's own limit bounds it.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn go_back(
        &self,
        kind: Kind,
        name: &str,
        to: &str,
        expected: EndState,
    ) -> Result<(), Failure> {
        let (workload, wanted): (_, Wanted) = (named(kind, name)?, to.parse()?);
        let (observation, goal) = self.executor.observe_for(&workload, &wanted, None).await?;
        let mut request = Request::new(goal);
        request.deadline = Duration::from_secs(60);
        let plan =
            TemplateBack::new().plan(&observation, &request).map_err(|no| format!("{no:?}"))?;
        say("The plan, made by looking and without touching anything:\n");
        quote(&plan);

        say("\nIt is run. Each step is written to a journal before it is done:\n");
        let journal = Arc::new(FileJournal::new(self.folder.path().join("journal")));
        let lease = Arc::new(FileLease::new(self.folder.path().join("lease")));
        let verifier = Arc::new(self.executor.rollout_verifier());
        let executor = Arc::new(self.executor.clone());
        let engine = Engine::builder(executor, verifier, journal, lease)
            .observer(Arc::new(Narrator))
            .build();
        let plural = if kind == Kind::StatefulSet { SETS } else { DEPLOYMENTS };
        let (least, began) = (AtomicU64::new(u64::MAX), Instant::now());
        let report = tokio::select! {
            report = engine.run(plan) => report?,
            never = self.watch(plural, name, &least) => return never,
        };
        say("\nThe report:\n");
        quote(&report);
        let (took, least) = (span(began.elapsed()), least.load(Ordering::Relaxed));
        say(format!(
            "\nMeasured meanwhile: {took} in all, and never fewer than {least} of 3 pods available."
        ));
        if report.state == Some(expected) {
            return Ok(());
        }
        Err(format!("{expected} was expected, not {:?}", report.state).into())
    }

    /// Notes how few pods are available; ends only when it can't look.
    async fn watch(&self, plural: &str, name: &str, least: &AtomicU64) -> Result<(), Failure> {
        loop {
            least.fetch_min(self.namespace.available(plural, name).await?, Ordering::Relaxed);
            // How often it samples, as a probe does: there is no condition to await.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn named(kind: Kind, name: &str) -> Result<WorkloadRef, Failure> {
    let namespace = stillme_rollback_k8s::names::Namespace::new("default")?;
    Ok(WorkloadRef::new(namespace, kind, ObjectName::new(name)?))
}

/// Tells the steps.
#[derive(Debug)]
struct Narrator;

impl Observer for Narrator {
    fn on_event(&self, event: &Event) {
        if let EventKind::StepFinished { .. }
        | EventKind::VerdictGiven { .. }
        | EventKind::TurnedBack { .. } = &event.kind
        {
            let at = Duration::from_millis(event.elapsed_ms);
            quote(format_args!("{:>7}  {}", span(at), Printable(&event.kind.to_string())));
        }
    }
}
