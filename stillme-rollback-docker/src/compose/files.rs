//! Files of others, read without being led astray; files of ours, written so that a crash leaves the
//! old or the new one.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Gid, OFlags, Uid};
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use super::yaml::LARGEST_FILE;

/// The folder under which a project's files must lie.
#[derive(Clone, Debug)]
pub(super) struct Root(PathBuf);

impl Root {
    /// A root that is there.
    ///
    /// # Errors
    /// `NotFound` if it is no folder that can be seen from here.
    pub(super) fn new(dir: &Path) -> Result<Self> {
        let canonical = dir.canonicalize().ok().filter(|dir| dir.is_dir());
        canonical.map(Self).ok_or_else(|| {
            about(ErrorKind::NotFound, dir, "the project's folder is not here").with_hint(
                "nothing was touched; run this where the project's files are, or name them with -f",
            )
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The whole path of a plain file under this root.
    ///
    /// # Errors
    /// `NotFound` if it is not there; `Rejected` if it lies outside, if a link leads outside, if it is
    /// a pipe, a device or a folder, or if it is larger than 1 MiB.
    pub(super) fn file(&self, path: &Path) -> Result<PathBuf> {
        let path = self.0.join(path);
        let canonical = path.canonicalize().map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Rejected,
            };
            about(kind, &path, "the file is not here")
                .with_hint("nothing was touched")
                .with_source(error)
        })?;
        if !canonical.starts_with(&self.0) {
            let way = if lexical(&path).starts_with(&self.0) { "a link leads" } else { "it lies" };
            return Err(about(
                ErrorKind::Rejected,
                &path,
                format!("{way} outside of the project's folder {}", shown(&self.0)),
            )
            .with_hint(
                "nothing was touched; if that is meant, name a folder above both with --root",
            ));
        }
        let metadata = canonical.metadata().map_err(|error| unreadable(&path, error))?;
        check_plain(&path, &metadata)?;
        Ok(canonical)
    }
}

fn check_plain(path: &Path, metadata: &Metadata) -> Result<()> {
    let why = if !metadata.is_file() {
        "it is no plain file"
    } else if metadata.len() > LARGEST_FILE {
        "it is larger than 1 MiB"
    } else {
        return Ok(());
    };
    Err(about(ErrorKind::Rejected, path, why).with_hint("nothing was touched"))
}

/// The path with `.` and `..` taken away, links not followed.
fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

/// The content of a plain file, of at most 1 MiB. Never waits for a pipe.
///
/// # Errors
/// `NotFound` if it is not there, `Rejected` if it is no plain file or too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let nonblocking =
        i32::try_from((OFlags::NONBLOCK | OFlags::CLOEXEC).bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(|error| unreadable(path, error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    check_plain(path, &metadata)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(about(ErrorKind::Rejected, path, "it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// A file as text.
///
/// # Errors
/// As [`read`], and `Rejected` if it is not UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| {
        about(ErrorKind::Rejected, path, "it is not UTF-8").with_hint("nothing was touched")
    })
}

/// Writes a file of ours if it is not there yet, for its owner alone.
///
/// # Errors
/// `Unavailable` if it can't be written.
pub(super) fn write_once(
    folder: &Path,
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<()> {
    let fail = |error| unwritable(path, error);
    make_folder(folder)?;
    if path.exists() {
        return Ok(());
    }
    let draft = draft_of(path);
    let written = create(&draft).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        sync_folder(folder)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.map_err(fail)
}

/// Makes a folder of ours, for its owner alone.
///
/// # Errors
/// `Unavailable` if it can't be made.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| unwritable(folder, error))
}

/// Puts a text in the place of a file's, with its mode and owner; a new file gets `mode`. After a crash
/// there is the old file or the new one.
///
/// # Errors
/// `Unavailable` if it can't be written. Then the old file is there as it was.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let old = path.metadata().ok();
    let draft = draft_of(path);
    let written = create(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        let mode = old.as_ref().map_or(mode, |old| old.mode() & 0o7777);
        if let Some(old) = &old {
            keep_owner(&file, old)?;
        }
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        sync_folder(folder)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.map_err(|error| unwritable(path, error))
}

/// Takes a file away that a step put there.
///
/// # Errors
/// `Unavailable` if it can't be removed.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, error)),
        _ => sync_folder(path.parent().unwrap_or(Path::new("/")))
            .map_err(|error| unwritable(path, error)),
    }
}

