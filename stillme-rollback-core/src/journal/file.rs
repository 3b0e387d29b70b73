//! A journal in a folder: one file of JSON lines for each run.

mod disk;
mod folder;
mod log;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::disk::{Disk, LocalDisk};
use self::folder::{Folder, failed};
use self::log::Log;
use super::scan::{MAX_FILE, Scan};
use super::{Attachment, Journal, MAX_REQUEST, Record};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;

pub use self::folder::default_journal_dir;

/// A journal in a folder of this machine.
///
/// - A record is durable when `append` comes back: one write of a whole line, one `fdatasync`. Nothing
///   is ever rewritten in place; the one exception is a torn last line, which `open` cuts off.
/// - 256 KiB are set aside before a run begins, so that a disk that fills up can't stop it half-way.
/// - The file is locked while it is open for writing. The operating system gives the lock back when a
///   process dies, so there is never anything to unlock by hand.
/// - Folders are 0700, files 0600, links are not followed, and a folder that others own or can write
///   to is refused.
///
/// The lock holds for the processes of one machine. On a network file system use it from one machine
/// only.
///
/// Needs a Tokio runtime: the disk is used on its threads for blocking work.
#[derive(Debug)]
pub struct FileJournal {
    folder: Arc<Folder>,
    held: Mutex<HashMap<RunId, Arc<Mutex<Log>>>>,
    disk: LocalDisk,
    clock: Arc<dyn Clock>,
}

impl FileJournal {
    /// The journal in this folder, which is made when the first run needs it. See
    /// [`default_journal_dir`].
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let disk = LocalDisk::default();
        Self {
            folder: Arc::new(Folder::new(dir.into(), Arc::new(disk.clone()))),
            held: Mutex::default(),
            disk,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// The same journal with another clock for its own records.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.folder.dir()
    }

    /// Where the records of a run are.
    ///
    /// # Errors
    /// `NotFound`, `Journal`.
    pub async fn path(&self, run: RunId) -> Result<PathBuf> {
        self.on_disk(move |folder| folder.find(run)).await
    }

    /// How often this journal asked the disk to make something durable: what a run costs, counted
    /// instead of timed.
    pub fn syncs(&self) -> u64 {
        self.disk.syncs()
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = Arc::clone(&self.folder);
        blocking(move || work(&folder)).await
    }

    fn held(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Mutex<Log>>>> {
        // A map of handles is whole after every one of its operations.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, run: RunId, log: Log) {
        self.held().insert(run, Arc::new(Mutex::new(log)));
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn create(&self, run: RunId, begin: &Record) -> Result<()> {
        let begin = begin.clone();
        let log = self.on_disk(move |folder| Log::create(folder, run, &begin)).await?;
        self.hold(run, log);
        Ok(())
    }

    async fn open(&self, run: RunId) -> Result<Vec<Record>> {
        let now = self.clock.now();
        let (log, records) = self.on_disk(move |folder| Log::open(folder, run, now)).await?;
        self.hold(run, log);
        Ok(records)
    }

    async fn append(&self, run: RunId, record: &Record) -> Result<()> {
        let log = self.held().get(&run).map(Arc::clone);
        let log = log.ok_or_else(|| log::not_held(run))?;
        let record = record.clone();
        blocking(move || lock(&log)?.append(&record)).await
    }

    async fn close(&self, run: RunId) -> Result<()> {
        let Some(log) = self.held().remove(&run) else {
            return Ok(());
        };
        self.on_disk(move |folder| {
            let mut log = lock(&log)?;
            let request = Folder::abort(log.file_path());
            // While the lock is still ours: nobody can have begun to wait for an answer to it.
            remove_if_there(folder.disk.as_ref(), &request)?;
            log.close()
        })
        .await
    }

    async fn load(&self, run: RunId) -> Result<Vec<Record>> {
        self.on_disk(move |folder| {
            let path = folder.find(run)?;
            Ok(log::scan(run, &path, &read(folder, &path)?)?.records)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<RunId>> {
        self.on_disk(|folder| {
            let mut runs = Vec::new();
            for (run, path) in folder.all()? {
                // Without a whole line a run never began, and there is nothing to show of it. What
                // can't be read is named all the same: `load` says what is wrong with it.
                if read(folder, &path).map_or(true, |bytes| bytes.contains(&b'\n')) {
                    runs.push(run);
                }
            }
            Ok(runs)
        })
        .await
    }

    async fn attach(&self, run: RunId, name: &str, content: &[u8]) -> Result<Attachment> {
        let mut attachment = Attachment::of(name, content);
        let (name, content) = (name.to_owned(), content.to_owned());
        self.on_disk(move |folder| {
            let path = folder.exhibit(&folder.find(run)?, &name)?;
            folder.store(&path, &content)?;
            attachment.path = Some(path);
            Ok(attachment)
        })
        .await
    }

    async fn request_abort(&self, run: RunId, who: &str) -> Result<()> {
        let who: String = who.chars().take(MAX_REQUEST).collect();
        self.on_disk(move |folder| {
            let path = Folder::abort(&folder.find(run)?);
            folder.store(&path, who.as_bytes())
        })
        .await
    }

    async fn abort_requested(&self, run: RunId) -> Result<Option<String>> {
        let held = self.held().get(&run).map(Arc::clone);
        self.on_disk(move |folder| {
            let records = match held {
                Some(log) => lock(&log)?.file_path().to_owned(),
                None => folder.find(run)?,
            };
            let path = Folder::abort(&records);
            match folder.disk.read(&path, 4 * MAX_REQUEST as u64) {
                Ok(who) => Ok(Some(String::from_utf8_lossy(&who).into_owned())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed("read the request to give up", &path, error)),
            }
        })
        .await
    }
}

fn read(folder: &Folder, path: &Path) -> Result<Vec<u8>> {
    folder.disk.read(path, MAX_FILE + 1).map_err(|error| failed("read", path, error))
}

/// Reads a run's file by its path, wherever it is.
pub(super) fn read_run(run: RunId, path: &Path) -> Result<Scan> {
    let bytes = LocalDisk::default()
        .read(path, MAX_FILE + 1)
        .map_err(|error| failed("read", path, error))?;
    log::scan(run, path, &bytes)
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

fn lock(log: &Mutex<Log>) -> Result<MutexGuard<'_, Log>> {
    // A thread that died in the middle of a write leaves a file of which nobody knows what it has.
    log.lock().map_err(|_| {
        Error::new(ErrorKind::Journal, "write journal", "nothing more is written after a panic")
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(ErrorKind::Journal, "use journal", "the work was cut short")
            .with_source(error)),
    }
}

#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod power_loss;
#[cfg(test)]
mod tests;
