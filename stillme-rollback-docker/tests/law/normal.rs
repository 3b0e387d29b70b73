//! What of two inspect answers must be the same: everything that was asked for, and nothing that an
//! engine makes up for each container anew.

use serde_json::{Map, Value};
use stillme_rollback_docker::recreate::CarriedVolume;

/// The comparable part of an inspect answer. `carried` are the volumes that are meant to be bound
/// by name where a direct create would have made new ones.
pub(crate) fn normal(container: &Value, carried: &[CarriedVolume]) -> Value {
    let id = container["Id"].as_str().unwrap();
    let name = container["Name"].as_str().unwrap();
    let mut kept = Map::new();
    for key in ["Path", "Args", "Config", "HostConfig"] {
        kept.insert(key.to_owned(), container[key].clone());
    }
    kept.insert("Mounts".to_owned(), mounts(&container["Mounts"]));
    kept.insert("Networks".to_owned(), networks(&container["NetworkSettings"]["Networks"], id));
    let mut kept = Value::Object(kept);
    if kept["Config"]["Hostname"] == id[..12] {
        kept["Config"]["Hostname"] = "<id>".into();
    }
    host(&mut kept["HostConfig"], name, carried);
    for set in ["ExposedPorts", "Volumes"] {
        keep_members(&mut kept["Config"][set]);
    }
    drop_empty(&mut kept);
    kept
}

/// By where they are mounted.
fn mounts(mounts: &Value) -> Value {
    let mounts = mounts.as_array().unwrap().iter().map(|mount| {
        let name = mount["Name"].as_str().unwrap_or_default();
        let anonymous = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = if anonymous { "<anonymous>" } else { name };
        let what = format!("{} {name} {}", mount["Type"], mount["RW"]);
        (mount["Destination"].as_str().unwrap().to_owned(), what.into())
    });
    Value::Object(mounts.collect())
}

/// A set is written as a map to `{}`, and would be dropped as nothing.
fn keep_members(set: &mut Value) {
    for member in set.as_object_mut().into_iter().flat_map(Map::values_mut) {
        *member = true.into();
    }
}

fn networks(networks: &Value, id: &str) -> Value {
    let mut networks = networks.clone();
    for endpoint in networks.as_object_mut().unwrap().values_mut() {
        let endpoint = endpoint.as_object_mut().unwrap();
        endpoint.retain(|key, _| {
            matches!(key.as_str(), "IPAMConfig" | "Links" | "Aliases" | "DriverOpts" | "GwPriority")
        });
        if let Some(Value::Array(aliases)) = endpoint.get_mut("Aliases") {
            aliases.retain(|alias| *alias != id[..12]);
        }
    }
    networks
}

fn host(host: &mut Value, name: &str, carried: &[CarriedVolume]) {
    if let Some(Value::Array(binds)) = host.get_mut("Binds") {
        for bind in binds.iter_mut() {
            let text = bind.as_str().unwrap();
            let volume =
                carried.iter().find(|volume| text.starts_with(&format!("{}:", volume.name)));
            // A bind without a source was asked for as its path alone.
            if let Some(volume) = volume {
                *bind = Value::from(volume.destination.as_str());
            }
        }
        binds.retain(|bind| bind.as_str().unwrap().contains(':'));
    }
    if let Some(Value::Array(mounts)) = host.get_mut("Mounts") {
        for mount in mounts {
            if carried.iter().any(|volume| mount["Source"] == volume.name.as_str()) {
                mount.as_object_mut().unwrap().remove("Source");
            }
        }
    }
    if let Some(Value::Array(links)) = host.get_mut("Links") {
        for link in links.iter_mut() {
            let text = link.as_str().unwrap().replace(&format!(":{name}/"), ":/<self>/");
            *link = text.into();
        }
        links.sort_by_key(ToString::to_string);
    }
}

/// Engines write "nothing" as `null`, `[]` or `{}`, whichever came in.
fn drop_empty(value: &mut Value) {
    if let Value::Object(entries) = value {
        entries.values_mut().for_each(drop_empty);
        entries.retain(|_, value| {
            !(value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty))
        });
    }
}
