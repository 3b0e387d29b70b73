//! Roll back from inside a service: a task takes alerts and goes back, while the service goes on with
//! its own work. What happens is told to the service's own log.
//!
//! `cargo run -p stillme-rollback-examples --bin embed_in_service`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::event::Event;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::testing::{MemoryPlatform, Replace, Simulated};
use stillme_rollback_core::{
    EndState, Goal, Observer, Release, Request, Result, Strategy as _, Target, Version,
};
use tokio::sync::mpsc;

/// Puts the events of runs into the service's log.
#[derive(Debug)]
struct Log;

impl Observer for Log {
    fn on_event(&self, event: &Event) {
        tracing::info!(run = %event.run, "{}", event.kind);
    }
}

/// What the service keeps to be able to go back.
struct Rollbacks {
    engine: Engine,
    platform: Simulated<MemoryPlatform>,
}

impl Rollbacks {
    /// A real service has the executor of its platform here, a `FileJournal` and a `FileLease`.
    fn new(platform: Simulated<MemoryPlatform>) -> Self {
        let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
        let engine = Engine::builder(platform.executor(), platform.verifier(), journal, lease)
            .observer(Arc::new(Log))
            .build();
        Self { engine, platform }
    }

    /// Goes back to a version, and says how that ended.
    async fn go_back(&self, service: &str, to: &str) -> Result<EndState, Box<dyn Error>> {
        let target = Target::new("memory", "here", service)?;
        let observation = self.platform.executor().observe(&target).await?;
        let goal = Goal::Release(Release::new(Version::new(to)?));
        let plan = Replace::default().plan(&observation, &Request::new(goal))?;
        let report = self.engine.run(plan).await?;
        report.state.ok_or_else(|| "the run has no end".into())
    }
}

/// The task that takes alerts, until nobody can send any more.
async fn take_alerts(rollbacks: Rollbacks, mut alerts: mpsc::Receiver<&'static str>) {
    while let Some(service) = alerts.recv().await {
        tracing::warn!(service, "too many errors: going back");
        match rollbacks.go_back(service, "v1").await {
            Ok(state) => tracing::info!(service, %state, "gone back"),
            // A rollback that can't be made is news, and no reason for the service to end.
            Err(error) => tracing::error!(service, %error, "not gone back"),
        }
    }
    rollbacks.engine.flush_observers(Duration::from_secs(1));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().without_time().with_target(false).init();
    let platform = Simulated::new(MemoryPlatform::with_service("web", "v2"));
    let (alerts, received) = mpsc::channel(8);
    let taking = tokio::spawn(take_alerts(Rollbacks::new(platform.clone()), received));

    alerts.send("web").await?;
    // Another alert for what was just cured, and one for what is not there.
    alerts.send("web").await?;
    alerts.send("nothing-of-the-kind").await?;
    tracing::info!("the service goes on with its work");

    drop(alerts);
    taking.await?;
    tracing::info!("in the end: {}", platform.view().replace('\n', "; "));
    Ok(())
}
