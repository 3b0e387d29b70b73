//! Where the files of a journal are, and whether the place can be trusted.
//!
//! ```text
//! <dir>/                          0700, ours
//!   <target>-<hash>/              0700
//!     <run>.jsonl                 0600: the records
//!     <run>.abort                 0600: somebody asks the run to give up
//!     <run>.evidence/<name>       0600: what a failed version left behind
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{Disk, NodeKind};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::journal::attachment::check_name;
use crate::printable::Printable;
use crate::slug::slug;
use crate::target::Target;

const RECORDS: &str = "jsonl";
const ABORT: &str = "abort";
const EVIDENCE: &str = "evidence";

/// The folder of a journal.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    owner: u32,
}

impl Folder {
    pub(super) fn new(dir: PathBuf, disk: Arc<dyn Disk>) -> Self {
        let owner = rustix::process::geteuid().as_raw();
        Self { dir, disk, owner }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the records of a new run go. Makes the folders that are missing, durably.
    pub(super) fn place(&self, run: RunId, target: &Target) -> Result<PathBuf> {
        self.make_all(&self.dir)?;
        self.check_dir()?;
        let home = self.dir.join(slug(target));
        self.make(&home)?;
        self.check(&home, NodeKind::Folder)?;
        // Even if it was there: who made it may not have come as far as this.
        self.sync(&self.dir)?;
        Ok(home.join(format!("{run}.{RECORDS}")))
    }

    /// Where the records of a run are, if they are.
    pub(super) fn find(&self, run: RunId) -> Result<PathBuf> {
        let name = format!("{run}.{RECORDS}");
        for home in self.homes()? {
            let path = home.join(&name);
            match self.disk.node(&path) {
                Ok(_) => {
                    self.check(&home, NodeKind::Folder)?;
                    self.check(&path, NodeKind::File)?;
                    return Ok(path);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("look for the run", &path, error)),
            }
        }
        Err(no_such_run(run, &self.dir))
    }

    /// The files of all runs, oldest run first.
    pub(super) fn all(&self) -> Result<Vec<(RunId, PathBuf)>> {
        let mut runs = Vec::new();
        for home in self.homes()? {
            for name in self.names(&home)? {
                let Some(stem) = name.strip_suffix(".jsonl") else {
                    continue;
                };
                if let Ok(run) = stem.parse() {
                    runs.push((run, home.join(name)));
                }
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// The request to give up, beside a run's records.
    pub(super) fn abort(records: &Path) -> PathBuf {
        records.with_extension(ABORT)
    }

    /// Where a piece of evidence goes. Makes its folder.
    pub(super) fn exhibit(&self, records: &Path, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        let evidence = records.with_extension(EVIDENCE);
        self.make(&evidence)?;
        self.check(&evidence, NodeKind::Folder)?;
        self.sync(parent(records))?;
        Ok(evidence.join(name))
    }

    /// Stores a small file: all of it is there, or nothing.
    pub(super) fn store(&self, path: &Path, content: &[u8]) -> Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let unique = format!("new-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let draft = path.with_extension(unique);
        let written = self.disk.create(&draft).and_then(|mut file| {
            file.append(content)?;
            file.sync_all()
        });
        written
            .and_then(|()| self.disk.rename(&draft, path))
            .and_then(|()| self.disk.sync_dir(parent(path)))
            .map_err(|error| {
                // The draft is of no use to anybody. That it can't be removed changes nothing.
                let _ = self.disk.remove(&draft);
                failed("store", path, error)
            })
    }

    /// The folders of targets. None if there is no journal yet.
    fn homes(&self) -> Result<Vec<PathBuf>> {
        match self.disk.node(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            _ => self.check_dir()?,
        }
        let mut homes: Vec<_> = self
            .names(&self.dir)?
            .into_iter()
            .map(|name| self.dir.join(name))
            .filter(|path| self.disk.node(path).is_ok_and(|node| node.kind == NodeKind::Folder))
            .collect();
        homes.sort();
        Ok(homes)
    }

    fn names(&self, path: &Path) -> Result<Vec<String>> {
        self.disk.names(path).map_err(|error| failed("list", path, error))
    }

    fn make_all(&self, path: &Path) -> Result<()> {
        match self.disk.node(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && parent(path) != path => {}
            Err(error) => return Err(failed("look at", path, error)),
        }
        self.make_all(parent(path))?;
        self.make(path)?;
        self.sync(parent(path))
    }

    /// Makes a folder. It may be there.
    fn make(&self, path: &Path) -> Result<()> {
        match self.disk.make_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed("make the folder", path, error))
            }
            _ => Ok(()),
        }
    }

    fn sync(&self, path: &Path) -> Result<()> {
        self.disk.sync_dir(path).map_err(|error| failed("make durable", path, error))
    }

    /// The folder itself may be readable by others (the folders in it are not), but whoever can
    /// write to it can put other files in the place of ours.
    fn check_dir(&self) -> Result<()> {
        self.check_bits(&self.dir, NodeKind::Folder, 0o022)
    }

    fn check(&self, path: &Path, kind: NodeKind) -> Result<()> {
        self.check_bits(path, kind, 0o077)
    }

    fn check_bits(&self, path: &Path, kind: NodeKind, refused: u32) -> Result<()> {
        let node = self.disk.node(path).map_err(|error| failed("look at", path, error))?;
        let (why, hint) = if node.kind != kind {
            let is = if kind == NodeKind::Folder { "folder" } else { "file" };
            (
                format!("is no plain {is}; links are not followed"),
                "name the real folder with --journal-dir".to_owned(),
            )
        } else if node.owner != self.owner {
            (
                format!("belongs to user {}, this is user {}", node.owner, self.owner),
                "run as its owner, or name another folder with --journal-dir".to_owned(),
            )
        } else if node.mode & refused != 0 {
            (
                format!("can be changed or read by others (mode {:04o})", node.mode),
                format!("chmod go-rwx {}", Printable(&path.to_string_lossy())),
            )
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Journal, "open journal", format!("{} {why}", path.display()))
            .with_hint(format!("nothing was touched; {hint}")))
    }
}

