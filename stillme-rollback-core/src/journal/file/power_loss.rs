//! Power loss, on a simulated disk that keeps only what was made durable, and torn pieces of the rest.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use turmoil_fs::Fs;
use turmoil_fs::shim::std::fs as sim;

use super::disk::{Disk, DiskFile, Node, NodeKind};
use super::folder::Folder;
use super::log::Log;
use crate::id::RunId;
use crate::journal::{Entry, Progress, Record};
use crate::testing::conformance::sample;

/// The seeds of each protocol. Every one is another run, crash point and disk.
const SEEDS: u64 = 12_000;
/// How many records a run writes if nothing goes wrong.
const RECORDS: u64 = 8;

/// What a disk leaves out, to show that the test would see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// `sync_data` does nothing.
    NoDataSync,
    /// `sync_all` of a file does nothing.
    NoFileSync,
    /// The sync of a folder does nothing.
    NoDirSync,
}

/// A simulated disk that loses power at a given operation.
#[derive(Clone)]
struct SimDisk {
    fs: Fs,
    lie: Lie,
    /// Operations that are left before the power goes.
    left: Arc<AtomicU64>,
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimulatedDisk")
    }
}

impl SimDisk {
    /// Does one thing on the disk, unless the power is gone.
    fn on<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let before =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if before.is_err() {
            return Err(io::Error::other("the power is gone"));
        }
        let _entered = self.fs.enter();
        work()
    }

    /// Loses what is not durable, and comes back for `operations` more.
    fn power_cycle(&self, operations: u64) {
        self.fs.crash();
        self.left.store(operations, Ordering::Relaxed);
    }

    fn file(&self, file: sim::File) -> Box<dyn DiskFile> {
        Box::new(SimFile { file, disk: self.clone() })
    }
}

