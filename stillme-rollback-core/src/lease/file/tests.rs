use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use super::*;
use crate::RunId;

fn target(name: &str) -> Target {
    Target::new("docker", "ENGINE:1", name).unwrap()
}

fn holder() -> Holder {
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_442_709);
    Holder::new(RunId::from_parts(since, 7), "host-1", since)
}

struct Place {
    dir: tempfile::TempDir,
    lease: FileLease,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lease = FileLease::new(dir.path().join("lock/stillme"));
        Self { dir, lease }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.lease.dir.join(format!("{}.lock", slug(&target(name))))
    }

    async fn refused(&self, name: &str) -> Error {
        self.lease.acquire(&target(name), &holder()).await.unwrap_err()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn folder_and_files_are_for_all_users() {
    let place = Place::new();
    let held = place.lease.acquire(&target("web"), &holder()).await.unwrap();
    assert_eq!(mode(&place.lease.dir), 0o1777);
    assert_eq!(mode(&place.file("web")), 0o666);
    held.confirm().await.unwrap();
}

#[tokio::test]
async fn the_file_tells_who_holds_it_and_forgets_it_afterwards() {
    let place = Place::new();
    let note = || std::fs::read_to_string(place.file("web")).unwrap();
    let held = place.lease.acquire(&target("web"), &holder()).await.unwrap();
    held.note_step("a-long-name-of-a-step");
    held.note_step("stop");
    let read: Holder = serde_json::from_str(&note()).unwrap();
    assert_eq!(read.step.as_deref(), Some("stop"));
    assert_eq!(read.pid, std::process::id());
    drop(held);
    assert_eq!(note(), "");
}

#[tokio::test]
async fn a_note_that_makes_no_sense_is_still_a_refusal() {
    let place = Place::new();
    let held = place.lease.acquire(&target("web"), &holder()).await.unwrap();
    for note in ["", "\n", "{}", "\u{1b}[2J", &"x".repeat(1 << 20)] {
        std::fs::write(place.file("web"), note).unwrap();
        let error = place.refused("web").await;
        assert_eq!(error.kind(), ErrorKind::Held);
        assert!(error.to_string().contains("did not say which"), "{error}");
    }
    held.note_step("stop");
    std::fs::OpenOptions::new()
        .append(true)
        .open(place.file("web"))
        .and_then(|mut file| io::Write::write_all(&mut file, b"the rest of a longer one"))
        .unwrap();
    let error = place.refused("web").await;
    assert!(error.to_string().contains("at step `stop`"), "{error}");
}

#[tokio::test]
async fn a_lock_that_was_removed_is_noticed() {
    let place = Place::new();
    let held = place.lease.acquire(&target("web"), &holder()).await.unwrap();
    std::fs::remove_file(place.file("web")).unwrap();
    assert_eq!(held.confirm().await.unwrap_err().kind(), ErrorKind::Held);
    std::fs::write(place.file("web"), "").unwrap();
    assert_eq!(held.confirm().await.unwrap_err().kind(), ErrorKind::Held);
}

/// A copy of the open file, as a process that is just being started has it.
#[tokio::test]
async fn letting_go_lets_go_whoever_has_a_copy_of_the_file() {
    let place = Place::new();
    let now = SystemTime::UNIX_EPOCH;
    let held = acquire(&place.lease.dir, &target("web"), &holder(), now).unwrap();
    let _copy = held.file.try_clone().unwrap();
    place.refused("web").await;
    drop(held);
    assert!(place.lease.acquire(&target("web"), &holder()).await.is_ok());
}

#[tokio::test]
async fn what_is_no_plain_file_is_refused_and_untouched() {
    let place = Place::new();
    drop(place.lease.acquire(&target("web"), &holder()).await.unwrap());
    let precious = place.dir.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    let lock = place.file("web");
    type Plant = fn(&Path, &Path);
    let plants: [(&str, Plant); 5] = [
        ("a link", |precious, lock| symlink(precious, lock).unwrap()),
        ("a link to nowhere", |precious, lock| {
            symlink(precious.with_extension("nowhere"), lock).unwrap();
        }),
        ("a second name", |precious, lock| std::fs::hard_link(precious, lock).unwrap()),
        ("a pipe", |_, lock| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                lock,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RWXU,
                0,
            )
            .unwrap();
        }),
        ("a folder", |_, lock| std::fs::create_dir(lock).unwrap()),
    ];
    for (what, plant) in plants {
        let _ = std::fs::remove_file(&lock);
        plant(&precious, &lock);
        let refused = tokio::time::timeout(Duration::from_secs(10), place.refused("web"));
        let error = refused.await.unwrap_or_else(|_| panic!("{what}: waits"));
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error}");
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious", "{what}");
        assert!(!precious.with_extension("nowhere").exists(), "{what}");
    }
    assert!(place.lease.acquire(&target("other"), &holder()).await.is_ok());
}

#[tokio::test]
async fn a_folder_that_can_not_be_trusted_is_refused() {
    let place = Place::new();
    drop(place.lease.acquire(&target("web"), &holder()).await.unwrap());
    let dir = place.lease.dir.clone();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = place.refused("web").await;
    assert!(error.to_string().contains("remove the locks of others"), "{error}");
    std::fs::remove_dir_all(&dir).unwrap();
    symlink(place.dir.path(), &dir).unwrap();
    let error = place.refused("web").await;
    assert!(error.to_string().contains("is no folder; links are not followed"), "{error}");
    std::fs::remove_file(&dir).unwrap();
    std::fs::write(&dir, "").unwrap();
    let error = place.refused("web").await;
    assert!(error.to_string().contains("is no folder"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn the_folder_is_the_first_that_can_be_used() {
    let user = Some(Path::new("/run/user/1000"));
    for (writable, runtime, expected) in [
        (vec!["/run/lock", "/run"], user, "/run/lock/stillme-rollback"),
        (vec!["/run/lock/stillme-rollback"], user, "/run/lock/stillme-rollback"),
        (vec!["/run"], user, "/run/stillme-rollback"),
        (vec!["/run/stillme-rollback", "/run/user/1000"], user, "/run/stillme-rollback"),
        (vec!["/run/user/1000"], user, "/run/user/1000/stillme-rollback"),
        (vec![], user, "/tmp/stillme-rollback-1000"),
        (vec!["relative"], Some(Path::new("relative")), "/tmp/stillme-rollback-1000"),
        (vec![], None, "/tmp/stillme-rollback-1000"),
    ] {
        let can_write = |path: &Path| writable.iter().any(|w| Path::new(w) == path);
        assert_eq!(default_lease_dir(1000, runtime, can_write), Path::new(expected));
    }
}
