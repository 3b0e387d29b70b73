//! What the new container may do to its host: never more than the one whose settings it gets. That is the
//! one that it replaces; where settings go back as well, the kept one of that release.
//!
//! `HostConfig` is that one's, but for a few fields that an engine shows in another way than it takes
//! them. Every other difference is refused, also in a field that this version has never heard of:
//! whatever put it there, a defect of ours or a record that somebody changed, an engine would do it as
//! root.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stillme_rollback_core::{Error, ErrorKind, Note, Printable, Result};

use crate::detail::text;
use crate::recreate::{Recreated, is_unset};

/// Settings that take something away. Without them a container may do more; any other setting that is
/// gone gives less.
const LIMITS: [&str; 15] = [
    "CapDrop",
    "SecurityOpt",
    "ReadonlyRootfs",
    "MaskedPaths",
    "ReadonlyPaths",
    "UsernsMode",
    "CgroupParent",
    "Isolation",
    "PidsLimit",
    "Memory",
    "NanoCpus",
    "CpuQuota",
    "CpusetCpus",
    "Ulimits",
    "StorageOpt",
];

/// Fields that name other containers: engines show ids, and names are sent.
const NAMES_OTHERS: [&str; 5] = ["NetworkMode", "PidMode", "IpcMode", "Cgroup", "VolumesFrom"];

/// Refuses a new container that may do more than the one whose settings it gets.
///
/// # Errors
/// `Rejected`, with what it would be allowed beyond that.
pub(crate) fn check(
    container: &Value,
    names: &BTreeMap<String, String>,
    recreated: &Recreated,
) -> Result<()> {
    let mut added = added(container, names, recreated.body.expose());
    let networks = &container["NetworkSettings"]["Networks"];
    let foreign = recreated.endpoints.iter().find(|to| networks.get(&to.network).is_none());
    added.extend(foreign.map(|to| format!("network {}", to.network)));
    if added.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Rejected,
        "plan rollback",
        "the new container would be allowed more than the one whose settings it gets",
    )
    .with_context("added", Printable(&added.join(", ")).to_string())
    .with_hint("nothing was touched; a rollback never adds rights: deploy what needs them"))
}

/// What the request would allow beyond the container, by field.
fn added(container: &Value, names: &BTreeMap<String, String>, body: &Value) -> Vec<String> {
    let empty = Map::new();
    let old = container["HostConfig"].as_object().unwrap_or(&empty);
    let new = body["HostConfig"].as_object().unwrap_or(&empty);
    let mut added: Vec<_> = new
        .iter()
        .filter(|(field, value)| {
            let before = old.get(*field).unwrap_or(&Value::Null);
            !is_unset(value)
                && before != *value
                && !is_rewritten(field, before, value, container, names)
        })
        .map(|(field, _)| field.clone())
        .collect();
    let is_lost = |field: &&&str| {
        !old.get(**field).is_none_or(is_unset) && new.get(**field).is_none_or(is_unset)
    };
    let lost = LIMITS.iter().filter(is_lost);
    added.extend(lost.map(|field| format!("no {field}")));
    added.sort();
    added.dedup();

    let user = text(body, "/User");
    if !user.is_empty() && user != text(container, "/Config/User") {
        added.push(format!("user {user}"));
    }
    let networks = &container["NetworkSettings"]["Networks"];
    let endpoints = body.pointer("/NetworkingConfig/EndpointsConfig").and_then(Value::as_object);
    let foreign = endpoints.unwrap_or(&empty).keys().filter(|name| networks.get(name).is_none());
    added.extend(foreign.map(|name| format!("network {name}")));
    added
}

/// Whether a field differs only as [`recreate`](crate::recreate) says that it may.
fn is_rewritten(
    field: &str,
    before: &Value,
    after: &Value,
    container: &Value,
    names: &BTreeMap<String, String>,
) -> bool {
    match field {
        _ if NAMES_OTHERS.contains(&field) => named(before, names) == *after,
        "Binds" => is_each(after, |bind| {
            has(before, bind) || bind.as_str().is_some_and(|bind| carries(container, bind))
        }),
        "Mounts" => is_each(after, |mount| {
            has(before, mount) || (has_but_source(before, mount) && is_volume(container, mount))
        }),
        // How a link is spelled does not change whom it leads to: see `links`.
        "Links" => length(after) <= length(before),
        "PortBindings" => ports(before, after),
        "Devices" => with_all_permissions(before) == *after,
        _ => false,
    }
}

