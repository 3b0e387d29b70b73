//! The folder of the lock files, shared with people whom we need not trust.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};

/// Everybody may make files, nobody may remove those of others.
const SHARED: u32 = 0o1777;
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A folder that was looked at, held open so that it stays the one that was looked at.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    fd: OwnedFd,
}

impl Folder {
    /// Opens the folder, or makes it.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::open(dir, flags, Mode::empty());
        let fd = match open() {
            Err(Errno::NOENT) => {
                make(dir)?;
                open()
            }
            done => done,
        };
        let fd = fd.map_err(|error| {
            let why = match error {
                Errno::NOTDIR | Errno::LOOP => "is no folder; links are not followed",
                _ => "can't be opened",
            };
            unavailable(dir, why).with_source(io::Error::from(error))
        })?;
        let folder = Self { dir: dir.to_owned(), fd };
        folder.check()?;
        Ok(folder)
    }

    fn check(&self) -> Result<()> {
        let failed = |error: Errno| {
            unavailable(&self.dir, "can't be looked at").with_source(io::Error::from(error))
        };
        let stat = rustix::fs::fstat(&self.fd).map_err(failed)?;
        let system = rustix::fs::fstatfs(&self.fd).map_err(failed)?;
        // The type of this number differs between architectures, its low 32 bits do not.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "as said above"
        )]
        if is_remote(system.f_type as u32) {
            return Err(unavailable(
                &self.dir,
                "is on a network file system, where a lock may hold on one machine only",
            ));
        }
        if stat.st_mode & WRITABLE_BY_OTHERS != 0 && stat.st_mode & STICKY == 0 {
            return Err(unavailable(
                &self.dir,
                "lets everybody remove the locks of others (`chmod +t` mends it)",
            ));
        }
        if rustix::process::geteuid().is_root() && stat.st_uid != 0 {
            // Its owner could remove root's locks. Those in it stay as they are, and held.
            rustix::fs::fchown(&self.fd, Some(Uid::ROOT), Some(Gid::ROOT))
                .and_then(|()| rustix::fs::fchmod(&self.fd, Mode::from_raw_mode(SHARED)))
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Opens a lock file, or makes it.
    pub(super) fn file(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        let file = self.open_or_make(name).map_err(|error| {
            let why = match error {
                Errno::LOOP => "is a link, which is not followed",
                _ => "can't be opened",
            };
            unavailable(&path, why).with_source(io::Error::from(error))
        })?;
        let found = file
            .metadata()
            .map_err(|error| unavailable(&path, "can't be looked at").with_source(error))?;
        // A second name could be that of a file which a note must not overwrite.
        if !found.is_file() || found.nlink() > 1 {
            return Err(unavailable(&path, "is no plain file of its own"));
        }
        Ok(file)
    }

    fn open_or_make(&self, name: &str) -> Result<File, Errno> {
        let plain = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |flags: OFlags, mode: u32| {
            rustix::fs::openat(&self.fd, name, plain | flags, Mode::from_raw_mode(mode))
                .map(File::from)
        };
        match open(OFlags::RDWR, 0) {
            Err(Errno::NOENT) => {}
            // Its maker has not yet opened it to all. To lock it, reading is enough.
            Err(Errno::ACCESS) => return open(OFlags::RDONLY, 0),
            done => return done,
        }
        match open(OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, 0o666) {
            Ok(file) => {
                // Whatever the umask says.
                rustix::fs::fchmod(&file, Mode::from_raw_mode(0o666))?;
                Ok(file)
            }
            Err(Errno::EXIST) => open(OFlags::RDWR, 0),
            Err(error) => Err(error),
        }
    }

    /// Whether the name still leads to this file.
    pub(super) fn has(&self, name: &str, file: &File) -> bool {
        let (Ok(named), Ok(open)) = (
            rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW),
            rustix::fs::fstat(file),
        ) else {
            return false;
        };
        (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn make(dir: &Path) -> Result<()> {
    let failed = |error| unavailable(dir, "can't be made").with_source(error);
    if let Some(above) = dir.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(failed)?;
    }
    match std::fs::DirBuilder::new().mode(SHARED).create(dir) {
        // Whatever the umask says.
        Ok(()) => rustix::fs::chmod(dir, Mode::from_raw_mode(SHARED))
            .map_err(|error| failed(io::Error::from(error))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Whether a file system of this kind (`statfs`'s number) is that of another machine.
fn is_remote(kind: u32) -> bool {
    const NFS: u32 = 0x6969;
    const SMB: u32 = 0x517b;
    const SMB2: u32 = 0xfe53_4d42;
    const CIFS: u32 = 0xff53_4d42;
    const NINE_P: u32 = 0x0102_1997;
    const CEPH: u32 = 0x00c3_6400;
    const AFS: u32 = 0x5346_414f;
    matches!(kind, NFS | SMB | SMB2 | CIFS | NINE_P | CEPH | AFS)
}

pub(super) fn unavailable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "take the target", format!("{} {why}", path.display()))
        .with_hint("nothing was touched; put the folder of the leases right, then try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_other_machines_are_known() {
        for (kind, remote) in [
            (0x6969, true),
            (0xfe53_4d42, true),
            (0x0102_1994, false), // tmpfs
            (0xef53, false),      // ext4
            (0x794c_7630, false), // overlayfs
            (0x9123_683e, false), // btrfs
            (0x5846_5342, false), // xfs
        ] {
            assert_eq!(is_remote(kind), remote, "{kind:#x}");
        }
    }
}
