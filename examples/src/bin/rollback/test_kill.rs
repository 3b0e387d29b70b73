//! For tests alone: a journal at whose n-th record the tool kills itself, as `kill -9` would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use stillme_rollback_core::journal::{Attachment, Journal, Record};
use stillme_rollback_core::{Error, ErrorKind, Result, RunId};

/// The number of the record, from 1.
const AT: &str = "STILLME_TEST_KILL_AT";
/// `before` or `after` it is durable; `after` unless it says so.
const WHEN: &str = "STILLME_TEST_KILL_WHEN";

/// The journal, with the trap that the environment asks for.
pub(crate) fn watched(journal: Arc<dyn Journal>) -> Result<Arc<dyn Journal>> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(at) = set(AT) else { return Ok(journal) };
    let at = at.parse().map_err(|_| invalid(AT, "a number"))?;
    let before = match set(WHEN).as_deref() {
        Some("before") => true,
        None | Some("after") => false,
        Some(_) => return Err(invalid(WHEN, "`before` or `after`")),
    };
    Ok(Arc::new(Trap { journal, at, before, written: AtomicU64::new(0) }))
}

fn invalid(name: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "set the trap", format!("{name} is not {expected}"))
}

#[derive(Debug)]
struct Trap {
    journal: Arc<dyn Journal>,
    at: u64,
    before: bool,
    written: AtomicU64,
}

impl Trap {
    /// Counts one more record, and says whether the trap is on it.
    fn is_here(&self) -> bool {
        self.written.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }

    fn spring(&self, here: bool, before: bool) {
        if here && before == self.before {
            let own = rustix::process::getpid();
            // Never comes back.
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
    }
}

#[async_trait]
impl Journal for Trap {
    async fn create(&self, run: RunId, begin: &Record) -> Result<()> {
        let here = self.is_here();
        self.spring(here, true);
        let done = self.journal.create(run, begin).await;
        self.spring(here, false);
        done
    }

    async fn open(&self, run: RunId) -> Result<Vec<Record>> {
        self.journal.open(run).await
    }

    async fn append(&self, run: RunId, record: &Record) -> Result<()> {
        let here = self.is_here();
        self.spring(here, true);
        let done = self.journal.append(run, record).await;
        self.spring(here, false);
        done
    }

    async fn close(&self, run: RunId) -> Result<()> {
        self.journal.close(run).await
    }

    async fn load(&self, run: RunId) -> Result<Vec<Record>> {
        self.journal.load(run).await
    }

    async fn list(&self) -> Result<Vec<RunId>> {
        self.journal.list().await
    }

    async fn attach(&self, run: RunId, name: &str, content: &[u8]) -> Result<Attachment> {
        self.journal.attach(run, name, content).await
    }

    async fn request_abort(&self, run: RunId, who: &str) -> Result<()> {
        self.journal.request_abort(run, who).await
    }

    async fn abort_requested(&self, run: RunId) -> Result<Option<String>> {
        self.journal.abort_requested(run).await
    }
}
