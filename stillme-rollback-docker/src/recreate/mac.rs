//! The MAC address that the user configured, as opposed to the one that the engine made up.
//!
//! Only `Config.MacAddress` tells them apart. Sending the running address of an endpoint would give
//! two containers the same one.

use stillme_rollback_core::Note;

use super::api::{MANY_ENDPOINTS, NO_CONFIGURED_MAC};
use super::raw::{Object, text};
use super::source::Source;

const KEY: &str = "MacAddress";

/// Takes the address out of `Config` for the primary endpoint, where engines from API 1.44 on want
/// it. Older ones take it where it stands.
pub(super) fn take(
    config: &mut Object,
    source: &Source,
    remarks: &mut Vec<Note>,
) -> Option<String> {
    let api = source.engine.api;
    if api < MANY_ENDPOINTS {
        return None;
    }
    if api >= NO_CONFIGURED_MAC && !source.networks().is_empty() {
        remarks.push(Note::warning(format!(
            "API {api} does not tell a configured MAC address from a generated one: the new \
             container gets a generated one; ask with API 1.51 to keep it"
        )));
    }
    let configured = text(config, KEY).to_owned();
    config.remove(KEY);
    Some(configured).filter(|address| !address.is_empty())
}
