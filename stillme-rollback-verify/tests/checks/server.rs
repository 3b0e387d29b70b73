//! A server on loopback that answers, byte by byte, as a test says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What a server does with a connection after it has read the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Sends the bytes again and again, with a pause, until the client goes away.
    Endlessly(Vec<u8>, Duration),
    /// Sends nothing more and keeps the connection open.
    Hang,
}

impl Reply {
    /// Nothing: the connection is closed at once.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// A whole answer.
    pub(crate) fn status(status: u16, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        Self::head(status, &[("Content-Length", &body.len().to_string())]).send(body)
    }

    /// A redirect.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::head(302, &[("Content-Length", "0"), ("Location", location)])
    }

    /// A status line and headers.
    pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        Self::nothing().send(head + "\r\n")
    }

    pub(crate) fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    pub(crate) fn pause(mut self, millis: u64) -> Self {
        self.steps.push(Step::Pause(Duration::from_millis(millis)));
        self
    }

    pub(crate) fn endlessly(mut self, bytes: impl AsRef<[u8]>, pause_millis: u64) -> Self {
        let pause = Duration::from_millis(pause_millis);
        self.steps.push(Step::Endlessly(bytes.as_ref().to_vec(), pause));
        self
    }

    pub(crate) fn hang(mut self) -> Self {
        self.steps.push(Step::Hang);
        self
    }

    /// Plays it to a client.
    pub(crate) async fn play(self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        for step in self.steps {
            let gone = match step {
                Step::Send(bytes) => stream.write_all(&bytes).await.is_err(),
                Step::Pause(time) => {
                    sleep(time).await;
                    false
                }
                Step::Endlessly(bytes, pause) => loop {
                    if stream.write_all(&bytes).await.is_err() {
                        break true;
                    }
                    sleep(pause).await;
                },
                Step::Hang => stream.read(&mut [0]).await.is_err(),
            };
            if gone {
                return;
            }
        }
        let _ = stream.shutdown().await;
    }
}

/// A server that lives as long as this value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers request `n`, counted from 0, as `script` says.
    pub(crate) async fn start(
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (counter, script) = (Arc::clone(&counter), Arc::clone(&script));
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    let n = counter.fetch_add(1, Ordering::SeqCst);
                    script(n, &request).play(&mut stream).await;
                });
            }
        });
        Self { address, requests, task }
    }

    /// Answers every request in the same way.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the head of a request.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte).await, Ok(1)) {
        request.push(byte[0]);
    }
    String::from_utf8_lossy(&request).into_owned()
}
