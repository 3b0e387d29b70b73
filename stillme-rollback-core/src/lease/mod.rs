//! The lease: one run at a time for a target.

mod file;
mod memory;
mod refusal;

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::RunId;
use crate::target::Target;

pub use self::file::{FileLease, default_lease_dir};
pub use self::memory::MemoryLease;

/// Who holds a target, as the refusal of the next one tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// Since when.
    pub since: SystemTime,
    /// The step that it is at.
    pub step: Option<String>,
}

impl Holder {
    /// This process, at no step yet.
    pub fn new(run: RunId, host: impl Into<String>, since: SystemTime) -> Self {
        Self { run, pid: std::process::id(), host: host.into(), since, step: None }
    }
}

/// Gives targets to runs, one at a time.
///
/// # Contract
/// - While a [`Held`] lives, `acquire` of the same target fails with `Held`, whoever asks.
/// - A holder that died needs no human to unlock: a lock of the operating system is gone with its
///   process, a lease of a server runs out.
/// - The refusal names the holder, its process, its step and since when, and the commands that go on
///   with its run or give it up.
///
/// [`check_lease`](crate::testing::conformance::check_lease) tests it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Lease: fmt::Debug + Send + Sync + 'static {
    /// Takes the target for the holder's run.
    ///
    /// # Errors
    /// `Held` as the contract says; `Unavailable` if it can't be known.
    async fn acquire(&self, target: &Target, holder: &Holder) -> Result<Box<dyn Held>>;
}

/// A target that is held. Dropping it lets go.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Held: fmt::Debug + Send + Sync + 'static {
    /// Tells who asks which step the run is at. Best effort.
    fn note_step(&self, step: &str);

    /// Whether it is certainly still ours. Asked before every mutating request.
    ///
    /// # Errors
    /// `Held` if somebody else has it now, `Unavailable` if it can't be known.
    async fn confirm(&self) -> Result<()>;
}
