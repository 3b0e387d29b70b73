//! `scripts/rollback.sh` with the tool and an engine.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use stillme_rollback_docker::engine::ContainerSummary;
use tokio::process::Command;
use tokio::time::timeout;

use crate::compose::Shop;
use crate::tool::{Bench, bench};

/// The script as an operator calls it: the tool is on the `PATH`.
async fn script(bench: &Bench, service: &str) -> Output {
    let tool = Path::new(env!("CARGO_BIN_EXE_rollback")).parent().unwrap();
    let path = bench.path.clone().or_else(|| std::env::var_os("PATH")).unwrap();
    let dirs = std::iter::once(tool.to_owned()).chain(std::env::split_paths(&path));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/rollback.sh");
    let url = bench.health_url();
    let running = Command::new(script)
        .args(["--tag", "v1", "--service", service, "--url", &url, "--", "--yes", "--settle", "1s"])
        .env("PATH", std::env::join_paths(dirs).unwrap())
        .env("STILLME_ROLLBACK_JOURNAL_DIR", bench.folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    timeout(Duration::from_secs(120), running).await.unwrap().unwrap()
}

fn assert_rolled_back(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("ROLLED BACK"), "{said}");
}

#[tokio::test]
async fn the_script_takes_a_container_back() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    assert_rolled_back(&script(&bench, bench.name.as_str()).await);
    assert_eq!(bench.version().await, "v1");
}

/// By its container's name, which nobody else has: other tests have a service `web` as well.
#[tokio::test]
async fn the_script_takes_a_compose_service_back() {
    let Some(shop) = Shop::serving(&["v1", "v2"]).await else { return };
    let all = shop.bench.bed.containers().await;
    let is_web = |own: &&ContainerSummary| own.label("com.docker.compose.service") == Some("web");
    let web = all.iter().find(is_web).unwrap().name.clone().unwrap();
    assert_rolled_back(&script(&shop.bench, web.as_str()).await);
    assert_eq!(shop.containers("web").await, ["_web_1 v1 running"]);
}
