//! This program once more, as a process of its own: for what is measured of a whole process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use stillme_rollback_benches::Result;
use tempfile::TempDir;

use super::{crowd, leases, resume};

/// What a process is for. The main one has no role.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// Many runs at once.
    Crowd,
    /// Goes on with the run in this folder.
    Resume(PathBuf),
    /// Takes a lease in this folder, and is killed.
    Hold(PathBuf),
}

impl Role {
    pub(crate) fn of_this_process() -> Option<Self> {
        let mut arguments = std::env::args_os().skip(1);
        let role = arguments.next()?;
        let mut folder = || arguments.next().map(PathBuf::from);
        match role.to_str()? {
            "crowd" => Some(Self::Crowd),
            "resume" => folder().map(Self::Resume),
            "hold" => folder().map(Self::Hold),
            _ => None,
        }
    }

    pub(crate) fn play(self) -> Result<()> {
        match self {
            Self::Crowd => crowd::play(),
            Self::Resume(folder) => resume::play(&folder),
            Self::Hold(folder) => leases::play(&folder),
        }
    }

    /// Starts a process with this role.
    pub(crate) fn start(&self) -> Result<Player> {
        let mut command = Command::new(std::env::current_exe()?);
        match self {
            Self::Crowd => command.arg("crowd"),
            Self::Resume(folder) => command.arg("resume").arg(folder),
            Self::Hold(folder) => command.arg("hold").arg(folder),
        };
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().map(BufReader::new).ok_or("no output")?;
        Ok(Player { process, output })
    }
}

/// A process with a role. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Player {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Player {
    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("a process of the figures ended without its figure".into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kill();
    }
}

/// A folder that goes when it is dropped; on tmpfs where there is one.
#[derive(Debug)]
pub(crate) struct Scratch {
    dir: TempDir,
    is_tmpfs: bool,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let tmpfs = Path::new("/dev/shm");
        let is_tmpfs = tmpfs.is_dir();
        let dir = if is_tmpfs { TempDir::new_in(tmpfs)? } else { TempDir::new()? };
        Ok(Self { dir, is_tmpfs })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn kind(&self) -> &'static str {
        if self.is_tmpfs { "tmpfs" } else { "disk" }
    }
}

/// Runs work on a runtime of one thread.
pub(crate) fn on_a_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(work)
}

/// A time as it travels between processes.
pub(crate) fn micros(text: &str) -> Result<Duration> {
    Ok(Duration::from_micros(text.parse()?))
}
