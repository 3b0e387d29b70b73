//! The networks: what the user configured of each endpoint, and none of what the engine assigned.
//!
//! An assigned address that is sent back becomes a static one, and on networks that check nothing a
//! wrong one. So endpoints are the one place where fields are picked, not copied; a field that is
//! neither known as configured nor as assigned is named in the plan.

use serde_json::Value;
use stillme_rollback_core::{Note, Printable, Secret};

use super::Connect;
use super::api::{EXACT_ALIASES, MANY_ENDPOINTS};
use super::raw::{Object, is_unset, set_strings, strings, text};
use super::source::Source;

/// What a user configures of an endpoint.
const CONFIGURED: [&str; 5] = ["IPAMConfig", "Links", "DriverOpts", "GwPriority", "Aliases"];

/// What an engine assigns.
const ASSIGNED: [&str; 10] = [
    "NetworkID",
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "MacAddress",
    "DNSNames",
];

/// The networks that an engine has by itself: none of them knows aliases.
const BUILT_IN: [&str; 3] = ["bridge", "host", "none"];

/// The networks of a container that is to be created.
pub(super) struct Networks {
    /// `EndpointsConfig` of the create.
    pub(super) at_create: Object,
    /// What is connected after it.
    pub(super) afterwards: Vec<Connect>,
    /// All of them, the primary one first.
    pub(super) all: Vec<Connect>,
}

/// The endpoints of the source, the primary network first: that of `NetworkMode`, whose address is
/// the container's own.
pub(super) fn endpoints(source: &Source, mac: Option<&str>, remarks: &mut Vec<Note>) -> Networks {
    let mut networks =
        Networks { at_create: Object::new(), afterwards: Vec::new(), all: Vec::new() };
    let mode = source.network_mode();
    if matches!(mode, "host" | "none") || mode.starts_with("container:") {
        return networks;
    }
    let mut found: Vec<_> = source.networks().iter().collect();
    found.sort_by_key(|(name, endpoint)| (!is_primary(name, endpoint, mode), *name));
    remarks.extend(missing_primary(&found, mode));

    for (index, (name, endpoint)) in found.iter().enumerate() {
        let mut config = configured(name, endpoint, source);
        remarks.extend(unknown_fields(name, endpoint));
        if let Some(mac) = mac.filter(|_| index == 0) {
            config.insert("MacAddress".to_owned(), Value::from(mac));
        }
        let connect = Connect {
            network: (*name).clone(),
            endpoint: Secret::new(Value::Object(config.clone())),
        };
        networks.all.push(connect.clone());
        if index == 0 || source.engine.api >= MANY_ENDPOINTS {
            networks.at_create.insert((*name).clone(), Value::Object(config));
        } else {
            networks.afterwards.push(connect);
        }
    }
    leave_to_the_engine(&mut networks.at_create, mode);
    networks
}

/// One endpoint without settings on the primary network is what a create makes by itself.
fn leave_to_the_engine(at_create: &mut Object, mode: &str) {
    let only = at_create.len() == 1;
    if only && at_create.get(mode).is_some_and(is_unset) {
        at_create.clear();
    }
}

/// `NetworkMode` may be the id of a network, where clients sent that.
fn is_primary(name: &str, endpoint: &Value, mode: &str) -> bool {
    name == mode || endpoint.get("NetworkID").and_then(Value::as_str) == Some(mode)
}

fn configured(name: &str, endpoint: &Value, source: &Source) -> Object {
    let Some(endpoint) = endpoint.as_object() else {
        return Object::new();
    };
    let mut config: Object = CONFIGURED
        .iter()
        .filter_map(|field| Some((*field, endpoint.get(*field)?)))
        .filter(|(_, value)| !is_unset(value))
        .map(|(field, value)| (field.to_owned(), value.clone()))
        .collect();
    let aliases = aliases(name, endpoint, source);
    set_strings(&mut config, "Aliases", Some(aliases).filter(|aliases| !aliases.is_empty()));
    config
}

/// The aliases that the user gave. Below API 1.45 engines add the short id and the host name when a
/// container starts: both come again by themselves, so an alias of the user that is the same name is
/// not lost.
fn aliases(network: &str, endpoint: &Object, source: &Source) -> Vec<String> {
    if BUILT_IN.contains(&network) {
        return Vec::new();
    }
    let mut aliases = strings(endpoint, "Aliases").unwrap_or_default();
    if source.engine.api < EXACT_ALIASES {
        let hostname = source.config().map_or("", |config| text(config, "Hostname"));
        aliases.retain(|alias| alias != source.short_id() && alias != hostname);
    }
    aliases
}

/// A container that somebody took off its networks by hand.
fn missing_primary(found: &[(&String, &Value)], mode: &str) -> Option<Note> {
    match found.first() {
        Some((name, endpoint)) if is_primary(name, endpoint, mode) => None,
        Some(_) => Some(Note::warning(format!(
            "the container is not on its primary network {} any more; the engine may put the new \
             one there",
            Printable(mode)
        ))),
        None => Some(Note::warning(format!(
            "the container is on no network; the engine puts the new one on {}",
            Printable(mode)
        ))),
    }
}

fn unknown_fields(network: &str, endpoint: &Value) -> Option<Note> {
    let fields: Vec<_> = endpoint
        .as_object()?
        .iter()
        .filter(|(field, value)| {
            let field = field.as_str();
            !CONFIGURED.contains(&field) && !ASSIGNED.contains(&field) && !is_unset(value)
        })
        .map(|(field, _)| Printable(field).to_string())
        .collect();
    if fields.is_empty() {
        return None;
    }
    Some(Note::warning(format!(
        "this version does not know {} on network {}: not taken over",
        fields.join(", "),
        Printable(network)
    )))
}
