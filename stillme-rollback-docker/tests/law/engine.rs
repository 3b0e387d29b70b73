//! The engine as the tests speak to it: one request a connection, over the unix socket. It is not
//! the client under test, so that a defect there can't hide one here.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use stillme_rollback_docker::recreate::ApiVersion;

/// Longer than any single call takes: an image is built within a second.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Engine {
    socket: PathBuf,
    pub(crate) api: ApiVersion,
}

impl Engine {
    /// The engine, if one answers.
    pub(crate) fn find() -> Result<Self, String> {
        let host = std::env::var("DOCKER_HOST")
            .unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let socket =
            host.strip_prefix("unix://").ok_or_else(|| format!("{host} is no unix socket"))?.into();
        let mut engine = Self { socket, api: ApiVersion::new(1, 24) };
        let (status, body) = engine.send("GET", "/version", "application/json", &[])?;
        let version: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let api = version["ApiVersion"].as_str().filter(|_| status == 200);
        let api: ApiVersion =
            api.ok_or("it does not say its version")?.parse().map_err(|_| "unread version")?;
        engine.api = api.min(ApiVersion::new(1, 51));
        Ok(engine)
    }

    /// A call with a JSON body; the answer's status and JSON.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (status, answer) = self.raw(method, path, "application/json", &body);
        (status, serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    /// A call with any body.
    pub(crate) fn raw(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let path = format!("/v{}{path}", self.api);
        self.send(method, &path, kind, body).expect("the engine answers")
    }

    /// HTTP/1.0, so that the answer ends with the connection and is not cut in chunks.
    fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), String> {
        let text = |error: std::io::Error| format!("{}: {error}", self.socket.display());
        let mut stream = UnixStream::connect(&self.socket).map_err(text)?;
        stream.set_read_timeout(Some(LIMIT)).map_err(text)?;
        stream.set_write_timeout(Some(LIMIT)).map_err(text)?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(text)?;
        stream.write_all(body).map_err(text)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(text)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no answer")?;
        let status =
            std::str::from_utf8(&answer[..end]).ok().and_then(|head| head.get(9..12)?.parse().ok());
        Ok((status.ok_or("no status")?, answer.split_off(end + 4)))
    }
}

/// A tar archive of small files, as engines take them.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        let mut header = [0u8; 512];
        let mut put =
            |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000755\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}
