//! A service of a Compose project, recreated by the compose command as guides for operators have it.

use std::path::PathBuf;

use stillme_rollback_benches::Result;
use tokio::process::Command;

use super::stage::{LABEL, Stage, output, repository_file};

/// A compose command, and the project that it has.
pub(crate) struct Compose {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Compose {
    /// Debian's 1.29 (`v1`) or a current one (`v5`).
    pub(crate) async fn find(which: &str) -> Result<Self> {
        let script = repository_file("scripts/compose.sh");
        let program = output(Command::new(script).arg(which)).await?;
        Ok(Self { program: program.trim().into(), folder: tempfile::tempdir()? })
    }

    /// Brings the service up from an image. It lives on the default bridge, as the others that are measured.
    pub(crate) async fn up(&self, stage: &Stage, tag: &str, options: &[&str]) -> Result<()> {
        let (image, port, label) = (stage.image(tag), stage.port, &stage.repository);
        let text = format!(
            "version: '2.4'\nservices:\n  web:\n    image: {image}\n    network_mode: bridge\n    ports: ['127.0.0.1:{port}:8080']\n    labels: {{{LABEL}: {label}}}\n"
        );
        std::fs::write(self.folder.path().join("docker-compose.yml"), text)?;
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path()).args(["-p", &stage.repository, "up", "-d"]);
        output(command.args(options)).await?;
        Ok(())
    }
}
