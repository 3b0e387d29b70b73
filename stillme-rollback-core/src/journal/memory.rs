//! A journal in memory, for tests and for runs that need not survive their process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Attachment, Entry, Journal, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;

/// A journal in memory.
///
/// It keeps the contract as one process sees it, but "durable" means as long as this value or a copy
/// of it lives. Copies are the same process; [`other_process`](Self::other_process) is another one
/// with the same records, and [`die`](Self::die) is what `kill -9` does to a process.
///
/// ```
/// use stillme_rollback_core::journal::{Journal as _, MemoryJournal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> stillme_rollback_core::Result<()> {
/// let journal = MemoryJournal::new();
/// assert!(journal.list().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryJournal {
    store: Arc<Store>,
    process: Arc<Process>,
}

/// What all processes see.
#[derive(Debug, Default)]
struct Store {
    runs: Mutex<BTreeMap<RunId, Run>>,
    processes: AtomicU64,
}

#[derive(Debug)]
struct Process {
    number: u64,
    fault: Mutex<Option<AppendFault>>,
}

#[derive(Debug, Default)]
struct Run {
    /// One by one, because a list of thousands of bytes that doubles again and again leaves holes in
    /// the heap: with ten thousand runs at once, 20 MiB.
    records: Vec<Arc<Record>>,
    holder: Option<Holder>,
    abort: Option<String>,
    evidence: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    process: u64,
    is_poisoned: bool,
}

/// How an append fails that was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendFault {
    /// Nothing is stored: the disk refused the write.
    NotStored,
    /// The record is stored, and nobody was told: the sync failed late, or the process died in it.
    Stored,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::of(Arc::default())
    }

    fn of(store: Arc<Store>) -> Self {
        let number = store.processes.fetch_add(1, Ordering::Relaxed);
        let process = Arc::new(Process { number, fault: Mutex::default() });
        Self { store, process }
    }

    /// Another process with the same records: what this one holds is held for it.
    #[must_use]
    pub fn other_process(&self) -> Self {
        Self::of(Arc::clone(&self.store))
    }

    /// This process is killed: all its runs are free for others, and it can append no more to them.
    pub fn die(&self) {
        for run in self.runs().values_mut() {
            run.holder = run.holder.filter(|holder| holder.process != self.process.number);
        }
    }

    /// The next append of this process fails, and with it all later ones of its run.
    pub fn fail_next_append(&self, fault: AppendFault) {
        *lock(&self.process.fault) = Some(fault);
    }

    /// The content of a piece of evidence.
    pub fn evidence(&self, run: RunId, name: &str) -> Option<Vec<u8>> {
        self.runs().get(&run)?.evidence.get(name).cloned()
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Run>> {
        lock(&self.store.runs)
    }

    /// Works on a run that is there.
    fn with<T>(&self, run: RunId, work: impl FnOnce(&mut Run) -> Result<T>) -> Result<T> {
        match self.runs().get_mut(&run) {
            Some(found) => work(found),
            None => Err(error(ErrorKind::NotFound, format!("there is no run {run}"))
                .with_hint("`rollback runs` lists the runs")),
        }
    }

    fn holder(&self) -> Option<Holder> {
        Some(Holder { process: self.process.number, is_poisoned: false })
    }
}

/// Nothing here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, "use journal", message)
}

impl Run {
    fn records(&self) -> Vec<Record> {
        self.records.iter().map(|record| Record::clone(record)).collect()
    }

