//! A connection that is a process: `ssh`, whose input and output are the engine's.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use stillme_rollback_core::{Disposition, Error, ErrorKind, Printable, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::SshHost;
use super::greeting::{self, Silence};

/// What is kept of the end of its messages.
const SAID_BYTES: usize = 2 << 10;
const SAID_LINES: usize = 5;
/// For the last words of a process that has ended. A master connection of `ssh` that stays behind may
/// hold them open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// A shell's answer to a command that it does not find.
const NO_SUCH_COMMAND: i32 = 127;

/// The process. When this is dropped, it is killed with everything that it started for itself (a
/// proxy command), and collected.
#[derive(Debug)]
pub(crate) struct Tunnel {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    messages: Messages,
    ended: Option<ExitStatus>,
}

/// Starts `ssh` and waits for the engine's first answer. Whatever goes wrong here, no request was
/// sent.
pub(super) async fn open(at: &SshHost, limit: Duration) -> Result<Tunnel> {
    let mut tunnel = start(at, limit)?;
    let silence = match timeout(limit, greeting::exchange(&mut tunnel)).await {
        Ok(Ok(())) => return Ok(tunnel),
        Ok(Err(silence)) => Some(silence),
        Err(_) => None,
    };
    let _ = timeout(LAST_WORDS, tunnel.messages.read_to_end()).await;
    let said = tunnel.messages.last_lines();
    let error = match silence {
        None => failed(at, format!("no engine answered within {} s", limit.as_secs_f32()))
            .with_hint(format!("nothing was sent; try `{}`", by_hand(at))),
        Some(silence) => explain(at, &silence, tunnel.ended),
    };
    Err(if said.is_empty() { error } else { error.with_context("ssh said", said) })
}

fn start(at: &SshHost, limit: Duration) -> Result<Tunnel> {
    let mut child = Command::new(at.program())
        .args(at.arguments(limit))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C at the terminal is for us to obey, at a time when nothing is half done.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(at, error))?;
    let (Some(input), Some(output), Some(messages)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(at, "ssh has no pipes"));
    };
    Ok(Tunnel { child, input, output, messages: Messages::new(messages), ended: None })
}

fn not_started(at: &SshHost, error: io::Error) -> Error {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let hint = if missing {
        "nothing was sent; install the ssh program (package openssh-client)"
    } else {
        "nothing was sent; can this user run the ssh program?"
    };
    failed(at, "the ssh program can't be started")
        .with_disposition(Disposition::Permanent)
        .with_context("program", at.program().display().to_string())
        .with_hint(hint)
        .with_source(error)
}

fn explain(at: &SshHost, silence: &Silence, ended: Option<ExitStatus>) -> Error {
    match (silence, ended.and_then(|status| status.code())) {
        (Silence::Rubbish(words), _) => Error::new(
            ErrorKind::Corrupt,
            "connect to engine",
            format!("what answers is no engine: `{words}`"),
        )
        .with_disposition(Disposition::Permanent)
        .with_context("engine", at.to_string())
        .with_hint("nothing was sent; a start-up file of the shell over there may print something, which it must not without a terminal"),
        (Silence::Closes, _) => failed(at, "the engine closes the connection behind each request")
            .with_disposition(Disposition::Permanent)
            .with_hint("nothing was sent; name the engine's own socket: ssh://user@host/path"),
        (_, Some(NO_SUCH_COMMAND)) => failed(at, "there is no docker command over there")
            .with_disposition(Disposition::Permanent)
            .with_hint("nothing was sent; install it there (18.09 or newer), where a shell without a terminal finds it"),
        // What ssh itself says of its failures.
        (_, Some(255)) => failed(at, "ssh has no connection").with_hint(format!(
            "nothing was sent; `{}` must work without a question",
            by_hand(at)
        )),
        _ => failed(at, "it ended before an engine answered").with_hint(
            "nothing was sent; does the engine run over there, and may that user use it?",
        ),
    }
}

fn failed(at: &SshHost, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, "connect to engine", message)
        .with_disposition(Disposition::Retry)
        .with_context("engine", at.to_string())
}

/// The command that shows an operator what goes wrong.
fn by_hand(at: &SshHost) -> String {
    format!("DOCKER_HOST={at} docker version")
}

impl Tunnel {
    /// What the end of the output means: the engine's end, or that of a process that failed.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let status = match self.ended {
            Some(status) => status,
            None => ready!(std::pin::pin!(self.child.wait()).poll(cx))?,
        };
        self.ended = Some(status);
        if status.success() {
            return Poll::Ready(Ok(()));
        }
        self.messages.drain(cx);
        let said = self.messages.last_lines();
        Poll::Ready(Err(io::Error::other(format!("ssh ended ({status}): {said}"))))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // Once it was collected, its number may be another's.
        let Some(id) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
            return;
        };
        // Gone is what it should be.
        let _ = kill_process_group(id, Signal::KILL);
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tunnel = self.get_mut();
        // A full pipe of messages would hold the process up.
        tunnel.messages.drain(cx);
        let before = buf.filled().len();
        ready!(Pin::new(&mut tunnel.output).poll_read(cx, buf))?;
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        tunnel.poll_end(cx)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().input).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().input).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().input).poll_shutdown(cx)
    }
}

/// The end of what a process says of itself.
#[derive(Debug)]
struct Messages {
    from: Option<ChildStderr>,
    kept: VecDeque<u8>,
}

impl Messages {
    fn new(from: ChildStderr) -> Self {
        Self { from: Some(from), kept: VecDeque::new() }
    }

    /// Takes what is there.
    fn drain(&mut self, cx: &mut Context<'_>) {
        let mut piece = [0; 1024];
        while let Some(from) = &mut self.from {
            let mut buf = ReadBuf::new(&mut piece);
            match Pin::new(from).poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    keep(&mut self.kept, buf.filled())
                }
                Poll::Ready(_) => self.from = None,
            }
        }
    }

    async fn read_to_end(&mut self) {
        let mut piece = [0; 1024];
        while let Some(from) = &mut self.from {
            match from.read(&mut piece).await {
                Ok(length) if length > 0 => keep(&mut self.kept, &piece[..length]),
                _ => self.from = None,
            }
        }
    }

    /// The last lines in one, safe to print.
    fn last_lines(&self) -> String {
        let text: Vec<u8> = self.kept.iter().copied().collect();
        last_lines(&String::from_utf8_lossy(&text))
    }
}

fn keep(kept: &mut VecDeque<u8>, piece: &[u8]) {
    kept.extend(piece);
    let surplus = kept.len().saturating_sub(SAID_BYTES);
    kept.drain(..surplus);
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(SAID_LINES)..];
    Printable(&last.join(" | ")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_messages_is_kept_in_one_printable_line() {
        let mut kept = VecDeque::new();
        for n in 0..1000 {
            keep(&mut kept, format!("line {n}\r\n\n").as_bytes());
        }
        assert_eq!(kept.len(), SAID_BYTES);
        let text = String::from_utf8(kept.into()).unwrap();
        assert_eq!(last_lines(&text), "line 995 | line 996 | line 997 | line 998 | line 999");
        assert_eq!(last_lines("\u{1b}]0;x\u{7}denied"), "\\u{1b}]0;x\\u{7}denied");
    }
}
