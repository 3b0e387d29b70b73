//! A process with limits: of time, of output, and of what it can leave behind.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use stillme_rollback_core::{Disposition, Error, ErrorKind, Printable, Result, Secret};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Bytes of each stream that are read. A whole configuration is some hundred KiB at most.
const CAP: u64 = 4 << 20;

/// How long the streams of a process that was killed may still be read.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// A program with its arguments. There is no shell: arguments are what they are.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) dir: Option<PathBuf>,
    /// What is set beside the environment of this process.
    pub(super) env: Vec<(OsString, OsString)>,
}

/// What a process printed, and how it ended. Its output may hold secrets.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) out: Secret<Vec<u8>>,
    pub(super) err: Secret<Vec<u8>>,
}

/// What runs processes: the system, or a model of the compose command.
#[async_trait]
pub(super) trait Launch: fmt::Debug + Send + Sync {
    /// Runs a process to its end, for at most `limit`. `held` is a file that it keeps open for as long as
    /// it lives.
    ///
    /// # Errors
    /// `NotFound` if there is no such program, `Timeout` when `limit` is over, `Rejected` when it
    /// prints without end; in both cases it is killed with all that it started.
    async fn run(
        &self,
        process: &Process,
        doing: &str,
        limit: Duration,
        held: Option<File>,
    ) -> Result<Ended>;
}

/// The system itself.
#[derive(Debug)]
pub(super) struct System;

#[async_trait]
impl Launch for System {
    async fn run(
        &self,
        process: &Process,
        doing: &str,
        limit: Duration,
        held: Option<File>,
    ) -> Result<Ended> {
        process.run(doing, limit, held).await
    }
}

impl Process {
    pub(super) fn new(program: &Path) -> Self {
        let (arguments, env) = (Vec::new(), Vec::new());
        Self { program: program.to_owned(), arguments, dir: None, env }
    }

    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(super) fn args<S: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = S>) -> Self {
        arguments.into_iter().fold(self, |process, argument| process.arg(argument))
    }

    /// Runs it as [`Launch::run`] says.
    pub(super) async fn run(
        &self,
        doing: &str,
        limit: Duration,
        held: Option<File>,
    ) -> Result<Ended> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(held.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C at the terminal is for us to answer, not for it.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        let mut child = command.spawn().map_err(|error| self.not_started(doing, error))?;
        let group = Group::of(&child);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reading = async { tokio::join!(read(out), read(err)) };
        let ending = async {
            let (out, err) = reading.await;
            // Who prints more than is read would wait for a reader for ever.
            let too_much = out.len() as u64 > CAP || err.len() as u64 > CAP;
            if too_much { None } else { Some((out, err, child.wait().await)) }
        };
        let (error, kind) = match timeout(limit, ending).await {
            Ok(Some((out, err, Ok(status)))) => {
                group.done();
                return Ok(Ended { status, out: Secret::new(out), err: Secret::new(err) });
            }
            Ok(Some((_, _, Err(error)))) => (error.to_string(), ErrorKind::Unexpected),
            Ok(None) => (format!("it printed more than {CAP} bytes"), ErrorKind::Rejected),
            Err(_) => (
                format!("no end within {} s, so it was killed", limit.as_secs()),
                ErrorKind::Timeout,
            ),
        };
        group.kill();
        // Collected, so that no dead child is left behind.
        let _ = timeout(AFTERWARDS, child.wait()).await;
        Err(Error::new(kind, doing, error)
            .with_disposition(Disposition::InDoubt)
            .with_context("command", self.shown()))
    }

    fn not_started(&self, doing: &str, error: std::io::Error) -> Error {
        let (kind, hint) = match error.kind() {
            std::io::ErrorKind::NotFound => (ErrorKind::NotFound, "nothing was touched"),
            _ => (ErrorKind::Unavailable, "nothing was touched"),
        };
        Error::new(kind, doing, "the program can't be started")
            .with_disposition(Disposition::Permanent)
            .with_context("command", self.shown())
            .with_hint(hint)
            .with_source(error)
    }

    /// The program's name, for people.
    fn shown(&self) -> String {
        Printable(&self.program.to_string_lossy()).to_string()
    }
}

/// Reads one byte more than the cap, so that too much is seen.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // A stream that breaks has ended: what counts is the exit code.
        let _ = stream.take(CAP + 1).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The process group of a child. Killed when it is dropped, unless the child has ended by itself.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        Self(pid.and_then(Pid::from_raw))
    }

    fn done(mut self) {
        self.0 = None;
    }

    fn kill(&self) {
        if let Some(group) = self.0 {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::new(Path::new("/bin/sh")).arg("-c").arg(script)
    }

    #[tokio::test]
    async fn it_ends_with_its_code_and_its_output() {
        let ended = shell("echo out; echo err >&2; exit 3")
            .run("try", Duration::from_secs(20), None)
            .await
            .unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(
            (&ended.out.expose()[..], &ended.err.expose()[..]),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }

    #[tokio::test]
    async fn who_hangs_is_killed_with_all_that_he_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let limit = Duration::from_millis(500);
        let error = shell(&script).run("try", limit, None).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.is_in_doubt());
        let pid = std::fs::read_to_string(&file).unwrap();
        let gone = async {
            while is_alive(pid.trim()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), gone).await.expect("its child is killed as well");
    }

    /// A process that waits to be collected is dead.
    fn is_alive(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn who_prints_without_end_is_killed() {
        let error = shell("cat /dev/zero").run("try", Duration::from_secs(20), None).await.err();
        assert!(error.unwrap().to_string().contains("more than"));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let missing = Process::new(Path::new("/no/such/program"));
        let error = missing.run("try", Duration::from_secs(1), None).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }
}
