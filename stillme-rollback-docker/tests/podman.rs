//! A real Podman is refused before anything is asked of it that has a meaning.
//!
//! Without a Podman the test is left out; with `STILLME_TEST_PODMAN=required` or `CI=true` it fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stillme_rollback_core::ErrorKind;
use stillme_rollback_docker::{DockerEnv, HttpEngine};
use tempfile::TempDir;

/// A Podman of this test's own, with its own storage. Ended when dropped.
struct Podman {
    folder: TempDir,
    process: Child,
}

impl Podman {
    fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let started = Command::new("podman")
            .args(["--root", &at("root"), "--runroot", &at("run"), "--tmpdir", &at("tmp")])
            .args(["system", "service", "--time=0", &format!("unix://{}", at("podman.sock"))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(process) => Some(Self { folder, process }),
            Err(_) => {
                let wanted = |name: &str| std::env::var(name).unwrap_or_default();
                let required =
                    wanted("CI") == "true" || wanted("STILLME_TEST_PODMAN") == "required";
                assert!(!required, "no podman: install the package podman");
                std::io::stderr().write_all(b"LEFT OUT: a real Podman: not installed\n").unwrap();
                None
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("podman.sock")
    }

    async fn until_it_listens(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(self.process.try_wait().unwrap().is_none(), "podman ended");
            assert!(Instant::now() < deadline, "podman does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // Its storage is a mount of its own, which keeps its folder from being removed.
        let root = self.folder.path().join("root/overlay");
        let _ = Command::new("umount").arg(root).stderr(Stdio::null()).status();
    }
}

#[tokio::test]
async fn a_podman_is_refused_by_name() {
    let Some(mut podman) = Podman::start() else { return };
    podman.until_it_listens().await;
    let mut env = DockerEnv::default();
    env.host = Some(format!("unix://{}", podman.socket().display()));
    let error = HttpEngine::connect(&env).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.message().starts_with("Podman "), "{error}");
    assert!(error.hint().unwrap().starts_with("nothing was touched"), "{error}");
}
