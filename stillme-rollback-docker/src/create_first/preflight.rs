//! What is refused before anything is touched.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use crate::detail::{Detail, text};
use crate::names::{ContainerName, Role};
use crate::recreate::Recreated;

/// Whether the container is one that can be taken back, and the image one that runs here.
pub(super) fn check(detail: &Detail, name: &ContainerName, image: &Value) -> Result<()> {
    if name.role() != Role::Service {
        return Err(refused("it is the temporary name of a run, not of a service")
            .with_context("container", name.as_str())
            .with_hint("nothing was touched; name the service itself"));
    }
    if let Some(leftover) = detail.leftovers.first() {
        return Err(refused("another run of this container is not finished")
            .with_context("left behind", leftover.as_str())
            .with_hint(
                "nothing was touched; `rollback resume` goes on with that run, `rollback abort RUN` takes it back",
            ));
    }
    let project = text(&detail.container, "/Config/Labels/com.docker.compose.project");
    if !project.is_empty() {
        return Err(refused("it belongs to a Compose project, whose next `up` would undo the rollback")
            .with_context("project", Printable(project).to_string())
            .with_hint("nothing was touched; roll the service back through Compose"));
    }
    fits(detail, image)
}

/// Whether the image is of the engine's platform.
fn fits(detail: &Detail, image: &Value) -> Result<()> {
    let (os, arch) = (text(image, "/Os"), text(image, "/Architecture"));
    let engine = &detail.engine;
    // Engines run other architectures through emulation only where somebody set that up; a rollback
    // is no time to find out.
    let same = (os.is_empty() || os == engine.os) && (arch.is_empty() || arch == engine.arch);
    if same {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "plan rollback", "the image is of another platform")
        .with_context("image", format!("{}/{}", Printable(os), Printable(arch)))
        .with_context("engine", format!("{}/{}", engine.os, engine.arch))
        .with_hint("nothing was touched; choose an image that was built for this machine"))
}

/// Whether the way back would exist.
pub(super) fn check_recreated(recreated: &Recreated, name: &ContainerName) -> Result<()> {
    if !recreated.auto_remove {
        return Ok(());
    }
    Err(refused("it was started with `--rm`: stopping it deletes it, so there would be no way back")
        .with_context("container", name.as_str())
        .with_hint("nothing was touched; run it without `--rm` to have a way back"))
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, "plan rollback", why)
}
