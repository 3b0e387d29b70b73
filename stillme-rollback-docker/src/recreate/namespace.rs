//! Namespaces and volumes that are shared with another container: `container:<id>`.
//!
//! An engine keeps the id. A container of that name that was recreated since has another one, so
//! the id is turned into the name; where nobody has it any more, the create could only fail.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use super::raw::{Object, set_strings, strings, text};

/// The modes that can name a container.
const MODES: [&str; 4] = ["NetworkMode", "IpcMode", "PidMode", "Cgroup"];

const PREFIX: &str = "container:";

/// Turns the ids of other containers into names.
pub(super) fn name(host: &mut Object, names: &BTreeMap<String, String>) -> Result<()> {
    for mode in MODES {
        if let Some(id) = text(host, mode).strip_prefix(PREFIX) {
            let named = format!("{PREFIX}{}", named(mode, id, names)?);
            host.insert(mode.to_owned(), Value::from(named));
        }
    }
    if let Some(sources) = strings(host, "VolumesFrom") {
        let sources: Vec<_> =
            sources.iter().map(|source| named_source(source, names)).collect::<Result<_>>()?;
        set_strings(host, "VolumesFrom", Some(sources));
    }
    Ok(())
}

/// Removes what is refused together with the network of another container. The engine fills some of
/// it in by itself, so its presence says nothing of the user.
pub(super) fn strip(config: &mut Object, host: &mut Object) {
    if !text(host, "NetworkMode").starts_with(PREFIX) {
        return;
    }
    for key in ["Hostname", "ExposedPorts", "MacAddress"] {
        config.remove(key);
    }
    for key in ["PortBindings", "PublishAllPorts", "Dns", "ExtraHosts", "Links"] {
        host.remove(key);
    }
}

/// `VolumesFrom` may say how: `id:ro`.
fn named_source(source: &str, names: &BTreeMap<String, String>) -> Result<String> {
    match source.split_once(':') {
        Some((id, mode)) => Ok(format!("{}:{mode}", named("VolumesFrom", id, names)?)),
        None => named("VolumesFrom", source, names),
    }
}

fn named(field: &'static str, reference: &str, names: &BTreeMap<String, String>) -> Result<String> {
    if let Some(name) = names.get(reference) {
        return Ok(name.clone());
    }
    if !is_id(reference) {
        return Ok(reference.to_owned());
    }
    Err(Error::new(
        ErrorKind::NotFound,
        "recreate container",
        format!("its {field} is that of a container that is gone"),
    )
    .with_context("container", Printable(reference).to_string())
    .with_hint(
        "nothing was touched; the service can't be created again as it is: deploy it together \
         with the container that it depends on",
    ))
}

fn is_id(reference: &str) -> bool {
    reference.len() == 64 && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}
