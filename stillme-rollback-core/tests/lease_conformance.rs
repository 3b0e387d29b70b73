//! Both leases keep the contract of their trait, and that of files among processes and users.

#![expect(clippy::unwrap_used, reason = "a test: to panic is to fail")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stillme_rollback_core::lease::{FileLease, Holder, Lease as _, MemoryLease};
use stillme_rollback_core::testing::conformance::check_lease;
use stillme_rollback_core::{Clock as _, ErrorKind, Result, RunId, SystemClock, Target};

/// Tells the child process which folder to use. Without it the child's test does nothing.
const FOLDER: &str = "STILLME_TEST_LEASE_FOLDER";
const LIMIT: Duration = Duration::from_secs(30);
const NOBODY: u32 = 65_534;

fn target(name: &str) -> Target {
    Target::new("docker", "ENGINE:1", name).unwrap()
}

fn holder() -> Holder {
    let now = SystemClock::new().now();
    Holder::new(RunId::generate(now).unwrap(), "here", now)
}

#[tokio::test]
async fn the_lease_in_memory() {
    check_lease(Arc::new(MemoryLease::new())).await;
}

#[tokio::test]
async fn the_lease_in_files() {
    let dir = tempfile::tempdir().unwrap();
    check_lease(Arc::new(FileLease::new(dir.path().join("lock")))).await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_noticed() {
    let lease = MemoryLease::new();
    let held = lease.acquire(&target("web"), &holder()).await.unwrap();
    lease.expire(&target("web"));
    assert_eq!(held.confirm().await.unwrap_err().kind(), ErrorKind::Held);
    let next = lease.acquire(&target("web"), &holder()).await.unwrap();
    drop(held);
    next.confirm().await.unwrap();
}

/// Not a test of its own: what a child process does. It holds `web` until it is killed or its parent
/// is gone.
#[tokio::test]
async fn child_that_holds() {
    let Some(dir) = std::env::var_os(FOLDER) else {
        return;
    };
    let lease = FileLease::new(PathBuf::from(dir));
    let held = lease.acquire(&target("web"), &holder()).await.unwrap();
    held.note_step("stop-old");
    println!("\nheld");
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Another process that holds `web`. Killed when this is dropped.
struct Holding(Child);

impl Holding {
    fn start(exe: &Path, dir: &Path, uid: u32) -> Self {
        let mut command = Command::new(exe);
        command
            .args(["--exact", "child_that_holds", "--nocapture"])
            .env(FOLDER, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if uid != rustix::process::geteuid().as_raw() {
            command.uid(uid).gid(uid);
        }
        let mut holding = Self(command.spawn().unwrap());
        let lines = BufReader::new(holding.0.stdout.take().unwrap()).lines();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let held = lines.map_while(std::io::Result::ok).any(|line| line == "held");
            let _ = told.send(held);
        });
        assert!(heard.recv_timeout(LIMIT).unwrap(), "the child does not hold");
        holding
    }

    /// `kill -9`, and its end awaited.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn try_take(lease: &FileLease) -> Result<()> {
    lease.acquire(&target("web"), &holder()).await.map(drop)
}

#[tokio::test]
async fn a_killed_process_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("lock");
    let exe = std::env::current_exe().unwrap();
    let lease = FileLease::new(&folder);
    for _ in 0..5 {
        let mut other = Holding::start(&exe, &folder, rustix::process::geteuid().as_raw());
        let error = try_take(&lease).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Held);
        for says in [format!("pid: {}", other.0.id()), "at step `stop-old`".to_owned()] {
            assert!(error.to_string().contains(&says), "{says} in {error}");
        }
        other.kill();
        let killed = Instant::now();
        try_take(&lease).await.unwrap();
        println!("counts: taken {:?} after the holder's end", killed.elapsed());
    }
}

/// Root and another user exclude each other, whoever came first.
#[tokio::test]
async fn users_of_one_machine_exclude_each_other() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can start a process of another user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let open_to_all = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open_to_all(dir.path(), 0o1777);
    // The build's folder may be closed to other users.
    let exe = dir.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    open_to_all(&exe, 0o755);

    let folder = dir.path().join("lock");
    let lease = FileLease::new(&folder);
    let mut nobody = Holding::start(&exe, &folder, NOBODY);
    assert_eq!(std::fs::metadata(&folder).unwrap().uid(), NOBODY, "nobody came first");
    let error = try_take(&lease).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held, "{error}");
    assert!(error.to_string().contains("at step `stop-old`"), "{error}");
    let found = std::fs::metadata(&folder).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o7777), (0, 0o1777), "root took the folder over");
    nobody.kill();
    try_take(&lease).await.unwrap();

    // Root came first: nobody can use the folder, and root's file if it is free.
    let folder = dir.path().join("other");
    let lease = FileLease::new(&folder);
    try_take(&lease).await.unwrap();
    let _nobody = Holding::start(&exe, &folder, NOBODY);
    assert_eq!(try_take(&lease).await.unwrap_err().kind(), ErrorKind::Held);
}
