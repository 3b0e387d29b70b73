//! What a check may need of a platform: to run a command beside the service, connect to it, read its
//! logs and its usage. Small traits, so that checks depend on no platform and platforms on no check.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::redact::Secret;

/// An instance of a service on its platform: a container's id, a pod's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance(pub String);

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a command printed and how it ended. The output is the service's own: it may hold secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExecOutput {
    /// The exit code.
    pub code: i64,
    /// What it printed, both streams, capped by the implementation.
    pub output: Secret<Vec<u8>>,
}

impl ExecOutput {
    /// A command's end.
    pub fn new(code: i64, output: Vec<u8>) -> Self {
        Self { code, output: Secret::new(output) }
    }
}

impl fmt::Debug for ExecOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecOutput").field("code", &self.code).finish_non_exhaustive()
    }
}

/// Runs a command inside an instance. No shell: the arguments are passed as they are.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Exec: fmt::Debug + Send + Sync + 'static {
    /// Runs `command` and waits for its end, for at most `limit`.
    ///
    /// # Errors
    /// `NotFound` for an instance that is gone, `Conflict` for one that does not run, `Timeout`.
    async fn exec(
        &self,
        instance: &Instance,
        command: &[String],
        limit: Duration,
    ) -> Result<ExecOutput>;
}

/// Finds the way to a port of an instance.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// An address at which the instance's port can be reached from here.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    async fn dial(&self, instance: &Instance, port: u16) -> Result<SocketAddr>;
}

/// Reads the last lines that an instance printed.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait LogSource: fmt::Debug + Send + Sync + 'static {
    /// The last `lines` lines, oldest first, at most `bytes` bytes.
    ///
    /// # Errors
    /// `NotFound` for an instance that is gone; `Unsupported` where logs can't be read back.
    async fn last_lines(
        &self,
        instance: &Instance,
        lines: usize,
        bytes: usize,
    ) -> Result<Secret<Vec<u8>>>;
}

/// What an instance uses at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// CPU time used since its start.
    pub cpu: Duration,
    /// Memory in bytes, page cache left out.
    pub memory: u64,
    /// The limit of its memory in bytes, if it has one.
    pub memory_limit: Option<u64>,
}

/// Reads what an instance uses.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ResourceSource: fmt::Debug + Send + Sync + 'static {
    /// The usage now.
    ///
    /// # Errors
    /// `NotFound` for an instance that is gone, `Conflict` for one that does not run.
    async fn usage(&self, instance: &Instance) -> Result<Usage>;
}