/// The journal's folder unless somebody names another one: `/var/lib/stillme-rollback` for root, else
/// `stillme-rollback` in `$XDG_STATE_HOME`, which is `~/.local/state` if it is not set or not absolute.
///
/// The environment comes as values, so that it can be tested and changed by who embeds this.
///
/// # Errors
/// `InvalidInput` if there is neither.
pub fn default_journal_dir(
    is_root: bool,
    xdg_state_home: Option<&Path>,
    home: Option<&Path>,
) -> Result<PathBuf> {
    const NAME: &str = "stillme-rollback";
    if is_root {
        return Ok(Path::new("/var/lib").join(NAME));
    }
    let absolute = |path: &&Path| path.is_absolute();
    if let Some(state) = xdg_state_home.filter(absolute) {
        return Ok(state.join(NAME));
    }
    if let Some(home) = home.filter(absolute) {
        return Ok(home.join(".local/state").join(NAME));
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "choose the journal's folder",
        "neither XDG_STATE_HOME nor HOME is an absolute path",
    )
    .with_hint("nothing was touched; name a folder with --journal-dir"))
}

pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

/// An error of the disk, in the journal's words.
pub(super) fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or name a folder on another disk with --journal-dir"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "name a folder that can be written with --journal-dir"
        }
        _ => "look at the disk and its folder, or name another one with --journal-dir",
    };
    Error::new(ErrorKind::Journal, "use journal", format!("can't {what}: {error}"))
        .with_context("path", path.display().to_string())
        .with_hint(hint)
        .with_source(error)
}

fn no_such_run(run: RunId, dir: &Path) -> Error {
    Error::new(ErrorKind::NotFound, "open journal", format!("there is no run {run}"))
        .with_context("folder", dir.display().to_string())
        .with_hint("`rollback runs` lists the runs")
}
