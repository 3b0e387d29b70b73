//! A lease of one machine: the operating system's lock on a file.

mod folder;

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rustix::fs::Access;

use self::folder::{Folder, unavailable};
use super::{Held, Holder, Lease};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::slug::slug;
use crate::target::Target;

/// How often a lock file may vanish under us before that is an error.
const TRIES: u32 = 8;
/// More of a holder's note is never read.
const MAX_NOTE: u64 = 4096;

/// Leases of one machine, for all its users.
///
/// Each target has a file in one folder, which does not depend on where journals are: two users with
/// two journals still meet here. Whoever has the operating system's lock on the file has the target,
/// and the lock is gone with its process, even after `kill -9`, so that nobody ever unlocks anything.
/// The file's content is only a note for the next one who asks; it decides nothing, and files stay when
/// they are no longer needed, because to remove a file that somebody waits for would give it out twice.
///
/// # Several users
/// The folder is like `/tmp` (mode 1777) and its files can be opened by all, since the users of one
/// machine must be able to exclude each other. That has a price, which is paid as follows:
/// - A link, a pipe or a second name of another file in the place of a lock file is refused, so that a
///   note never overwrites anything else. Files are opened without creating them first, since Linux
///   refuses to open others' files in such folders with `O_CREAT` (`fs.protected_regular`).
/// - Nobody but its owner and the folder's owner can remove a lock file (the sticky bit). A folder
///   without that bit is refused. If root finds the folder in the hands of a user it takes it over, locks
///   and all, so that no user can remove root's. Among users, whoever came first could; a run notices,
///   because [`confirm`](Held::confirm) looks whether the file is still there.
/// - Any user of the machine can take any lock and keep it. That can delay a rollback, not break it; the
///   refusal says which process it claims to be, and `lsof` on the file which one it is.
/// - Notes are written by others, so they are read with a limit and escaped before they are shown.
///
/// A network file system is refused: there the lock may hold on one machine only.
#[derive(Debug)]
pub struct FileLease {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FileLease {
    /// Leases in this folder. All processes that shall respect each other must use the same one: see
    /// [`on_this_machine`](Self::on_this_machine).
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), clock: Arc::new(SystemClock::new()) }
    }

    /// Leases in the folder that all users of this machine share: [`default_lease_dir`].
    pub fn on_this_machine(xdg_runtime_dir: Option<&Path>) -> Self {
        let can_write = |path: &Path| {
            path.is_dir() && rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        };
        let user = rustix::process::geteuid();
        Self::new(default_lease_dir(user.as_raw(), xdg_runtime_dir, can_write))
    }

    /// The same leases with another clock for the age in a refusal.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// The folder for leases, the first of these that can be used:
///
/// 1. `/run/lock/stillme-rollback`: Debian and its relatives let every user write in `/run/lock`.
/// 2. `/run/stillme-rollback`, which only root can make, and others use once root made it.
/// 3. `stillme-rollback` in `$XDG_RUNTIME_DIR`, and 4. `/tmp/stillme-rollback-<uid>`: these exclude the
///    runs of one user only, which is all that can be had there.
///
/// All but the last are gone after a reboot, and so are all holders.
///
/// `can_write` says whether a path is a folder that this user can make files in.
pub fn default_lease_dir(
    uid: u32,
    xdg_runtime_dir: Option<&Path>,
    can_write: impl Fn(&Path) -> bool,
) -> PathBuf {
    const NAME: &str = "stillme-rollback";
    for shared in ["/run/lock", "/run"].map(Path::new) {
        let folder = shared.join(NAME);
        if can_write(&folder) || can_write(shared) {
            return folder;
        }
    }
    match xdg_runtime_dir.filter(|dir| dir.is_absolute() && can_write(dir)) {
        Some(dir) => dir.join(NAME),
        None => PathBuf::from(format!("/tmp/{NAME}-{uid}")),
    }
}

#[async_trait]
impl Lease for FileLease {
    async fn acquire(&self, target: &Target, holder: &Holder) -> Result<Box<dyn Held>> {
        let (dir, target, holder) = (self.dir.clone(), target.clone(), holder.clone());
        let now = self.clock.now();
        let work = move || acquire(&dir, &target, &holder, now);
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map(|held| Box::new(held) as Box<dyn Held>),
            Err(error) => {
                Err(Error::new(ErrorKind::Unavailable, "take the target", "the work was cut short")
                    .with_source(error))
            }
        }
    }
}

fn acquire(
    dir: &Path,
    target: &Target,
    holder: &Holder,
    now: std::time::SystemTime,
) -> Result<FileHeld> {
    let folder = Folder::open(dir)?;
    let name = format!("{}.lock", slug(target));
    for _ in 0..TRIES {
        let file = folder.file(&name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(refusal(&file, target, now)),
            Err(TryLockError::Error(error)) => {
                return Err(unavailable(&dir.join(&name), "can't be locked").with_source(error));
            }
        }
        // Somebody may have put another file in its place before the lock was ours.
        if folder.has(&name, &file) {
            let held = FileHeld { folder, name, file, holder: Mutex::new(holder.clone()) };
            held.write_note(holder);
            return Ok(held);
        }
    }
    Err(unavailable(&dir.join(&name), "vanishes again and again"))
}

/// The refusal, with what the holder wrote of itself.
fn refusal(file: &File, target: &Target, now: std::time::SystemTime) -> Error {
    match read_note(file) {
        Some(holder) => holder.refusal(target, now),
        // Just taken, or taken by somebody who writes no notes.
        None => Error::new(
            ErrorKind::Held,
            "take the target",
            format!("another process holds {target}, and did not say which"),
        )
        .with_hint("nothing was touched; try again, or see `rollback runs`"),
    }
}

fn read_note(file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    // A shorter note may have the rest of a longer one behind its line for a moment.
    serde_json::from_str(text.lines().next()?).ok()
}

/// A target that is held by the lock on its file.
#[derive(Debug)]
struct FileHeld {
    folder: Folder,
    name: String,
    file: File,
    holder: Mutex<Holder>,
}

impl FileHeld {
    /// Best effort: where the note can't be written, the next one learns that somebody holds the
    /// target, and not who.
    fn write_note(&self, holder: &Holder) {
        let written = serde_json::to_string(holder).map_err(io::Error::from).and_then(|note| {
            let line = format!("{note}\n");
            self.file.write_all_at(line.as_bytes(), 0)?;
            self.file.set_len(line.len() as u64)
        });
        if let Err(error) = written {
            tracing::debug!(file = %self.name, %error, "no note of who holds the target");
        }
    }
}

#[async_trait]
impl Held for FileHeld {
    fn note_step(&self, step: &str) {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        holder.step = Some(step.chars().take(100).collect());
        self.write_note(&holder);
    }

    async fn confirm(&self) -> Result<()> {
        if self.folder.has(&self.name, &self.file) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Held,
            "confirm the lease",
            "the lock's file was removed or replaced, so another run may have the target",
        )
        .with_context("file", self.folder.path(&self.name).display().to_string())
        .with_hint("nothing more was done; find out who removed it, then resume the run"))
    }
}

impl Drop for FileHeld {
    fn drop(&mut self) {
        // So that nobody who asks later is told of a holder that is gone.
        let _ = self.file.set_len(0);
        // Closing is not enough: while another thread starts a process, that one has a copy of every
        // open file for a moment, and the lock lives as long as the last copy.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests;