    fn append(&mut self, process: u64, record: &Record, fault: Option<AppendFault>) -> Result<()> {
        let Some(holder) = self.holder.as_mut().filter(|holder| holder.process == process) else {
            return Err(error(ErrorKind::Journal, "the run is not open for writing"));
        };
        if holder.is_poisoned {
            return Err(error(ErrorKind::Journal, "nothing more is written after a failure"));
        }
        holder.is_poisoned = true;
        let next = self.records.len() as u64;
        if record.seq != next {
            return Err(error(
                ErrorKind::Conflict,
                format!("record {} is not the next one, {next}", record.seq),
            ));
        }
        if fault != Some(AppendFault::NotStored) {
            self.records.push(Arc::new(record.clone()));
        }
        if fault.is_some() {
            return Err(error(ErrorKind::Journal, "told to fail"));
        }
        holder.is_poisoned = false;
        Ok(())
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn create(&self, run: RunId, begin: &Record) -> Result<()> {
        if begin.seq != 0 || !matches!(begin.entry, Entry::Begin { .. }) {
            return Err(error(ErrorKind::InvalidInput, "the first record does not begin a run"));
        }
        let mut runs = self.runs();
        if runs.contains_key(&run) {
            return Err(error(ErrorKind::Conflict, format!("run {run} is there already")));
        }
        runs.insert(
            run,
            Run { records: vec![Arc::new(begin.clone())], holder: self.holder(), ..Run::default() },
        );
        Ok(())
    }

    async fn open(&self, run: RunId) -> Result<Vec<Record>> {
        self.with(run, |found| {
            if found.holder.is_some() {
                return Err(error(ErrorKind::Held, format!("somebody goes on with run {run}")));
            }
            found.holder = self.holder();
            Ok(found.records())
        })
    }

    async fn append(&self, run: RunId, record: &Record) -> Result<()> {
        let fault = lock(&self.process.fault).take();
        self.with(run, |found| found.append(self.process.number, record, fault))
    }

    async fn close(&self, run: RunId) -> Result<()> {
        if let Some(found) = self.runs().get_mut(&run) {
            let is_ours = |holder: Holder| holder.process == self.process.number;
            if found.holder.is_some_and(is_ours) {
                found.holder = None;
                found.abort = None;
            }
        }
        Ok(())
    }

    async fn load(&self, run: RunId) -> Result<Vec<Record>> {
        self.with(run, |found| Ok(found.records()))
    }

    async fn list(&self) -> Result<Vec<RunId>> {
        Ok(self.runs().keys().copied().collect())
    }

    async fn attach(&self, run: RunId, name: &str, content: &[u8]) -> Result<Attachment> {
        super::attachment::check_name(name)?;
        self.with(run, |found| {
            found.evidence.insert(name.to_owned(), content.to_owned());
            Ok(Attachment::of(name, content))
        })
    }

    async fn request_abort(&self, run: RunId, who: &str) -> Result<()> {
        self.with(run, |found| {
            found.abort = Some(who.chars().take(super::MAX_REQUEST).collect());
            Ok(())
        })
    }

    async fn abort_requested(&self, run: RunId) -> Result<Option<String>> {
        self.with(run, |found| Ok(found.abort.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance::sample;

    #[tokio::test]
    async fn a_dead_process_holds_nothing_and_writes_nothing() {
        let one = MemoryJournal::new();
        let run = sample::run(1);
        one.create(run, &sample::begin(&sample::plan())).await.unwrap();
        let two = one.other_process();
        assert_eq!(two.open(run).await.unwrap_err().kind(), ErrorKind::Held);
        one.die();
        assert_eq!(two.open(run).await.unwrap().len(), 1);
        let late = one.append(run, &sample::following(1)).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Journal);
        one.close(run).await.unwrap();
        two.append(run, &sample::following(1)).await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_append_poisons_the_run_whether_it_was_stored_or_not() {
        for (fault, stored) in [(AppendFault::NotStored, 1), (AppendFault::Stored, 2)] {
            let journal = MemoryJournal::new();
            let run = sample::run(1);
            journal.create(run, &sample::begin(&sample::plan())).await.unwrap();
            journal.fail_next_append(fault);
            for _ in 0..2 {
                let error = journal.append(run, &sample::following(1)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Journal);
            }
            journal.close(run).await.unwrap();
            assert_eq!(journal.open(run).await.unwrap().len(), stored, "{fault:?}");
            let next = sample::following(stored as u64);
            journal.append(run, &next).await.unwrap();
        }
    }

    /// Ten thousand runs at once cost no thread and no file each.
    #[tokio::test]
    async fn ten_thousand_runs_at_once() {
        let journal = MemoryJournal::new();
        let first = sample::begin(&sample::plan());
        for number in 0..10_000 {
            journal.create(sample::run(number), &first).await.unwrap();
        }
        for seq in 1..16 {
            let record = sample::following(seq);
            for number in 0..10_000 {
                journal.append(sample::run(number), &record).await.unwrap();
            }
        }
        assert_eq!(journal.list().await.unwrap().len(), 10_000);
        assert_eq!(journal.load(sample::run(9_999)).await.unwrap().len(), 16);
    }
}
