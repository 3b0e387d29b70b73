//! What a journal needs of a disk, so that tests can give it one that forgets, fails or fills up.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, OFlags};

/// Folders and files by their paths. No call follows a link in a path's last part.
pub(super) trait Disk: fmt::Debug + Send + Sync + 'static {
    /// What is at the path.
    fn node(&self, path: &Path) -> io::Result<Node>;
    /// Makes a folder that its owner alone can enter.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder.
    fn names(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes what was made, renamed and removed in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that its owner alone can read. It must not be there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and for writing at its end.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Reads a file up to `limit` bytes.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
    /// Renames a file, in place of another one if there is one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
}

/// An open file. Dropping it gives its lock back.
pub(super) trait DiskFile: fmt::Debug + Send + 'static {
    /// Takes the file's lock, or says that somebody else has it.
    fn try_lock(&self) -> io::Result<bool>;
    /// Sets space aside, behind the file's end as well, without making it longer.
    fn reserve(&self, bytes: u64) -> io::Result<()>;
    /// Reads from the beginning, up to `limit` bytes.
    fn read_all(&mut self, limit: u64) -> io::Result<Vec<u8>>;
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file. Space that was set aside behind its end is given back.
    fn cut(&self, len: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes everything about the file durable.
    fn sync_all(&self) -> io::Result<()>;
}

/// What is at a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) owner: u32,
    /// The permission bits.
    pub(super) mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    File,
    Folder,
    /// A link, a device, a pipe.
    Other,
}

/// The disk of this machine. It counts how often it was asked to make something durable.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalDisk {
    syncs: Arc<AtomicU64>,
}

impl LocalDisk {
    /// How often something was made durable so far.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn file(&self, file: File) -> Box<dyn DiskFile> {
        Box::new(LocalFile { file, syncs: Arc::clone(&self.syncs) })
    }
}

/// Never through a link, and never waiting for a pipe's other end.
fn plain() -> OpenOptions {
    let mut options = OpenOptions::new();
    // The constants are small: they fit in every C int.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    options
}

impl Disk for LocalDisk {
    fn node(&self, path: &Path) -> io::Result<Node> {
        let found = std::fs::symlink_metadata(path)?;
        let kind = match () {
            () if found.is_dir() => NodeKind::Folder,
            () if found.is_file() => NodeKind::File,
            () => NodeKind::Other,
        };
        Ok(Node { kind, owner: found.uid(), mode: found.mode() & 0o7777 })
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        // A name that is no UTF-8 is none of ours.
        std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().into_string().ok()))
            .filter_map(Result::transpose)
            .collect()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        File::open(path)?.sync_all()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = plain().read(true).append(true).create_new(true).mode(0o600).open(path)?;
        Ok(self.file(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(plain().read(true).append(true).open(path)?))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        read_up_to(plain().read(true).open(path)?, limit)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }
}

#[derive(Debug)]
struct LocalFile {
    file: File,
    syncs: Arc<AtomicU64>,
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        // Closing is not enough: while another thread starts a process, that one has a copy of every
        // open file for a moment, and the lock lives as long as the last copy.
        let _ = self.file.unlock();
    }
}

impl DiskFile for LocalFile {
    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, bytes)?)
    }

    fn read_all(&mut self, limit: u64) -> io::Result<Vec<u8>> {
        io::Seek::rewind(&mut self.file)?;
        read_up_to(&self.file, limit)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_all()
    }
}

fn read_up_to(file: impl io::Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder looks before it opens; this holds even if somebody is quick in between.
    #[test]
    fn no_call_follows_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (precious, link) = (dir.path().join("precious"), dir.path().join("link"));
        std::fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        let disk = LocalDisk::default();
        assert_eq!(disk.node(&link).unwrap().kind, NodeKind::Other);
        assert!(disk.read(&link, 100).is_err());
        assert!(disk.open(&link).is_err());
        assert!(disk.create(&link).is_err());
        disk.remove(&link).unwrap();
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    }

    /// A copy of the open file, as a process that is just being started has it.
    #[test]
    fn a_lock_ends_with_its_file_whoever_has_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let disk = LocalDisk::default();
        let open = || LocalFile {
            file: plain().read(true).write(true).create(true).truncate(false).open(&path).unwrap(),
            syncs: Arc::clone(&disk.syncs),
        };
        let (one, two) = (open(), open());
        assert!(one.try_lock().unwrap());
        assert!(!two.try_lock().unwrap());
        let _copy = one.file.try_clone().unwrap();
        drop(one);
        assert!(two.try_lock().unwrap());
    }
}
