//! The journal: what a run meant to do and what it saw, durable before the next thing happens.
//!
//! Laws: **J1** no mutating request before its intent is durable. **J2** a result is written from an
//! observation. **J3** an `append` that came back `Ok` survives a power loss. **J4** after a failed
//! sync the journal is poisoned: nothing more is written, nothing more is done. **J5** what this
//! version does not know is refused, not skipped.

mod attachment;
mod codec;
mod file;
mod memory;
mod progress;
mod record;
mod rfc3339;
mod scan;
mod shorten;
mod timeline;
mod verify;

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::RunId;

pub use self::attachment::Attachment;
pub use self::codec::{Chain, FORMAT, Flaw, MAX_FIRST_LINE, MAX_LINE};
pub use self::file::{FileJournal, default_journal_dir};
pub use self::memory::{AppendFault, MemoryJournal};
pub use self::progress::{Progress, StepProgress};
pub use self::record::{Direction, Entry, ErrorNote, Record, StepOutcome};
pub use self::scan::MAX_FILE;
pub use self::timeline::Timeline;
pub use self::verify::{Verification, verify};

/// Keeps the records of runs.
///
/// # Contract
/// - `append` comes back `Ok` only when the record is durable, and keeps the order.
/// - A record whose `seq` is not the next one is refused (`Conflict`): two writers can't both win.
/// - After an error from `append` that is not [`Retry`](crate::Disposition::Retry), every later
///   `append` of that run fails as well, until it is opened again.
/// - `open` takes the run for writing: at most one holder at a time (`Held` otherwise).
/// - A request to give up stays until the holder lets go with `close`, so that a holder which died
///   before it saw the request does not lose it for the next one.
/// - `load` and `list` work while somebody else writes, and see at least what was durable before.
/// - A torn last record is dropped and a [`TailRepaired`](Entry::TailRepaired) written by `open`;
///   damage before good records is `Corrupt` and names the place.
///
/// [`check_journal`](crate::testing::conformance::check_journal) tests it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Creates a run's journal with its first record, a [`Begin`](Entry::Begin), and holds it.
    ///
    /// # Errors
    /// `Conflict` if the run exists; `Journal` if it can't be stored, in which case nothing may be
    /// touched.
    async fn create(&self, run: RunId, begin: &Record) -> Result<()>;

    /// Opens a run for writing and gives its records.
    ///
    /// # Errors
    /// `NotFound`, `Held`, `Corrupt`, `UnknownFormat`, `Journal`.
    async fn open(&self, run: RunId) -> Result<Vec<Record>>;

    /// Makes one more record durable.
    ///
    /// # Errors
    /// `Conflict` for a wrong `seq`, `Journal` if it can't be stored.
    async fn append(&self, run: RunId, record: &Record) -> Result<()>;

    /// Lets go of a run that was created or opened for writing. Not holding it is no error.
    ///
    /// # Errors
    /// `Journal` if the storage fails.
    async fn close(&self, run: RunId) -> Result<()>;

    /// Reads a run's records.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `UnknownFormat`, `Journal`.
    async fn load(&self, run: RunId) -> Result<Vec<Record>>;

    /// The runs that are stored, oldest first.
    ///
    /// # Errors
    /// `Journal` if the storage can't be read.
    async fn list(&self) -> Result<Vec<RunId>>;

    /// Stores a file of evidence beside a run's records, readable by its owner alone.
    ///
    /// The same name again replaces it, as a resumed run may not know that it was stored before.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is more than a name, `NotFound`, `Journal` if it can't be stored;
    /// the run goes on without it.
    async fn attach(&self, run: RunId, name: &str, content: &[u8]) -> Result<Attachment>;

    /// Asks whoever goes on with the run to give it up at its next step, now or when it is resumed.
    /// A later request replaces an earlier one. `who` is for people, and is cut when it is long.
    ///
    /// # Errors
    /// `NotFound`, `Journal`.
    async fn request_abort(&self, run: RunId, who: &str) -> Result<()>;

    /// Who asked for the run to be given up, if somebody did. Cheap: the holder asks before each step.
    ///
    /// # Errors
    /// `NotFound`, `Journal`.
    async fn abort_requested(&self, run: RunId) -> Result<Option<String>>;
}

/// How much of a request to give up is kept: a name and a reason.
const MAX_REQUEST: usize = 512;
