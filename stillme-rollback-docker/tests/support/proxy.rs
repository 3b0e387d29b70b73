//! A socket before the engine's own, that can be cut: what an engine that is gone looks like, without
//! touching the engine.

#![allow(dead_code, reason = "each test program uses its part of it")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use stillme_rollback_docker::Endpoint;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The proxy. Cut when dropped.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    engine: PathBuf,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// A proxy before an engine, if that is on a socket of this machine.
    pub(crate) fn before(endpoint: &Endpoint) -> Option<Self> {
        let Endpoint::Unix(engine) = endpoint else { return None };
        let folder = tempfile::tempdir().unwrap();
        let proxy = Self { folder, engine: engine.clone(), serving: Mutex::new(None) };
        proxy.mend();
        Some(proxy)
    }

    /// Where it listens.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Takes connections (again).
    pub(crate) fn mend(&self) {
        let listener = UnixListener::bind(self.path()).unwrap();
        let task = tokio::spawn(serve(listener, self.engine.clone()));
        *self.serving.lock().unwrap() = Some(task);
    }

    /// Breaks every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        // Dropping the task drops the set with every connection's task.
        if let Some(task) = self.serving.lock().unwrap().take() {
            task.abort();
        }
        std::fs::remove_file(self.path()).unwrap();
    }
}

async fn serve(listener: UnixListener, engine: PathBuf) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, engine.clone()));
    }
}

async fn carry(mut client: UnixStream, engine: impl AsRef<Path>) {
    if let Ok(mut server) = UnixStream::connect(engine).await {
        // Either end may go at any time: that is what it is for.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
