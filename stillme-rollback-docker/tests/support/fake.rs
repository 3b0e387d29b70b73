//! A fake engine on a socket: it answers as a test says, also with what no engine should answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::{Endpoint, HttpEngine};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// How the fake engine answers a request.
pub(crate) enum Reply {
    /// For the version: what an engine of API 1.41 says.
    AsUsual,
    /// A status with a JSON body.
    Json(u16, Value),
    /// These bytes as they are; then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes, then those over and over until nobody listens, with a pause between.
    Endless(Vec<u8>, Vec<u8>, Duration),
    /// Nothing, for ever.
    Silence,
    /// The connection is closed before the request is read.
    Reset,
}

/// A fake engine. Gone when dropped.
pub(crate) struct FakeEngine {
    folder: TempDir,
    seen: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl FakeEngine {
    /// Starts it. `answer` gets the first line of each request (`POST /v1.41/…`) and its body.
    pub(crate) fn start(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), seen.clone());
        let server = tokio::spawn(async move {
            // Connections live in the set: they end with the server.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { folder, seen, server }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// A client with short limits: 2 s for a call.
    pub(crate) async fn client(&self) -> HttpEngine {
        let mut limits = Limits::default();
        limits.call = Duration::from_secs(2);
        let client = Client::connect_to(Endpoint::Unix(self.socket()), limits).await;
        HttpEngine::new(client.unwrap())
    }

    /// The first lines of the requests, that for the version left out.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What an engine of API 1.41 says to `GET /version`.
pub(crate) fn version_1_41() -> Value {
    json!({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"})
}

async fn serve(
    mut stream: UnixStream,
    answer: Arc<impl Fn(&str, &str) -> Reply + Send + Sync>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let Some((line, body)) = read_request(&mut stream).await else {
        return;
    };
    if !line.starts_with("GET /version ") {
        seen.lock().unwrap().push(line.clone());
    }
    // Who asked may be gone by now: that is what some tests are about.
    let _ = match answer(&line, &body) {
        Reply::AsUsual => stream.write_all(&json_answer(200, &version_1_41())).await,
        Reply::Json(status, body) => stream.write_all(&json_answer(status, &body)).await,
        Reply::Raw(bytes) => stream.write_all(&bytes).await,
        Reply::Endless(first, next, pause) => endless(&mut stream, &first, &next, pause).await,
        Reply::Silence => std::future::pending().await,
        Reply::Reset => Ok(()),
    };
}

/// A whole answer with a JSON body.
pub(crate) fn json_answer(status: u16, body: &Value) -> Vec<u8> {
    let text = if matches!(status, 204 | 304) { String::new() } else { body.to_string() };
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

async fn endless(
    stream: &mut UnixStream,
    first: &[u8],
    next: &[u8],
    pause: Duration,
) -> std::io::Result<()> {
    stream.write_all(first).await?;
    loop {
        stream.write_all(next).await?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}

/// The first line of a request and its body.
async fn read_request(stream: &mut UnixStream) -> Option<(String, String)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
            })
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some((head.lines().next()?.to_owned(), body.to_owned()));
        }
    }
}
