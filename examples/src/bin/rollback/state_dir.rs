//! Where the tool keeps what it knows: its journals, and the key of the hashes in plans.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use stillme_rollback_core::journal::{FileJournal, default_journal_dir};
use stillme_rollback_core::{Error, ErrorKind, HashKey, Result};

use crate::cli::Place;
use crate::io::Surroundings;

/// The key's file in the folder.
const KEY: &str = "hash.key";

/// The tool's folder.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    dir: PathBuf,
}

impl StateDir {
    /// The folder that was named, or the default one. Nothing is made yet.
    pub(crate) fn choose(place: &Place, around: &Surroundings) -> Result<Self> {
        let dir = match &place.journal_dir {
            // Whoever follows a hint of an error may do so from another folder.
            Some(dir) => std::path::absolute(dir).map_err(|error| failed("find", dir, error))?,
            None => default_journal_dir(
                around.is_root,
                around.state_home.as_deref(),
                around.home.as_deref(),
            )?,
        };
        Ok(Self { dir })
    }

    /// The journals in the folder.
    pub(crate) fn journal(&self) -> FileJournal {
        FileJournal::new(&self.dir)
    }

    /// The folder of what Compose runs leave: overlays that containers name, locks, copies of edited
    /// files.
    pub(crate) fn compose(&self) -> PathBuf {
        self.dir.join("compose")
    }

    /// The key of the hashes in plans. Made when it is first needed, and kept: a plan that was shown
    /// must have the same fingerprint when it is approved.
    pub(crate) fn hash_key(&self) -> Result<HashKey> {
        self.make()?;
        let path = self.dir.join(KEY);
        for _ in 0..2 {
            match read_key(&path)? {
                Some(key) => return Ok(key),
                None => self.make_key(&path)?,
            }
        }
        Err(refused(&path, "vanishes"))
    }

    fn make(&self) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|error| failed("make", &self.dir, error))
    }

    /// Writes a new key beside its place and links it there, so that whoever reads it reads all of
    /// it, and of two who make one at once both use the first.
    fn make_key(&self, path: &Path) -> Result<()> {
        let key = HashKey::generate()?;
        let draft = self.dir.join(format!("{KEY}.new-{}", std::process::id()));
        // Of a process that had our number and died here.
        let _ = std::fs::remove_file(&draft);
        let done =
            write_new(&draft, key.expose()).and_then(|()| match std::fs::hard_link(&draft, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                done => done,
            });
        let _ = std::fs::remove_file(&draft);
        done.and_then(|()| File::open(&self.dir)?.sync_all())
            .map_err(|error| failed("write", path, error))
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(content)?;
    file.sync_all()
}

/// The key, if there is one.
fn read_key(path: &Path) -> Result<Option<HashKey>> {
    // Without waiting: a pipe in its place would hold us for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(refused(path, "is a link")),
        Err(error) => return Err(failed("open", path, error.into())),
    };
    let metadata = file.metadata().map_err(|error| failed("look at", path, error))?;
    let owner = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        return Err(refused(path, "is no plain file"));
    }
    if metadata.uid() != owner {
        return Err(refused(path, "belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(refused(path, "can be read or changed by others"));
    }
    let mut bytes = Vec::new();
    file.take(64).read_to_end(&mut bytes).map_err(|error| failed("read", path, error))?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| refused(path, "does not hold 32 bytes"))?;
    Ok(Some(HashKey::from_bytes(bytes)))
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Journal, "read the key of hashes", format!("its file {why}"))
        .with_context("path", path.display().to_string())
        .with_hint(
            "nothing was touched; remove the file and a new key is made (plans that were approved before have another fingerprint then), or name another folder with --journal-dir",
        )
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Journal, "use the journal's folder", format!("can't {what} it: {error}"))
        .with_context("path", path.display().to_string())
        .with_hint("nothing was touched; name a folder that can be written with --journal-dir")
        .with_source(error)
}

#[cfg(test)]
mod tests;
