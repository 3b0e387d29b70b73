//! Programs made of a few lines of shell.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Writes an executable. Another process does it: a file that this one had open for writing while a
/// test beside it started a program can't be executed ("text file busy").
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}").as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

/// Waits until a process is gone, and collected too, for at most 10 s.
pub(crate) async fn until_gone(id: u32) {
    let gone = async {
        while fs::exists(format!("/proc/{id}")).unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap_or_else(|_| panic!("process {id} is still there"));
}

/// The number that a script wrote into a file.
pub(crate) fn number_in(path: &Path) -> u32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

/// Waits until a process that is not ours to collect does nothing any more, for at most 10 s.
pub(crate) async fn until_ended(id: u32) {
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    let ended = async {
        while runs() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .unwrap_or_else(|_| panic!("process {id} still runs"));
}
