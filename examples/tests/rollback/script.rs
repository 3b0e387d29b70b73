//! `scripts/rollback.sh` with the tool and an engine.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::tool::bench;

#[tokio::test]
async fn the_script_takes_a_container_back() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    let tool = Path::new(env!("CARGO_BIN_EXE_rollback")).parent().unwrap();
    let mut path = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    path.insert(0, tool.to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/rollback.sh");
    let running = Command::new(script)
        .args(["--tag", "v1", "--service", bench.name.as_str(), "--url", &bench.health_url()])
        .args(["--", "--yes", "--settle", "1s"])
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("STILLME_ROLLBACK_JOURNAL_DIR", bench.folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(120), running).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("ROLLED BACK"), "{said}");
    assert_eq!(bench.version().await, "v1");
}
