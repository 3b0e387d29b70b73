//! A disk that fills up, on a real file system of 300 KiB.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::journal::Entry;
use crate::testing::conformance::sample;

/// A file system in memory that is gone when this is dropped. Needs root.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// `None`, and a line that says so, where nothing may be mounted.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("timeout")
            .args(["10", "mount", "-t", "tmpfs", "-o", "size=300k,mode=0700", "tmpfs"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { dir }),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                println!("SKIPPED: the disk-full tests need to mount a tmpfs as root: {why}");
                None
            }
            Err(error) => {
                println!("SKIPPED: the disk-full tests need `mount` and `timeout`: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes every byte that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let error = loop {
            if let Err(error) = io::Write::write_all(&mut file, &[7; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("timeout").args(["10", "umount"]).arg(self.path()).status();
        assert!(
            std::thread::panicking() || unmounted.is_ok_and(|status| status.success()),
            "{} is still mounted",
            self.path().display()
        );
    }
}

fn kibibyte(seq: u64) -> Record {
    sample::record(seq, Entry::Resumed { by: "x".repeat(800) })
}

#[tokio::test]
async fn a_run_that_has_begun_has_its_space() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let journal = FileJournal::new(disk.path().join("journal"));
    let run = sample::run(1);
    journal.create(run, &sample::begin(&sample::plan())).await.unwrap();
    let filler = disk.fill();
    let mut written = 1;
    let error = loop {
        match journal.append(run, &kibibyte(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    let bytes = std::fs::metadata(journal.path(run).await.unwrap()).unwrap().len();
    println!("counts: {written} records in {bytes} bytes on a full disk");
    assert!(bytes > log::RESERVE - 4096, "{bytes} of the reserve could be used");
    assert_eq!(error.kind(), ErrorKind::Journal);
    assert!(error.to_string().contains("free some space"), "{error}");
    // Poisoned: even when there is space again, nothing is written until somebody has looked.
    std::fs::remove_file(filler).unwrap();
    let error = journal.append(run, &kibibyte(written)).await.unwrap_err();
    assert!(error.message().starts_with("nothing more is written"), "{error}");
    journal.close(run).await.unwrap();
    let records = journal.open(run).await.unwrap();
    assert_eq!(records[..written as usize].len() as u64, written);
    journal.append(run, &kibibyte(records.len() as u64)).await.unwrap();
}

/// A torn record is dropped on a full disk as well, and the run goes on in its reserve.
#[tokio::test]
async fn a_torn_run_is_resumed_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let journal = FileJournal::new(disk.path().join("journal"));
    let run = sample::run(1);
    journal.create(run, &sample::begin(&sample::plan())).await.unwrap();
    let path = journal.path(run).await.unwrap();
    journal.close(run).await.unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    io::Write::write_all(&mut file, b"{\"v\":1,\"by").unwrap();
    drop(file);
    disk.fill();
    assert_eq!(journal.open(run).await.unwrap().len(), 2);
    for seq in 2..200 {
        journal.append(run, &kibibyte(seq)).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_can_not_have_its_space_does_not_begin() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let dir = disk.path().join("journal");
    let journal = FileJournal::new(&dir);
    let filler = disk.fill();
    let error = journal.create(sample::run(1), &sample::begin(&sample::plan())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Journal);
    for says in ["No space left", "nothing was touched", "--journal-dir"] {
        assert!(error.to_string().contains(says), "{says} in {error}");
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "something is left");
    assert_eq!(journal.list().await.unwrap(), []);
    std::fs::remove_file(filler).unwrap();
    journal.create(sample::run(1), &sample::begin(&sample::plan())).await.unwrap();
}
