//! What is refused before anything is touched.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use crate::dependents::Policy;
use crate::detail::{Detail, text};
use crate::images::LocalImage;
use crate::names::{ContainerName, Role};

/// Whether the container is one that can be taken back, and the image one that runs here.
pub(crate) fn check(
    detail: &Detail,
    name: &ContainerName,
    image: &Value,
    dependents: Policy,
) -> Result<()> {
    if name.role() != Role::Service {
        return Err(refused("it is the temporary name of a run, not of a service")
            .with_context("container", name.as_str())
            .with_hint("nothing was touched; name the service itself"));
    }
    if let Some(leftover) = detail.leftovers.first() {
        return Err(refused("another run of this container is not finished")
            .with_context("left behind", leftover.as_str())
            .with_hint(format!(
                "nothing was touched; `rollback resume` goes on with that run, `rollback abort RUN` takes it back; if its journal is lost, or it ended stuck, `rollback resume --from-engine {}`",
                name.as_str()
            )));
    }
    let project = text(&detail.container, "/Config/Labels/com.docker.compose.project");
    if !project.is_empty() {
        return Err(refused(
            "it belongs to a Compose project, whose next `up` would undo the rollback",
        )
        .with_context("project", Printable(project).to_string())
        .with_hint("nothing was touched; roll the service back through Compose"));
    }
    if dependents == Policy::Refuse && !detail.dependents.is_empty() {
        let names: Vec<_> = detail.dependents.iter().map(ToString::to_string).collect();
        return Err(refused(
            "other containers hold on to it, and would lose it when it is replaced",
        )
        .with_context("they share", Printable(&names.join("; ")).to_string())
        .with_hint(
            "nothing was touched; `--dependents recreate` (with create-first) recreates them on the new one; or remove them, roll it back, and run them anew",
        ));
    }
    let running = LocalImage::read(&detail.image)?;
    LocalImage::read(image)?.check_fit(&detail.engine.info(), Some(&running))
}

/// The refusal of a container whose stop deletes it.
pub(crate) fn auto_remove(name: &ContainerName) -> Error {
    refused("it was started with `--rm`: stopping it deletes it, so there would be no way back")
        .with_context("container", name.as_str())
        .with_hint(
            "nothing was touched; with `--allow-auto-remove` a copy of it waits before it is stopped and is the way back",
        )
}

/// The refusal of such a container that others hold on to.
pub(crate) fn auto_remove_with_dependents(name: &ContainerName) -> Error {
    refused("it was started with `--rm`, and others hold on to it: what would come back in its place is another container")
        .with_context("container", name.as_str())
        .with_hint("nothing was touched; remove the dependents, roll it back, and run them anew")
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, "plan rollback", why)
}
