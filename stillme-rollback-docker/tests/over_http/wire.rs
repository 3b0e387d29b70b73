//! A model behind HTTP on a socket: what the matrix arms as a fault happens to the connection, and the
//! real client makes of it what it can.
//!
//! The matrix wants answers at once, so calls block here; and it wants half a minute of silence to
//! cost nothing, so the client's clock is moved on when the fake engine falls silent.

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::testing::{Fault, Simulated};
use stillme_rollback_core::{
    Capabilities, Executor, Exhibit, Facts, HashKey, Observation, Result, Run, Step, StepContext,
    Target,
};
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::testing::DockerModel;
use stillme_rollback_docker::{DockerExecutor, Endpoint, HttpEngine};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::served::{Answered, Labels, Request, answer};

type Sim = Simulated<DockerModel>;

/// Longer than any limit of the client, a stop's grace included.
const SILENCE: Duration = Duration::from_secs(600);

/// No step of a test takes that long: it hangs.
const GUARD: Duration = Duration::from_secs(20);

/// What is asked for to know that everything before it was served.
const BARRIER: &[u8] = b"GET /barrier HTTP/1.1\r\n\r\n";

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Fake engines, each with a client before it; as many as are used at once.
#[derive(Clone)]
pub(crate) struct Wires {
    key: HashKey,
    idle: Arc<Mutex<Vec<Wire>>>,
}

impl Wires {
    pub(crate) fn new(key: HashKey) -> Self {
        Self { key, idle: Arc::default() }
    }

    /// Does something with the real executor against a platform, and waits for it.
    pub(crate) fn with<T>(
        &self,
        sim: &Sim,
        work: impl for<'a> FnOnce(&'a DockerExecutor) -> Work<'a, T>,
    ) -> T {
        let idle = self.idle.lock().unwrap().pop();
        let mut wire = idle.unwrap_or_else(|| Wire::new(self.key.clone()));
        let done = wire.run(sim, work);
        self.idle.lock().unwrap().push(wire);
        done
    }
}

/// A fake engine in a thread of its own, and the real executor before it.
struct Wire {
    folder: TempDir,
    sim: Arc<Mutex<Option<Sim>>>,
    runtime: tokio::runtime::Runtime,
    executor: DockerExecutor,
    silences: UnboundedReceiver<()>,
    listen_again: Sender<()>,
}

impl Wire {
    fn new(key: HashKey) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = socket(folder.path());
        let sim = Arc::default();
        let (falls_silent, silences) = unbounded_channel();
        let (listen_again, is_wanted) = channel();
        let server = Server {
            listener: Some(UnixListener::bind(&socket).unwrap()),
            socket: socket.clone(),
            sim: Arc::clone(&sim),
            labels: Labels::default(),
            falls_silent,
            is_wanted,
        };
        // Ends with the wire: then nobody can want it to listen.
        std::thread::spawn(move || server.serve());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::connect_to(Endpoint::Unix(socket), Limits::default());
        let client = runtime.block_on(client).unwrap();
        let executor = DockerExecutor::new(Arc::new(HttpEngine::new(client)), key);
        Self { folder, sim, runtime, executor, silences, listen_again }
    }

    fn run<T>(
        &mut self,
        sim: &Sim,
        work: impl for<'a> FnOnce(&'a DockerExecutor) -> Work<'a, T>,
    ) -> T {
        *self.sim.lock().unwrap() = Some(sim.clone());
        if sim.next_fault() == Some(Fault::Refused) {
            self.barrier();
        }
        let (silences, mut work) = (&mut self.silences, work(&self.executor));
        let done = self.runtime.block_on(async {
            loop {
                tokio::select! {
                    done = &mut work => return done,
                    Some(()) = silences.recv() => {
                        tokio::time::pause();
                        tokio::time::advance(SILENCE).await;
                        tokio::time::resume();
                    }
                }
            }
        });
        drop(work);
        // What the client gave up may still wait to be served: that belongs to this platform.
        if self.barrier().is_none() {
            self.listen_again.send(()).unwrap();
            while self.barrier().is_none() {
                std::thread::yield_now();
            }
        }
        while self.silences.try_recv().is_ok() {}
        done
    }

    /// Waits until everything before was served. `None` if the engine refuses connections.
    fn barrier(&self) -> Option<()> {
        let mut stream = match UnixStream::connect(socket(self.folder.path())) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return None,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => panic!("{error}"),
        };
        stream.set_read_timeout(Some(GUARD)).unwrap();
        // Cut off if it begins to refuse just now.
        stream.write_all(BARRIER).ok()?;
        stream.read_exact(&mut [0]).ok()
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("engine.sock")
}

struct Server {
    listener: Option<UnixListener>,
    socket: PathBuf,
    sim: Arc<Mutex<Option<Sim>>>,
    labels: Labels,
    falls_silent: UnboundedSender<()>,
    is_wanted: Receiver<()>,
}

impl Server {
    fn serve(mut self) {
        loop {
            let Some(listener) = &self.listener else {
                if self.is_wanted.recv().is_err() {
                    return;
                }
                let _ = std::fs::remove_file(&self.socket);
                self.listener = UnixListener::bind(&self.socket).ok();
                continue;
            };
            let Ok((stream, _)) = listener.accept() else { return };
            self.serve_one(stream);
        }
    }

    fn serve_one(&mut self, mut stream: UnixStream) {
        stream.set_read_timeout(Some(GUARD)).unwrap();
        let Some(request) = Request::read(&mut stream) else { return };
        let sim = self.sim.lock().unwrap().clone();
        let answered = match &sim {
            _ if request.path == "/barrier" => Answered::Bytes(b"x".to_vec()),
            sim => answer(sim.as_ref(), &mut self.labels, &request),
        };
        if let Some(sim) = sim.filter(|sim| sim.next_fault() == Some(Fault::Refused)) {
            // The next call finds nobody: it is over before it is made.
            self.listener = None;
            let _ = sim.call(stillme_rollback_docker::testing::DockerCall::List);
        }
        match answered {
            // Who asked may have given up.
            Answered::Bytes(bytes) => drop(stream.write_all(&bytes)),
            Answered::Cut => {}
            Answered::Silence => {
                let _ = self.falls_silent.send(());
                // Until the client goes.
                let _ = stream.read(&mut [0]);
            }
        }
    }
}

/// The real executor behind a socket, as the matrix wants one: it answers at once.
pub(crate) struct OverHttp {
    sim: Sim,
    wires: Wires,
}

impl OverHttp {
    pub(crate) fn new(sim: Sim, wires: Wires) -> Self {
        Self { sim, wires }
    }
}

impl fmt::Debug for OverHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverHttp").finish_non_exhaustive()
    }
}

#[async_trait]
impl Executor for OverHttp {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        let target = target.clone();
        self.wires
            .with(&self.sim, |executor| Box::pin(async move { executor.observe(&target).await }))
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        let run = run.clone();
        self.wires.with(&self.sim, |executor| Box::pin(async move { executor.facts(&run).await }))
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let (context, step) = (context.clone(), step.clone());
        self.wires.with(&self.sim, |executor| {
            Box::pin(async move { executor.apply(&context, &step).await })
        })
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let (context, step) = (context.clone(), step.clone());
        self.wires.with(&self.sim, |executor| {
            Box::pin(async move { executor.undo(&context, &step).await })
        })
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let run = run.clone();
        self.wires
            .with(&self.sim, |executor| Box::pin(async move { executor.evidence(&run).await }))
    }
}
