//! kubectl, as people use it.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::Failure;
use crate::plane::Plane;

/// No call takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// `kubectl rollout undo && kubectl rollout status`.
pub(crate) async fn go_back(plane: &Plane, name: &str) -> Result<(), Failure> {
    undo(plane, name).await?;
    kubectl(plane, &["rollout", "status", &format!("deployment/{name}"), "--timeout=60s"]).await
}

/// `kubectl rollout undo`.
pub(crate) async fn undo(plane: &Plane, name: &str) -> Result<(), Failure> {
    kubectl(plane, &["rollout", "undo", &format!("deployment/{name}")]).await
}

async fn kubectl(plane: &Plane, arguments: &[&str]) -> Result<(), Failure> {
    let child = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(&plane.kubeconfig)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = timeout(LIMIT, child.wait_with_output()).await??;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