/// The ids of other containers as their names.
fn named(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => {
            let (prefix, rest) = text
                .strip_prefix("container:")
                .map_or(("", text.as_str()), |id| ("container:", id));
            let (id, mode) =
                rest.split_once(':').map_or((rest, None), |(id, mode)| (id, Some(mode)));
            let name = names.get(id).map_or(id, String::as_str);
            mode.map_or_else(|| format!("{prefix}{name}"), |mode| format!("{prefix}{name}:{mode}"))
                .into()
        }
        Value::Array(all) => all.iter().map(|one| named(one, names)).collect(),
        other => other.clone(),
    }
}

/// Whether a bind is an anonymous volume that the container has at the same place, in the same mode.
fn carries(container: &Value, bind: &str) -> bool {
    let parts: Vec<_> = bind.split(':').collect();
    let ([volume, at] | [volume, at, "ro"]) = parts[..] else { return false };
    let mounts = container["Mounts"].as_array().into_iter().flatten();
    let mut found = mounts.filter(|mount| {
        mount["Type"] == "volume" && mount["Name"] == volume && mount["Destination"] == at
    });
    found.any(|mount| mount["RW"] != false || parts.len() == 3)
}

fn has_but_source(before: &Value, mount: &Value) -> bool {
    let without = |mount: &Value| {
        let mut mount = mount.as_object().cloned().unwrap_or_default();
        mount.remove("Source");
        mount
    };
    let mut all = before.as_array().into_iter().flatten();
    all.any(|one| {
        one["Source"].as_str().is_none_or(str::is_empty) && without(one) == without(mount)
    })
}

/// Whether a mount's source is the volume that the container has there.
fn is_volume(container: &Value, mount: &Value) -> bool {
    let mounts = container["Mounts"].as_array().into_iter().flatten();
    let mut there = mounts.filter(|one| one["Type"] == "volume" && one["Name"] == mount["Source"]);
    mount["Type"] == "volume" && there.next().is_some()
}

/// The same ports on the same addresses; a number may stand where the engine chose one.
fn ports(before: &Value, after: &Value) -> bool {
    let bindings = |of: &Value, port: &str| of[port].as_array().cloned().unwrap_or_default();
    after.as_object().is_some_and(|after_ports| {
        after_ports.keys().all(|port| {
            let (old, new) = (bindings(before, port), bindings(after, port));
            before.get(port).is_some()
                && old.len() == new.len()
                && old.iter().zip(&new).all(|(old, new)| {
                    let is_free = matches!(text(old, "/HostPort"), "" | "0");
                    text(old, "/HostIp") == text(new, "/HostIp")
                        && (is_free || old["HostPort"] == new["HostPort"])
                })
        })
    })
}

/// Where an engine shows no permissions of a device, it has all.
fn with_all_permissions(devices: &Value) -> Value {
    let mut devices = devices.clone();
    for device in devices.as_array_mut().into_iter().flatten() {
        if text(device, "/CgroupPermissions").is_empty() {
            device["CgroupPermissions"] = "rwm".into();
        }
    }
    devices
}

fn is_each(list: &Value, is_allowed: impl Fn(&Value) -> bool) -> bool {
    list.as_array().is_some_and(|list| list.iter().all(is_allowed))
}

fn has(list: &Value, one: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(one))
}

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// A warning if the new version is root in its container and the one that runs is not: the image says
/// so, and no setting of the user. It may be why it was left.
pub(crate) fn becomes_root(container: &Value, body: &Value, image: &Value) -> Option<Note> {
    let set = text(body, "/User");
    let after = if set.is_empty() { text(image, "/Config/User") } else { set };
    let before = text(container, "/Config/User");
    let (was_root, is_root) = (is_root(before), is_root(after));
    (is_root && !was_root).then(|| {
        Note::warning(format!(
            "the new container runs as root, as its image says; the old one runs as {}",
            Printable(before)
        ))
    })
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("" | "0" | "root"))
}

#[cfg(test)]
mod tests;
