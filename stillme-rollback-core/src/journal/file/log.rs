//! One run's file, open for writing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk::DiskFile;
use super::folder::{Folder, failed, parent};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::journal::codec::Chain;
use crate::journal::record::{Entry, Record};
use crate::journal::scan::{MAX_FILE, Scan};

/// The space that is set aside before a run begins, because rollbacks happen when disks are full.
/// A run writes 15 to 60 records of some 300 bytes, and a plan of a few KiB.
pub(super) const RESERVE: u64 = 256 * 1024;

/// One run's file, locked.
#[derive(Debug)]
pub(super) struct Log {
    /// `None` once it is closed.
    file: Option<Box<dyn DiskFile>>,
    path: PathBuf,
    chain: Chain,
    len: u64,
    /// Why nothing more is written. After a failed sync nobody knows what is on the disk, and a
    /// second one may well say that all is fine (law J4).
    poisoned: Option<String>,
    has_ended: bool,
}

impl Log {
    /// Makes the file of a new run with its first record. If that fails nothing is left.
    pub(super) fn create(folder: &Folder, run: RunId, begin: &Record) -> Result<Self> {
        let Entry::Begin { plan, .. } = &begin.entry else {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "create journal",
                "the first record does not begin a run",
            ));
        };
        match folder.find(run) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(path) => return Err(exists(run, &path)),
        }
        let mut chain = Chain::new(run);
        let line = chain.seal(begin)?;
        let path = folder.place(run, &plan.target)?;
        let file = folder.disk.create(&path).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                exists(run, &path)
            } else {
                untouched(failed("make the file", &path, error))
            }
        })?;
        let mut log = Self {
            file: Some(file),
            path,
            chain,
            len: line.len() as u64,
            poisoned: None,
            has_ended: false,
        };
        if let Err(error) = log.write_first(folder, line.as_bytes()) {
            // Not durable, so not begun. What can't be removed is recognised when it is read.
            drop(log.file.take());
            let _ = folder.disk.remove(&log.path);
            let _ = folder.disk.remove_dir(parent(&log.path));
            return Err(untouched(failed("begin the run", &log.path, error)));
        }
        Ok(log)
    }

    fn write_first(&mut self, folder: &Folder, line: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if !file.try_lock()? {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        reserve(file.as_ref(), &self.path)?;
        file.append(line)?;
        file.sync_all()?;
        folder.disk.sync_dir(parent(&self.path))
    }

    /// Opens a run's file and drops what a crash left of a record. `now` is for the record of that.
    pub(super) fn open(
        folder: &Folder,
        run: RunId,
        now: SystemTime,
    ) -> Result<(Self, Vec<Record>)> {
        let path = folder.find(run)?;
        let mut file = folder.disk.open(&path).map_err(|error| failed("open", &path, error))?;
        let is_ours = file.try_lock().map_err(|error| failed("lock", &path, error))?;
        if !is_ours {
            return Err(held(run, &path));
        }
        let bytes = file.read_all(MAX_FILE + 1).map_err(|error| failed("read", &path, error))?;
        let scan = scan(run, &path, &bytes)?;
        let mut log = Self {
            file: Some(file),
            path,
            chain: scan.chain,
            len: scan.sound as u64,
            poisoned: None,
            has_ended: false,
        };
        let mut records = scan.records;
        log.has_ended = records.last().is_some_and(is_end);
        if scan.torn > 0 {
            log.cut_tail().map_err(|error| failed("drop a torn record", &log.path, error))?;
            if let Some(last) = records.last().filter(|_| !log.has_ended) {
                let dropped = scan.torn as u64;
                let entry = Entry::TailRepaired { dropped };
                let note = Record::new(last.seq + 1, last.epoch, now, last.elapsed_ms, entry);
                log.append(&note)?;
                records.push(note);
            }
        }
        Ok((log, records))
    }

    /// Cuts the torn record off. Durable before anything is written in its place, so that no crash
    /// can bring back a mixture of both.
    fn cut_tail(&self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        file.cut(self.len)?;
        file.sync_all()?;
        reserve(file.as_ref(), &self.path)
    }

    /// Makes one more record durable.
    pub(super) fn append(&mut self, record: &Record) -> Result<()> {
        if let Some(why) = &self.poisoned {
            return Err(poisoned(self.chain.run(), why).with_context("path", self.path()));
        }
        let done = self.try_append(record);
        if let Err(error) = &done {
            self.poisoned = Some(error.message().to_owned());
        }
        done
    }

    fn try_append(&mut self, record: &Record) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Err(not_held(self.chain.run()));
        };
        let line = self.chain.seal(record)?;
        let len = self.len + line.len() as u64;
        if len > MAX_FILE {
            return Err(Error::new(
                ErrorKind::Journal,
                "write journal",
                format!("the file would be longer than {MAX_FILE} bytes"),
            )
            .with_context("path", self.path.display().to_string()));
        }
        file.append(line.as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(|error| failed("write the record", &self.path, error))?;
        self.len = len;
        self.has_ended = is_end(record);
        Ok(())
    }

    /// Lets go of the file. A run that has ended needs its reserve no longer.
    pub(super) fn close(&mut self) -> Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        if self.has_ended && self.poisoned.is_none() {
            file.cut(self.len).map_err(|error| failed("give back space", &self.path, error))?;
        }
        Ok(())
    }

    /// Where the file is.
    pub(super) fn file_path(&self) -> &Path {
        &self.path
    }

    fn path(&self) -> String {
        self.path.display().to_string()
    }
}

