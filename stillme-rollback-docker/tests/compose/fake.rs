//! A compose command that misbehaves.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::{ErrorKind, HashKey, Result};
use stillme_rollback_docker::compose::{ComposeExecutor, ComposeOptions, ServiceName, Services};
use tempfile::TempDir;

use crate::generation::Kind;
use crate::project::Stage;

/// A folder for `PATH` with a script in the place of `docker-compose`.
fn script(body: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker-compose");
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

const VERSION: &str = "case \"$*\" in *version*) echo 5.6.0; exit 0;; esac";
const USAGE: &str = "printf 'Validate and view the Compose file.\\n\\nUsage: config [options]\\n\\nOptions:\\n    -q, --quiet  Only validate\\n'; exit 0";

#[tokio::test]
async fn nothing_that_a_misbehaving_command_says_is_believed() {
    let Some(stage) = Stage::of(Kind::StandAlone).await else { return };
    stage.serving().await;
    let web = stage.identity("web").await;
    let ids: Vec<_> = web.keys().cloned().collect();
    let ps = format!("case \"$*\" in *' ps '*) echo {}; exit 0;; esac", ids[0]);
    for (name, body, kind, why) in [
        ("missing", None, ErrorKind::NotFound, "neither `docker compose` nor"),
        (
            "no version",
            Some("echo hello; exit 0".to_owned()),
            ErrorKind::NotFound,
            "says its version",
        ),
        ("usage text", Some(USAGE.to_owned()), ErrorKind::NotFound, "says its version"),
        ("hangs", Some("/bin/sleep 600".to_owned()), ErrorKind::NotFound, "says its version"),
        (
            "hangs later",
            Some(format!("{VERSION}; /bin/sleep 600")),
            ErrorKind::Timeout,
            "gave no answer",
        ),
        ("no containers", Some(format!("{VERSION}; exit 0")), ErrorKind::Mismatch, "does not see"),
        ("other containers", Some(format!("{VERSION}; echo rubbish")), ErrorKind::Corrupt, "no id"),
        (
            "usage for an answer",
            Some(format!("{VERSION}; {ps}; {USAGE}")),
            ErrorKind::Corrupt,
            "no configuration",
        ),
        (
            "empty",
            Some(format!("{VERSION}; {ps}; echo '{{}}'")),
            ErrorKind::Corrupt,
            "no configuration",
        ),
        (
            "no hashes",
            Some(format!(
                "{VERSION}; {ps}; case \"$*\" in *--hash*) exit 0;; esac; echo '{{\"services\": {{\"web\": {{\"image\": \"x:y\"}}}}}}'"
            )),
            ErrorKind::Corrupt,
            "no hash of `web`",
        ),
        (
            "fails and tells a secret",
            Some(format!("{VERSION}; {ps}; echo canary-told >&2; exit 17")),
            ErrorKind::Rejected,
            "exit code 17",
        ),
        (
            "without end",
            Some(format!("{VERSION}; /bin/cat /dev/zero")),
            ErrorKind::Rejected,
            "gave no answer",
        ),
    ] {
        let folder = body.as_deref().map_or_else(|| tempfile::tempdir().unwrap(), script);
        let error = observe(&stage, &folder).await.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
        let told = format!("{error:?}");
        assert!(error.to_string().contains(why), "{name}: {error}");
        assert!(!told.contains("canary"), "{name}: {told}");
        assert!(error.to_string().contains("nothing was touched"), "{name}: {error}");
    }
    assert_eq!(stage.identity("web").await, web);
}

async fn observe(stage: &Stage, folder: &TempDir) -> Result<()> {
    // Only for `sleep` and `cat`: the programs that are looked for are not there.
    let path: OsString = format!("{}:/usr/lib/none", folder.path().display()).into();
    let env = vec![("PATH".into(), path), ("DOCKER_CONFIG".into(), folder.path().into())];
    let executor = ComposeExecutor::new(
        Arc::new(stage.bed.engine.clone()),
        HashKey::from_bytes([9; 32]),
        stage.state(),
    )
    .with_env(env)
    .with_patience(Duration::from_secs(2));
    let services = Services::new([ServiceName::new("web").unwrap()]).unwrap();
    let target = executor.target(Some(&stage.project), &services).await.unwrap();
    executor
        .observe_for(&target, &ComposeOptions::default(), &"v1".parse().unwrap())
        .await
        .map(drop)
}
