//! The control plane of the demo.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Failure;

/// A control plane that ends with this program: it reads from it, and what it reads ends.
pub(crate) struct Plane {
    pub(crate) kubeconfig: PathBuf,
    _child: Child,
}

impl Plane {
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let program = folder.join("bin/control-plane");
        let mut child = Command::new(&program)
            .arg("up")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let out = child.stdout.take().ok_or("its output can't be read")?;
        let line = BufReader::new(out).lines().next_line().await?.unwrap_or_default();
        let said: Value = serde_json::from_str(&line)
            .map_err(|_| "the control plane did not start; it says why above")?;
        let kubeconfig = said["kubeconfig"].as_str().ok_or("it did not say where it is")?.into();
        Ok(Self { kubeconfig, _child: child })
    }
}