impl Disk for SimDisk {
    fn node(&self, path: &Path) -> io::Result<Node> {
        let found = self.on(|| sim::symlink_metadata(path))?;
        let (kind, mode) =
            if found.is_dir() { (NodeKind::Folder, 0o700) } else { (NodeKind::File, 0o600) };
        let owner = rustix::process::geteuid().as_raw();
        Ok(Node { kind, owner, mode })
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.on(|| sim::create_dir(path))
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        self.on(|| {
            sim::read_dir(path)?
                .map(|entry| Ok(entry?.file_name().into_string().unwrap()))
                .collect()
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.on(|| match self.lie {
            Lie::NoDirSync => Ok(()),
            _ => sim::sync_dir(path),
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let open = || sim::OpenOptions::new().read(true).append(true).create_new(true).open(path);
        Ok(self.file(self.on(open)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let open = || sim::OpenOptions::new().read(true).append(true).open(path);
        Ok(self.file(self.on(open)?))
    }

    fn read(&self, path: &Path, _limit: u64) -> io::Result<Vec<u8>> {
        self.on(|| sim::read(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.on(|| sim::rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.on(|| sim::remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.on(|| sim::remove_dir(path))
    }
}

struct SimFile {
    file: sim::File,
    disk: SimDisk,
}

impl std::fmt::Debug for SimFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimulatedFile")
    }
}

impl DiskFile for SimFile {
    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn reserve(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn read_all(&mut self, _limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.disk.on(|| self.file.read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.on(|| self.file.write_all(bytes))
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.disk.on(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.on(|| match self.disk.lie {
            Lie::NoDataSync => Ok(()),
            _ => self.file.sync_data(),
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.on(|| match self.disk.lie {
            Lie::NoFileSync => Ok(()),
            _ => self.file.sync_all(),
        })
    }
}

/// What came of one seed.
#[derive(Default)]
struct Count {
    /// Power losses that hit a run before its end.
    crashes: u64,
    /// Records that were acknowledged.
    acknowledged: u64,
    /// Acknowledged records that were gone afterwards.
    lost: u64,
    /// Torn records that were found and dropped.
    repaired: u64,
    /// Records that were read and never written, or files that were refused.
    wrong: u64,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.repaired += other.repaired;
        self.wrong += other.wrong;
    }
}

/// A run that goes on through two power losses, as a resumed one does.
struct Life {
    run: RunId,
    /// Acknowledged, in order.
    acknowledged: Vec<Record>,
    /// Handed to the journal last, and not acknowledged.
    pending: Option<Record>,
    count: Count,
}

impl Life {
    fn begin(&mut self, folder: &Folder) -> Option<Log> {
        let first = sample::begin(&sample::plan());
        match Log::create(folder, self.run, &first) {
            Ok(log) => {
                self.acknowledged.push(first);
                Some(log)
            }
            Err(_) => {
                self.pending = Some(first);
                None
            }
        }
    }

    /// Writes until the run is as long as it gets or the power goes.
    fn write(&mut self, log: &mut Log) {
        while (self.acknowledged.len() as u64) < RECORDS {
            let seq = self.acknowledged.len() as u64;
            // Lengths that end within, at and behind the borders of blocks.
            let reason = "x".repeat((seq as usize * 37) % 150);
            let record = sample::record(seq, Entry::Resumed { by: reason });
            if log.append(&record).is_err() {
                self.pending = Some(record);
                return;
            }
            self.acknowledged.push(record);
        }
    }

    /// Reads what the disk kept and compares it with what was acknowledged.
    fn resume(&mut self, folder: &Folder) -> Option<Log> {
        let opened = Log::open(folder, self.run, SystemTime::UNIX_EPOCH);
        let (log, mut found) = match opened {
            Ok((log, found)) => (Some(log), found),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => (None, Vec::new()),
            Err(_) => {
                self.count.wrong += 1;
                return None;
            }
        };
        if matches!(found.last().map(|last| &last.entry), Some(Entry::TailRepaired { .. }))
            && !self.acknowledged.contains(found.last().unwrap())
        {
            self.count.repaired += 1;
            // Written, and durable, by the open itself.
            let note = found.pop().unwrap();
            self.compare(&found);
            found.push(note);
        } else {
            self.compare(&found);
        }
        if !found.is_empty() {
            Progress::replay(found.iter().map(|record| &record.entry)).unwrap();
        }
        self.acknowledged = found;
        self.pending = None;
        log
    }

    fn compare(&mut self, found: &[Record]) {
        let known = self.acknowledged.len();
        self.count.acknowledged += known as u64;
        self.count.lost += known.saturating_sub(found.len()) as u64;
        let expected = self.acknowledged.iter().chain(&self.pending);
        let extra = found.len() > known + usize::from(self.pending.is_some());
        if extra || found.iter().zip(expected).any(|(one, other)| one != other) {
            self.count.wrong += 1;
        }
    }
}

fn live(seed: u64, lie: Lie) -> Count {
    let fs = Fs::builder()
        .seed(seed)
        .sync_probability([0.0, 0.1, 0.5][(seed % 3) as usize])
        .block_size([16, 64, 512][(seed / 3 % 3) as usize])
        .build();
    let disk = SimDisk { fs, lie, left: Arc::new(AtomicU64::new(u64::MAX)) };
    disk.make_dir(Path::new("/var")).unwrap();
    sync_for_certain(&disk, "/");
    // The first life ends anywhere from the first operation to behind the last, the second as well.
    let (first, second) = (seed / 9 % 47, seed / 9 / 47 % 29);
    disk.left.store(first, Ordering::Relaxed);
    let folder = Folder::new(PathBuf::from("/var/journal"), Arc::new(disk.clone()));
    let mut life = Life {
        run: sample::run(seed),
        acknowledged: Vec::new(),
        pending: None,
        count: Count::default(),
    };
    let mut log = life.begin(&folder);
    for operations in [second, u64::MAX] {
        if let Some(log) = &mut log {
            life.write(log);
        }
        life.count.crashes += u64::from((life.acknowledged.len() as u64) < RECORDS);
        drop(log.take());
        disk.power_cycle(operations);
        // The power may go again while the run is opened: then the next life finds it.
        let before = (life.acknowledged.clone(), life.pending.clone());
        let resumed = life.resume_unless_dark(&folder, &disk);
        match resumed {
            Some(opened) => log = opened,
            None => (life.acknowledged, life.pending) = before,
        }
    }
    life.count
}

impl Life {
    /// Resumes, or finds that the power went in the middle of it (`None`), which proves nothing.
    fn resume_unless_dark(&mut self, folder: &Folder, disk: &SimDisk) -> Option<Option<Log>> {
        let before = std::mem::take(&mut self.count);
        let log = self.resume(folder);
        let is_dark = disk.left.load(Ordering::Relaxed) == 0;
        let seen = std::mem::replace(&mut self.count, before);
        if is_dark {
            return None;
        }
        self.count.add(&seen);
        Some(log)
    }
}

/// The folder above the journal is no part of what is tested.
fn sync_for_certain(disk: &SimDisk, path: &str) {
    let _entered = disk.fs.enter();
    sim::sync_dir(path).unwrap();
}

fn all(lie: Lie, seeds: u64) -> Count {
    let mut count = Count::default();
    for seed in 0..seeds {
        count.add(&live(seed, lie));
    }
    println!(
        "power loss, {lie:?}: {seeds} seeds, {} crashes, {} acknowledged, {} lost, {} torn, {} wrong",
        count.crashes, count.acknowledged, count.lost, count.repaired, count.wrong
    );
    count
}

#[test]
fn no_acknowledged_record_is_lost() {
    let count = all(Lie::None, SEEDS);
    assert_eq!((count.lost, count.wrong), (0, 0));
    assert!(count.crashes > SEEDS / 2, "too few crashes: {}", count.crashes);
    assert!(count.repaired > SEEDS / 100, "too few torn records: {}", count.repaired);
}

/// The same with one sync left out: the test must see it.
#[test]
fn each_sync_is_needed() {
    for lie in [Lie::NoDataSync, Lie::NoFileSync, Lie::NoDirSync] {
        let count = all(lie, SEEDS / 10);
        assert!(count.lost > 0, "{lie:?} loses nothing: the test is blind");
    }
}
