//! Commands in a container: made, started, and asked for their end.
//!
//! No upgrade of the connection is asked for. Without one the engine sends the output as an answer's
//! body up to its end, which every proxy carries; nothing is ever written to the command.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use stillme_rollback_core::{Error, ErrorKind, ExecOutput, Result};
use tokio::time::Instant;

use crate::http::frames::Frames;
use crate::http::{Call, Client, segment};
use crate::names::ContainerId;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ended {
    running: bool,
    exit_code: Option<i64>,
}

pub(super) async fn run(
    client: &Client,
    id: &ContainerId,
    command: &[String],
    limit: Duration,
    bytes: usize,
) -> Result<ExecOutput> {
    let deadline = Instant::now() + limit;
    let left = || deadline.saturating_duration_since(Instant::now());
    let make = Call::posting("make command in container", format!("/containers/{id}/exec"))
        .about("container", id.short())
        .within(left().min(client.limits().call))
        .json(&json!({ "Cmd": command, "AttachStdout": true, "AttachStderr": true }));
    let made: Made = client.call(&make).await?.json(&make)?;
    let exec = segment(&made.id);

    let start = Call::posting("run command in container", format!("/exec/{exec}/start"))
        .about("container", id.short())
        .within(left())
        .json(&json!({ "Detach": false, "Tty": false }));
    let output = collect(client, &start, bytes).await?;

    let ask = Call::reading("ask for end of command in container", format!("/exec/{exec}/json"))
        .about("container", id.short());
    let ended: Ended = client.call(&ask).await?.json(&ask)?;
    match ended.exit_code {
        Some(code) if !ended.running => Ok(ExecOutput::new(code, output)),
        // It closed its output and goes on, or the engine lost it.
        _ => Err(Error::new(
            ErrorKind::Interrupted,
            "run command in container",
            "the command's output ended and the command did not",
        )
        .with_context("container", id.short())),
    }
}

/// The first `bytes` bytes of the output. The rest is read and dropped, so that the command does not
/// wait for a reader.
async fn collect(client: &Client, start: &Call, bytes: usize) -> Result<Vec<u8>> {
    let (mut frames, mut output) = (Frames::default(), Vec::new());
    client
        .stream(start, &mut |piece| {
            frames
                .feed(piece, |content| {
                    let room = bytes.saturating_sub(output.len());
                    output.extend_from_slice(&content[..content.len().min(room)]);
                })
                .map_err(|_| {
                    Error::new(
                        ErrorKind::Corrupt,
                        "run command in container",
                        "the engine's answer is no output of a command",
                    )
                })
        })
        .await?;
    Ok(output)
}
