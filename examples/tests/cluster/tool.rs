//! The tool as a process, and a namespace for it to work in.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::cluster::Cluster;

/// No call of the tool in these tests takes longer.
const LIMIT: Duration = Duration::from_secs(90);

/// A namespace, and the tool's own folder.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    folder: TempDir,
}

/// `None` where there is no cluster: the test is left out.
pub(crate) async fn bench() -> Option<Bench> {
    let cluster = Cluster::new().await?;
    Some(Bench { cluster, folder: tempfile::tempdir().unwrap() })
}

/// What a call said and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).expect("a line of JSON");
        self.out.lines().map(read).collect()
    }
}

impl Bench {
    pub(crate) async fn rollback(&self, arguments: &[&str]) -> Ran {
        self.rollback_with(arguments, &[]).await
    }

    /// `scripts/emergency_rollback.sh`, with this tool on its `PATH`.
    pub(crate) async fn script(&self, arguments: &[&str]) -> Ran {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/emergency_rollback.sh");
        let tool = Path::new(env!("CARGO_BIN_EXE_rollback"));
        let path = format!("{}:/usr/bin:/bin", tool.parent().expect("a folder").display());
        self.run(Command::new(script), arguments, &[("PATH", &path)]).await
    }

    /// `-n` is not given: runs that are gone on with need none.
    pub(crate) async fn rollback_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
        self.run(Command::new(env!("CARGO_BIN_EXE_rollback")), arguments, env).await
    }

    async fn run(&self, mut command: Command, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
        command
            .args(arguments)
            // Not the folder and the cluster of whoever runs the tests.
            .env("STILLME_ROLLBACK_JOURNAL_DIR", self.folder.path())
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env_remove("STILLME_TEST_KILL_AT")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let output = command.spawn().expect("the tool starts").wait_with_output();
        let output = timeout(LIMIT, output).await.expect("the tool ends in time").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn namespace(&self) -> &str {
        self.cluster.namespace.as_str()
    }
}
