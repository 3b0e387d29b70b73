//! `HostConfig`: never merged with an image, so copied as it is, but for what an engine shows and
//! does not take back.

use serde_json::Value;
use stillme_rollback_core::Result;

use super::raw::{Object, text};
use super::source::Source;
use super::{links, namespace};

/// Limits that do not exist on cgroup v2; podman shows them all the same and refuses them.
const CGROUP_V1_ONLY: [&str; 3] = ["MemorySwappiness", "KernelMemory", "KernelMemoryTCP"];

/// The source's `HostConfig`, ready to be sent.
pub(super) fn copy(source: &Source) -> Result<Object> {
    let mut host = source.host_config().clone();
    links::normalise(&mut host);
    namespace::name(&mut host, &source.names)?;
    if source.engine.cgroup_v2 {
        for limit in CGROUP_V1_ONLY {
            host.remove(limit);
        }
    }
    // A runtime of the engine's own choice stays the engine's choice.
    if Some(text(&host, "Runtime")) == source.engine.default_runtime.as_deref() {
        host.remove("Runtime");
    }
    allow_devices(&mut host);
    Ok(host)
}

/// A device that is shown without permissions has all of them: podman leaves them out.
fn allow_devices(host: &mut Object) {
    let devices = host.get_mut("Devices").and_then(Value::as_array_mut);
    for device in devices.into_iter().flatten() {
        let Some(device) = device.as_object_mut() else {
            continue;
        };
        if text(device, "CgroupPermissions").is_empty() {
            device.insert("CgroupPermissions".to_owned(), Value::from("rwm"));
        }
    }
}
