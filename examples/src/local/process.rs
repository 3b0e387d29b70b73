//! An instance: one process of the service.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use super::Environment;

/// How long a process may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// How often its end is looked for.
const POLL: Duration = Duration::from_millis(5);

/// A process, ended when this is dropped.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the service with nothing in its environment but this.
    pub(super) fn spawn(
        binary: &Path,
        log: PathBuf,
        environment: &Environment,
    ) -> io::Result<Self> {
        let output = std::fs::File::options().create(true).append(true).open(&log)?;
        let child = Command::new(binary)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()?;
        Ok(Self { child, log })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(in_words(status)),
            Err(error) => Some(format!("can't be looked at: {error}")),
        }
    }

    /// Writes a line behind what it printed.
    pub(super) fn note(&self, line: &str) {
        // A line for people: without it the story is shorter, not wrong.
        if let Ok(mut log) = std::fs::File::options().append(true).open(&self.log) {
            let _ = writeln!(log, "{line}");
        }
    }

    /// SIGTERM, and SIGKILL for who does not listen.
    pub(super) async fn stop(mut self) {
        // The pid is that of our child: until it is collected, no other process can have it.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let gone = async {
            while self.ended().is_none() {
                sleep(POLL).await;
            }
        };
        // Dropping it does the rest.
        let _ = timeout(GRACE, gone).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_words(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => format!("ended: {status}"),
    }
}
