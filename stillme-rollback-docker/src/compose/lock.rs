//! Who works on a project: a compose command holds a lock for as long as it lives.
//!
//! A command that was started by a process which was killed goes on by itself. Its lock tells: the
//! lock belongs to the open file, which the command got as its standard input, and not to who started
//! it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use stillme_rollback_core::{Disposition, Error, ErrorKind, Result};
use tokio::time::{Instant, sleep};

use super::files;
use super::names::Project;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

fn open(folder: &Path, project: &Project) -> Result<File> {
    files::make_folder(folder)?;
    let path = folder.join(format!("{project}.lock"));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    file.map_err(|error| {
        Error::new(ErrorKind::Unavailable, "lock project", "its lock can't be opened")
            .with_context("path", path.display().to_string())
            .with_hint("nothing was touched")
            .with_source(error)
    })
}

/// Whether a compose command of a run is at work on a project.
///
/// # Errors
/// `Unavailable` if the lock can't be opened.
pub(super) fn is_held(folder: &Path, project: &Project) -> Result<bool> {
    Ok(matches!(open(folder, project)?.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The lock, once nobody else holds it, and what is left of `limit` then.
///
/// # Errors
/// `Conflict` if somebody still holds it when `limit` is over.
pub(super) async fn take(
    folder: &Path,
    project: &Project,
    limit: Duration,
) -> Result<(File, Duration)> {
    let file = open(folder, project)?;
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok((file, limit.saturating_sub(begin.elapsed()))),
            Err(TryLockError::WouldBlock) if begin.elapsed() < limit => sleep(PAUSE).await,
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "lock project",
                    "a compose command of an earlier attempt is still at work on it",
                )
                .with_disposition(Disposition::Retry)
                .with_context("project", project.as_str())
                .with_hint("nothing was touched by this attempt"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::Process;
    use super::*;

    /// The one that started it may be gone: the command holds the lock all the same.
    #[tokio::test]
    async fn a_command_holds_the_lock_for_as_long_as_it_lives() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("compose");
        let project = Project::new("shop").unwrap();
        assert!(!is_held(&folder, &project).unwrap());
        let (file, _) = take(&folder, &project, Duration::ZERO).await.unwrap();
        let gate = state.path().join("gate");
        let script = format!("until test -e {}; do sleep 0.01; done", gate.display());
        let process = Process::new(Path::new("/bin/sh")).arg("-c").arg(script);
        let run = tokio::spawn(async move {
            process.run("wait", Duration::from_secs(30), Some(file)).await.is_ok()
        });
        assert!(is_held(&folder, &project).unwrap());
        let error = take(&folder, &project, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        std::fs::write(&gate, "").unwrap();
        assert!(run.await.unwrap());
        take(&folder, &project, Duration::from_secs(10)).await.unwrap();
        assert!(!is_held(&folder, &project).unwrap());
    }
}
