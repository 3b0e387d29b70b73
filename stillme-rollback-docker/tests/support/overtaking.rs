//! A socket before the engine's own, at which somebody else is faster: right before a write of ours
//! goes through, after we looked, they do something to the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stillme_rollback_docker::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The proxy. Gone when dropped.
pub(crate) struct Overtaking {
    folder: tempfile::TempDir,
    writes: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

/// The write that is held: it goes on when this is sent, and its connection is cut when this is dropped.
pub(crate) type Held = oneshot::Sender<()>;

impl Overtaking {
    /// A proxy before an engine on a socket of this machine, and where write number `at` (from 0) is
    /// told, which is held until then.
    pub(crate) fn before(endpoint: &Endpoint, at: usize) -> Option<(Self, mpsc::Receiver<Held>)> {
        let Endpoint::Unix(engine) = endpoint else { return None };
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let (tell, held) = mpsc::channel(1);
        let writes = Arc::<AtomicUsize>::default();
        let gate = Gate { engine: engine.clone(), at, writes: Arc::clone(&writes), tell };
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(gate.clone().carry(client));
            }
        });
        Some((Self { folder, writes, server }, held))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// How many writes went through.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }
}

impl Drop for Overtaking {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Gate {
    engine: PathBuf,
    at: usize,
    writes: Arc<AtomicUsize>,
    tell: mpsc::Sender<Held>,
}

impl Gate {
    /// One request: the client makes a connection for each.
    async fn carry(self, mut client: UnixStream) {
        let mut head = Vec::new();
        while !head.contains(&b'\n') {
            let mut piece = [0; 4096];
            match client.read(&mut piece).await {
                Ok(n) if n > 0 => head.extend_from_slice(&piece[..n]),
                _ => return,
            }
        }
        let line = String::from_utf8_lossy(&head).into_owned();
        let line = line.lines().next().unwrap_or_default();
        // A command in a container is how a health check is made.
        let is_write = !line.starts_with("GET ") && !line.contains("/exec");
        if is_write && self.writes.fetch_add(1, Ordering::Relaxed) == self.at {
            let (go_on, wait) = oneshot::channel();
            if self.tell.send(go_on).await.is_err() || wait.await.is_err() {
                return;
            }
        }
        let Ok(mut server) = UnixStream::connect(&self.engine).await else { return };
        if server.write_all(&head).await.is_ok() {
            // Either end may go at any time.
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    }
}
