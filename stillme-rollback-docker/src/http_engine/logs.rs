//! What a container printed.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result, Secret};

use super::containers;
use crate::http::frames::Frames;
use crate::http::{Call, Client};
use crate::names::ContainerId;

pub(super) async fn last(
    client: &Client,
    id: &ContainerId,
    lines: usize,
    bytes: usize,
) -> Result<Secret<Vec<u8>>> {
    let call = Call::reading("read logs of container", format!("/containers/{id}/logs"))
        .about("container", id.short())
        .query("stdout", "true")
        .query("stderr", "true")
        .query("tail", lines.to_string());
    // A terminal's output is one stream, without frames. Old engines do not say so with the answer.
    let has_terminal = containers::look(client, &id.into())
        .await?
        .is_some_and(|container| container.expose()["Config"]["Tty"] == Value::Bool(true));
    let mut tail = Tail::new(bytes);
    let mut frames = Frames::default();
    client
        .stream(&call, &mut |piece| {
            if has_terminal {
                tail.push(piece);
                return Ok(());
            }
            frames.feed(piece, |content| tail.push(content)).map_err(|_| {
                Error::new(
                    ErrorKind::Corrupt,
                    "read logs of container",
                    "the engine's answer is no output of a container",
                )
            })
        })
        .await?;
    Ok(Secret::new(tail.into_bytes()))
}

/// The last bytes of a stream.
struct Tail {
    kept: Vec<u8>,
    cap: usize,
}

impl Tail {
    fn new(cap: usize) -> Self {
        Self { kept: Vec::new(), cap }
    }

    fn push(&mut self, piece: &[u8]) {
        self.kept.extend_from_slice(piece);
        // Moved only once twice the cap is reached, so that each byte moves once on average.
        if self.kept.len() > self.cap.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let surplus = self.kept.len().saturating_sub(self.cap);
        self.kept.drain(..surplus);
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.cut();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_whatever_the_pieces() {
        let text = b"0123456789";
        for size in 1..=text.len() {
            for cap in 0..=text.len() + 1 {
                let mut tail = Tail::new(cap);
                text.chunks(size).for_each(|piece| tail.push(piece));
                let expected = &text[text.len().saturating_sub(cap)..];
                assert_eq!(tail.into_bytes(), expected, "{size} {cap}");
            }
        }
    }
}