/// The records in a file's bytes, with its path in what is wrong with them.
pub(super) fn scan(run: RunId, path: &Path, bytes: &[u8]) -> Result<Scan> {
    let named = |error: Error| error.with_context("path", path.display().to_string());
    if bytes.len() as u64 > MAX_FILE {
        return Err(named(Error::new(
            ErrorKind::Corrupt,
            "read journal",
            format!("the file is longer than {MAX_FILE} bytes"),
        )));
    }
    let scan = Scan::of(run, bytes).map_err(named)?;
    if scan.records.is_empty() {
        return Err(named(Error::new(
            ErrorKind::NotFound,
            "read journal",
            format!("run {run} never began: its first record was not stored"),
        ))
        .with_hint("nothing was touched, so nothing is left to do; the file can be removed"));
    }
    Ok(scan)
}

/// Sets space aside where the file system can do that. Where it can't (NFS, older ZFS), a disk that
/// fills up later poisons the journal, and the run stops where it can be resumed.
fn reserve(file: &dyn DiskFile, path: &Path) -> io::Result<()> {
    match file.reserve(RESERVE) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "no space can be set aside for the journal here");
            Ok(())
        }
        done => done,
    }
}

fn is_end(record: &Record) -> bool {
    matches!(record.entry, Entry::End { .. })
}

fn untouched(error: Error) -> Error {
    let hint = error.hint().unwrap_or_default().to_owned();
    error.with_hint(format!("nothing was touched; {hint}"))
}

fn exists(run: RunId, path: &Path) -> Error {
    Error::new(ErrorKind::Conflict, "create journal", format!("run {run} is there already"))
        .with_context("path", path.display().to_string())
        .with_hint(format!("nothing was touched; `rollback show {run}` shows it"))
}

fn held(run: RunId, path: &Path) -> Error {
    Error::new(
        ErrorKind::Held,
        "open journal",
        format!("another process goes on with run {run}"),
    )
    .with_context("path", path.display().to_string())
    .with_hint(format!(
        "nothing was touched; `rollback show {run}` shows how far it is, `rollback abort {run}` asks it to give up"
    ))
}

pub(super) fn not_held(run: RunId) -> Error {
    Error::new(ErrorKind::Journal, "write journal", format!("run {run} is not open for writing"))
}

fn poisoned(run: RunId, why: &str) -> Error {
    Error::new(
        ErrorKind::Journal,
        "write journal",
        format!("nothing more is written after a failure: {why}"),
    )
    .with_hint(format!(
        "nothing more was done; `rollback resume {run}` goes on once the disk is well"
    ))
}
