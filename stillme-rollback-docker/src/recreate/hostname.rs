//! `Hostname`: what an engine filled in would name the new container after the old one.

use super::raw::{Object, text};
use super::source::Source;

/// Removes a host name that the user did not set, or may not have set: a container in the host's
/// UTS namespace shows a name, and is refused when created with one.
pub(super) fn restore(config: &mut Object, source: &Source) {
    let hostname = text(config, "Hostname");
    let from_id = hostname == source.short_id();
    let from_host =
        source.network_mode() == "host" && source.engine.host_name.as_deref() == Some(hostname);
    let shared = text(source.host_config(), "UTSMode") == "host";
    if from_id || from_host || shared {
        config.remove("Hostname");
    }
}
