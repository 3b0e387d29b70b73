//! All that a container is created with, by name, as far as it may be shown: what a record keeps of a
//! release, and what is compared when settings go back with it.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::HashKey;

use super::differences::{Change, Shown, of_config};
use super::raw::{EMPTY, Object, is_unset, object, strings, text};
use super::source::Replacement;
use super::{Recreated, merge, spec};
use crate::recipe::restart_option;

/// The name of the restart policy among the settings.
pub(crate) const RESTART_POLICY: &str = "restart policy";

/// What [`of_config`] names one by one, and what is no part of a container's `Config`.
const NAMED: [&str; 15] = [
    "Env",
    "Labels",
    "Entrypoint",
    "Cmd",
    "Shell",
    "User",
    "WorkingDir",
    "StopSignal",
    "Image",
    "ExposedPorts",
    "Volumes",
    "Healthcheck",
    "HostConfig",
    "NetworkingConfig",
    "OnBuild",
];

/// The parts of `HostConfig` that have names of their own below.
const HOST_NAMED: [&str; 5] = ["Binds", "Mounts", "PortBindings", "RestartPolicy", "NetworkMode"];

/// Everything that a container has once it is created, by name.
///
/// Numbers, switches, ports and restart policies are shown; anything that could be a secret is a keyed
/// hash.
pub fn settings(
    recreated: &Recreated,
    replacement: &Replacement,
    key: &HashKey,
) -> BTreeMap<String, Shown> {
    let mut body = recreated.body.expose().as_object().unwrap_or(&EMPTY).clone();
    spec::sort_ulimits(&mut body);
    let mut all = of_config(&merge::merge(&body, replacement.image_config()), key);
    for (field, value) in body.iter().filter(|(field, _)| !NAMED.contains(&field.as_str())) {
        add(&mut all, field.clone(), value, key);
    }
    of_host(&mut all, object(&body, "HostConfig"), key);
    for connect in &recreated.endpoints {
        let endpoint = connect.endpoint.expose();
        let joined = Shown::Value("joined".to_owned());
        let shown = if is_unset(endpoint) { joined } else { hashed(endpoint, key) };
        all.insert(format!("network {}", connect.network), shown);
    }
    all
}

fn of_host(all: &mut BTreeMap<String, Shown>, host: &Object, key: &HashKey) {
    for bind in strings(host, "Binds").unwrap_or_default() {
        let mut parts = bind.split(':');
        let first = parts.next().unwrap_or_default();
        let at = parts.next().unwrap_or(first).to_owned();
        all.insert(format!("mount {at}"), Shown::Hash(key.short_hash(&bind)));
    }
    let mounts = host.get("Mounts").and_then(Value::as_array);
    for mount in mounts.into_iter().flatten().filter_map(Value::as_object) {
        let shown = hashed(&Value::Object(mount.clone()), key);
        all.insert(format!("mount {}", text(mount, "Target")), shown);
    }
    for (port, bindings) in object(host, "PortBindings") {
        all.insert(format!("port {port}"), Shown::Value(addresses(bindings)));
    }
    if let Some(policy) = host.get("RestartPolicy") {
        all.insert(RESTART_POLICY.to_owned(), Shown::Value(restart_option(policy)));
    }
    let mode = match text(host, "NetworkMode") {
        "" | "default" => "bridge",
        mode => mode,
    };
    all.insert("network mode".to_owned(), Shown::Value(mode.to_owned()));
    for (field, value) in host.iter().filter(|(field, _)| !HOST_NAMED.contains(&field.as_str())) {
        add(all, format!("host {field}"), value, key);
    }
}

fn addresses(bindings: &Value) -> String {
    let part = |binding: &Value, field| binding[field].as_str().unwrap_or_default().to_owned();
    let all = bindings.as_array().into_iter().flatten();
    let all: Vec<_> =
        all.map(|one| format!("{}:{}", part(one, "HostIp"), part(one, "HostPort"))).collect();
    all.join(", ")
}

fn add(all: &mut BTreeMap<String, Shown>, name: String, value: &Value, key: &HashKey) {
    if !is_unset(value) {
        all.insert(name, hashed(value, key));
    }
}

/// Numbers and switches are no secrets.
fn hashed(value: &Value, key: &HashKey) -> Shown {
    if value.is_number() || value.is_boolean() {
        Shown::Value(value.to_string())
    } else {
        Shown::Hash(key.short_hash(&value.to_string()))
    }
}

/// What is not the same in both, sorted by setting.
pub fn changes(before: &BTreeMap<String, Shown>, after: &BTreeMap<String, Shown>) -> Vec<Change> {
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let change = |name: &&String| Change {
        setting: (*name).clone(),
        before: before.get(*name).cloned(),
        after: after.get(*name).cloned(),
    };
    names.iter().map(change).filter(|change| change.before != change.after).collect()
}
