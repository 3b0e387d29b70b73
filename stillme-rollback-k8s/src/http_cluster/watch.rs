//! A watch: one JSON object a line, for as long as the server likes.
//!
//! Its connection is read all the time, by a task that ends with the watch. Read only when somebody asks for the next
//! change, a connection hands over at first what it had before, so that a look after a pause would miss what came
//! meanwhile: somebody's deploy.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use kube_client::client::Body;
use serde_json::Value;
use stillme_rollback_core::{Disposition, Error, ErrorKind, Printable, Result, Secret};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::cluster::{Change, Watch};

/// How long the server may take to tell all there is at the beginning.
const BEGINNING: Duration = Duration::from_secs(30);
/// The longest line that is read: an object has at most 1.5 MiB.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Pieces that wait for somebody to look; more stay in the connection.
const MOST_PIECES: usize = 4096;

type Piece = std::result::Result<Bytes, kube_client::Error>;

/// The task that reads a connection, ended with its watch.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands over what comes, until the server ends it or nobody wants it any more.
async fn read(mut body: Body, pieces: mpsc::Sender<Piece>) {
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => frame.into_data().map(Ok),
            Err(error) => Ok(Err(error)),
        };
        // Trailers say nothing here.
        let Ok(piece) = piece else { continue };
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

pub(super) struct HttpWatch {
    operation: String,
    frames: mpsc::Receiver<Piece>,
    _reader: Reader,
    buffer: BytesMut,
    /// Until when all that was there at the beginning must have been told.
    begins_by: Option<Instant>,
}

impl HttpWatch {
    pub(super) fn new(operation: String, body: Body) -> Self {
        let (sender, frames) = mpsc::channel(MOST_PIECES);
        let reader = Reader(tokio::spawn(read(body, sender)));
        let begins_by = Some(Instant::now() + BEGINNING);
        Self { operation, frames, _reader: reader, buffer: BytesMut::new(), begins_by }
    }

    fn broken(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Interrupted, self.operation.clone(), message)
            .with_disposition(Disposition::Retry)
    }

    /// A whole line that has come, without its end.
    fn line(&mut self) -> Option<BytesMut> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
        let mut line = self.buffer.split_to(end + 1);
        line.truncate(end);
        Some(line)
    }

    fn read(&self, line: &[u8]) -> Result<Option<Change>> {
        let mut event: Value =
            serde_json::from_slice(line).map_err(|_| self.broken("a line is not JSON"))?;
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let object = event.get_mut("object").map(Value::take).unwrap_or_default();
        match kind.as_str() {
            "ADDED" | "MODIFIED" => Ok(Some(Change::Is(Secret::new(object)))),
            "DELETED" => Ok(Some(Change::Gone(Secret::new(object)))),
            "BOOKMARK" => {
                let annotations = object.pointer("/metadata/annotations");
                let end = annotations.and_then(|all| all.get("k8s.io/initial-events-end"));
                Ok((end.and_then(Value::as_str) == Some("true")).then_some(Change::Synced))
            }
            _ => {
                let said = object.get("message").and_then(Value::as_str).unwrap_or_default();
                let shown: String = said.chars().take(300).collect();
                Err(self.broken(format!("the server ended it: {}", Printable(&shown))))
            }
        }
    }
}

#[async_trait]
impl Watch for HttpWatch {
    async fn next(&mut self) -> Result<Option<Change>> {
        loop {
            while let Some(line) = self.line() {
                if let Some(change) = self.read(&line)? {
                    if matches!(change, Change::Synced) {
                        self.begins_by = None;
                    }
                    return Ok(Some(change));
                }
            }
            if self.buffer.len() > MOST_BYTES {
                return Err(self.broken("a line has no end"));
            }
            let frame = match self.begins_by {
                Some(limit) => timeout_at(limit, self.frames.recv())
                    .await
                    .map_err(|_| self.broken("the server did not tell all there is in time"))?,
                None => self.frames.recv().await,
            };
            match frame {
                // What the server did not finish does not count.
                None => return Ok(None),
                Some(Ok(data)) => self.buffer.extend_from_slice(&data),
                Some(Err(error)) => {
                    return Err(self.broken("the connection broke").with_source(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(body: &str) -> HttpWatch {
        HttpWatch::new("watch pods".to_owned(), Body::from(body.as_bytes().to_vec()))
    }

    #[tokio::test]
    async fn lines_are_changes() {
        let body = concat!(
            r#"{"type":"ADDED","object":{"a":1}}"#,
            "\n",
            r#"{"type":"BOOKMARK","object":{"metadata":{"annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
            "\n",
            r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#,
            "\n",
            r#"{"type":"DELETED","object":{"a":2}}"#,
            "\n",
            r#"{"type":"ADDED","object":{"cut"#,
        );
        let mut watch = watch(body);
        assert!(
            matches!(watch.next().await, Ok(Some(Change::Is(object))) if object.expose()["a"] == 1)
        );
        assert!(matches!(watch.next().await, Ok(Some(Change::Synced))));
        assert!(
            matches!(watch.next().await, Ok(Some(Change::Gone(object))) if object.expose()["a"] == 2)
        );
        assert!(matches!(watch.next().await, Ok(None)));
    }

    #[tokio::test]
    async fn an_error_of_the_server_ends_it() {
        let body = "{\"type\":\"ERROR\",\"object\":{\"message\":\"too old resource version\"}}\n";
        let error = watch(body).next().await.unwrap_err();
        assert!(error.to_string().contains("too old resource version"), "{error}");
        assert_eq!(error.disposition(), Disposition::Retry);
        assert!(watch("rubbish\n").next().await.is_err());
    }
}
