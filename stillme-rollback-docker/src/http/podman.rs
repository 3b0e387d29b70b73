//! Podman speaks the engine's API, and means other things by it.
//!
//! Its `inspect` can't be created again, its identity is another one at each call, and what was so
//! already is answered as if it had been done: no plan made of that is worth approving. What was seen
//! stands in `docs/podman.md`.

use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use super::Server;

const NAME: &str = "Podman Engine";

/// Refuses a Podman by what it says of its parts.
pub(super) fn refuse(server: &Server) -> Result<()> {
    if server.components.iter().all(|component| component.name != NAME) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        "find engine",
        format!(
            "Podman {} answers there, and a rollback on it would not be safe: it does not take back the settings that it reports",
            Printable(&server.version)
        ),
    )
    .with_hint("nothing was touched; set DOCKER_HOST or DOCKER_CONTEXT to a Docker engine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Podman 4.3.1 and Docker 20.10 answer `/version`, shortened.
    #[test]
    fn podman_is_told_from_docker_by_its_parts() {
        for (text, refused) in [
            (
                r#"{"Components":[{"Name":"Podman Engine","Version":"4.3.1","Details":{"APIVersion":"4.3.1"}},{"Name":"Conmon"}],"Version":"4.3.1","ApiVersion":"1.41","MinAPIVersion":"1.24"}"#,
                true,
            ),
            (
                r#"{"Components":[{"Name":"Conmon"},{"Name":"Podman Engine"}],"ApiVersion":"1.41"}"#,
                true,
            ),
            (
                r#"{"Components":[{"Name":"Engine","Version":"20.10.24"},{"Name":"containerd"}],"Version":"20.10.24","ApiVersion":"1.41"}"#,
                false,
            ),
            (r#"{"ApiVersion":"1.41"}"#, false),
        ] {
            let server: Server = serde_json::from_str(text).unwrap();
            let refusal = refuse(&server).err();
            assert_eq!(
                refusal.as_ref().map(Error::kind),
                refused.then_some(ErrorKind::Unsupported)
            );
        }
    }
}
