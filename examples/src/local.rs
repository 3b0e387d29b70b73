//! A platform without Docker: the testing kit's platform in memory, whose instances are real
//! processes of a service on loopback.
//!
//! The model decides what runs; after every change the processes are made to follow it, and a process
//! that ended by itself is told to the model before anybody looks. So plans, executor and engine are
//! those of the testing kit, and the HTTP requests, signals and exit codes are real.

mod executor;
mod process;
mod verifier;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use stillme_rollback_core::testing::{
    Instance, InstanceState, MemoryCall, MemoryPlatform, Simulated,
};
use stillme_rollback_core::{Error, ErrorKind, Executor, Result, Run, Verifier};
use tokio::sync::Mutex;

use self::executor::LocalExecutor;
use self::process::Process;
use self::verifier::StaysUp;

/// The environment of a version: names and values.
pub type Environment = Vec<(String, String)>;

/// The platform. Clones are the same one; when the last is dropped, its processes are ended.
#[derive(Clone)]
pub struct LocalPlatform {
    model: Simulated<MemoryPlatform>,
    shared: Arc<Shared>,
}

struct Shared {
    binary: PathBuf,
    folder: PathBuf,
    versions: BTreeMap<String, Environment>,
    processes: Mutex<BTreeMap<u64, Process>>,
}

impl fmt::Debug for LocalPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPlatform").field("binary", &self.shared.binary).finish_non_exhaustive()
    }
}

impl LocalPlatform {
    /// A platform that runs `binary` with the environment of its version; the instances' output goes
    /// to files in `folder`.
    pub fn new(
        binary: impl Into<PathBuf>,
        folder: impl Into<PathBuf>,
        versions: BTreeMap<String, Environment>,
    ) -> Self {
        Self {
            model: Simulated::new(MemoryPlatform::default()),
            shared: Arc::new(Shared {
                binary: binary.into(),
                folder: folder.into(),
                versions,
                processes: Mutex::default(),
            }),
        }
    }

    /// Puts a version under a name, as deploy scripts do: stop, remove, run.
    ///
    /// # Errors
    /// `NotFound` for an unknown version, `Unavailable` if it can't be started.
    pub async fn deploy(&self, service: &str, version: &str) -> Result<()> {
        if let Some(old) = self.id_of(service) {
            self.model.call(MemoryCall::Stop(old))?;
            self.follow().await?;
            self.model.call(MemoryCall::Remove(old))?;
        }
        self.model.call(MemoryCall::Create {
            name: service.to_owned(),
            version: version.to_owned(),
            run: String::from("deployed"),
        })?;
        if let Some(new) = self.id_of(service) {
            self.model.call(MemoryCall::Start(new))?;
        }
        self.follow().await
    }

    /// The executor of plans of the strategy [`Replace`](stillme_rollback_core::testing::Replace).
    pub fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(LocalExecutor::new(self.clone(), self.model.executor()))
    }

    /// A verifier that watches for a second whether the run's instance stays up.
    pub fn verifier(&self) -> impl Verifier {
        StaysUp::new(self.clone())
    }

    /// Ends all processes.
    pub async fn stop_all(&self) {
        let processes = std::mem::take(&mut *self.shared.processes.lock().await);
        for process in processes.into_values() {
            process.stop().await;
        }
    }

    fn id_of(&self, service: &str) -> Option<u64> {
        self.model.model().named(service).map(|(id, _)| id)
    }

    /// Makes the processes what the model says, after the model was told which have ended.
    async fn follow(&self) -> Result<()> {
        let mut processes = self.shared.processes.lock().await;
        self.note_ended(&mut processes);
        let model = self.model.model();
        let is_up = |id: &u64| {
            model.instances.get(id).is_some_and(|instance| instance.state == InstanceState::Up)
        };
        // First the ends: there is one port.
        while let Some(id) = processes.keys().find(|id| !is_up(id)).copied() {
            if let Some(process) = processes.remove(&id) {
                process.stop().await;
            }
        }
        for (id, instance) in model.instances.iter().filter(|(id, _)| is_up(id)) {
            if !processes.contains_key(id) {
                processes.insert(*id, self.spawn(*id, &instance.version)?);
            }
        }
        Ok(())
    }

    fn note_ended(&self, processes: &mut BTreeMap<u64, Process>) {
        processes.retain(|id, process| {
            let Some(how) = process.ended() else { return true };
            process.note(&how);
            self.model.change(|model| {
                if let Some(instance) = model.instances.get_mut(id) {
                    instance.state = InstanceState::Exited;
                }
            });
            false
        });
    }

    fn spawn(&self, id: u64, version: &str) -> Result<Process> {
        let failed = |kind, message: String| {
            Error::new(kind, "start instance", message).with_context("version", version)
        };
        let environment = self.shared.versions.get(version);
        let environment = environment
            .ok_or_else(|| failed(ErrorKind::NotFound, String::from("no such version")))?;
        Process::spawn(&self.shared.binary, self.log_of(id), environment)
            .map_err(|error| failed(ErrorKind::Unavailable, error.to_string()))
    }

    fn log_of(&self, id: u64) -> PathBuf {
        self.shared.folder.join(format!("instance-{id}.log"))
    }

    /// The instance that a run made.
    fn made_by(&self, run: &Run) -> Option<(u64, Instance)> {
        let run = run.id.to_string();
        let instances = self.model.model().instances;
        instances.into_iter().find(|(_, instance)| instance.run.as_ref() == Some(&run))
    }
}