/// A text in a file beside another, for as long as this lives: what a change would look like.
#[derive(Debug)]
pub(super) struct Trial(PathBuf);

impl Trial {
    /// Writes it, for its owner alone.
    ///
    /// # Errors
    /// `Unavailable` if it can't be written.
    pub(super) fn beside(path: &Path, text: &str) -> Result<Self> {
        let trial = Self(draft_of(path));
        let written = create(&trial.0).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map(|()| trial).map_err(|error| unwritable(path, error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A name beside a file. The extension stays, and no tool takes it for a file of the project.
fn draft_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".rollback-{}-{name}", std::process::id()))
}

fn create(path: &Path) -> io::Result<File> {
    // Of a process that had our number and died here.
    let _ = std::fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Who is not root may not give files away: then the file must be his own already.
fn keep_owner(file: &File, old: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(old.uid()), Gid::from_raw(old.gid()));
    Ok(rustix::fs::fchown(file, Some(uid), Some(gid))?)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn shown(path: &Path) -> String {
    Printable(&path.to_string_lossy()).to_string()
}

pub(super) fn about(kind: ErrorKind, path: &Path, message: impl Into<String>) -> Error {
    Error::new(kind, "look at compose file", message).with_context("path", shown(path))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Rejected,
    };
    about(kind, path, "it can't be read").with_hint("nothing was touched").with_source(error)
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "write file", "it can't be written")
        .with_disposition(stillme_rollback_core::Disposition::Permanent)
        .with_context("path", shown(path))
        .with_hint("the file that was there is as it was")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Ground {
        _all: tempfile::TempDir,
        root: Root,
        outside: PathBuf,
    }

    fn ground() -> Ground {
        let all = tempfile::tempdir().unwrap();
        let dir = all.path().join("shop");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("compose.yml"), "a: 1").unwrap();
        let outside = all.path().join("secret.yml");
        std::fs::write(&outside, "b: 1").unwrap();
        Ground { root: Root::new(&dir).unwrap(), outside, _all: all }
    }

    #[test]
    fn what_leads_outside_or_is_no_plain_file_is_refused() {
        let ground = ground();
        let dir = ground.root.path();
        symlink(&ground.outside, dir.join("link.yml")).unwrap();
        symlink("compose.yml", dir.join("inner.yml")).unwrap();
        symlink("/dev/zero", dir.join("zero.yml")).unwrap();
        let fifo = dir.join("pipe.yml");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        std::fs::write(dir.join("large.yml"), vec![b'#'; 1 + LARGEST_FILE as usize]).unwrap();
        let outside = ground.outside.to_str().unwrap();
        for (path, why) in [
            ("../secret.yml", "it lies outside"),
            (outside, "it lies outside"),
            ("../../../../../../../../etc/passwd", "it lies outside"),
            ("/dev/zero", "it lies outside"),
            ("link.yml", "a link leads outside"),
            ("zero.yml", "a link leads outside"),
            ("pipe.yml", "no plain file"),
            (".", "no plain file"),
            ("large.yml", "larger than"),
            ("gone.yml", "not here"),
        ] {
            let error = ground.root.file(Path::new(path)).expect_err(path);
            assert!(error.to_string().contains(why), "{path}: {error}");
            assert!(error.to_string().contains("nothing was touched"), "{path}: {error}");
        }
        for path in ["compose.yml", "inner.yml", "../shop/compose.yml", "./compose.yml"] {
            assert_eq!(ground.root.file(Path::new(path)).unwrap(), dir.join("compose.yml"));
        }
        assert!(read(&fifo).unwrap_err().to_string().contains("no plain file"), "and never waits");
        assert!(Root::new(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_owner() {
        let ground = ground();
        let path = ground.root.path().join("compose.yml");
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
        }
        let before = path.metadata().unwrap();
        replace(&path, "c: 3", 0o600).unwrap();
        let after = path.metadata().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "c: 3");
        assert_eq!(after.mode(), before.mode());
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_ne!(after.ino(), before.ino(), "never written in place");
        let names = std::fs::read_dir(ground.root.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    #[test]
    fn a_trial_is_gone_when_it_is_over() {
        let ground = ground();
        let path = ground.root.path().join("compose.yml");
        let trial = Trial::beside(&path, "x: 1").unwrap();
        assert_eq!(std::fs::read_to_string(trial.path()).unwrap(), "x: 1");
        let name = trial.path().to_owned();
        drop(trial);
        assert!(!name.exists());
    }
}
