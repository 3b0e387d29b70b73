//! What could be harmed by two versions that run at once for a while.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use crate::detail::text;
use crate::names::LABEL_STRATEGY;

/// Refuses a container that would share what it can write to with the new one, unless that is allowed,
/// or the user wants this strategy by a label.
pub(crate) fn refuse_shared_writes(
    container: &Value,
    strategy: &str,
    operation: &'static str,
    allowed: bool,
) -> Result<()> {
    let wanted = wanted_strategy(container) == Some(strategy);
    match shared_write(container) {
        Some(shared) if !allowed && !wanted => {
            let why = "both versions would write to the same files for a while";
            Err(Error::new(ErrorKind::Rejected, operation, why)
                .with_context("shared", Printable(&shared).to_string())
                .with_hint(format!(
                    "nothing was touched; use `--strategy create-first`, or `--allow-shared-writes` (or the label `{LABEL_STRATEGY}={strategy}`) if the service can take it"
                )))
        }
        _ => Ok(()),
    }
}

/// What the user asks for by a label.
fn wanted_strategy(container: &Value) -> Option<&str> {
    container.pointer("/Config/Labels")?.get(LABEL_STRATEGY)?.as_str()
}

/// A mount that both could write to.
fn shared_write(container: &Value) -> Option<String> {
    let mounts = container["Mounts"].as_array()?;
    let shared = |mount: &&Value| mount["RW"] == true && mount["Type"] != "tmpfs";
    mounts.iter().find(shared).map(|mount| text(mount, "/Destination").to_owned())
}
