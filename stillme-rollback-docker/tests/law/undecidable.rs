//! What a user set to the very value of an image: afterwards nobody can tell whose it was. Found from
//! what the test asked for, so not with the code under test.

use std::collections::BTreeSet;

use serde_json::Value;

/// How a plan names the entrypoint and its arguments, which are decided together.
pub(crate) const COMMAND: &str = "entrypoint and command";

/// The settings of a user that equal an image's, named as a plan names them.
pub(crate) fn undecidable(wanted: &Value, image: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in list(&wanted["Env"]) {
        if list(&image["Env"]).contains(&entry) {
            names.insert(format!("env {}", key(&entry)));
        }
    }
    let is_both = |field: &str, name: &String, value: &Value| image[field].get(name) == Some(value);
    for (name, value) in entries(&wanted["Labels"]) {
        if is_both("Labels", &name, &value) {
            names.insert(format!("label {name}"));
        }
    }
    for (port, value) in entries(&wanted["ExposedPorts"]) {
        if is_both("ExposedPorts", &port, &value) {
            names.insert(format!("exposed port {port}"));
        }
    }
    for (field, value) in entries(&wanted["Healthcheck"]) {
        if is_both("Healthcheck", &field, &value) {
            names.insert(format!("health check's {field}"));
        }
    }
    for field in ["User", "WorkingDir", "StopSignal"] {
        if wanted[field].is_string() && wanted[field] == image[field] {
            names.insert(field.to_owned());
        }
    }
    let says = |field: &str| wanted[field].is_array() && wanted[field] == image[field];
    // To reset an entrypoint that is not there is a setting that nobody can see.
    let resets_nothing = wanted["Entrypoint"].is_array() && list(&image["Entrypoint"]).is_empty();
    if says("Entrypoint") || says("Cmd") || resets_nothing {
        names.insert(COMMAND.to_owned());
    }
    names
}

/// The names under which a plan would excuse that two containers differ here. None: never excused.
pub(crate) fn named_by(path: &[String], one: &Value, two: &Value) -> Option<Vec<String>> {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    Some(match path[..] {
        ["Config", "Env"] => {
            let (one, two) = (list(one), list(two));
            let differing = one.iter().filter(|entry| !two.contains(entry));
            let differing = differing.chain(two.iter().filter(|entry| !one.contains(entry)));
            differing.map(|entry| format!("env {}", key(entry))).collect()
        }
        ["Path" | "Args"] | ["Config", "Entrypoint" | "Cmd"] => {
            vec![COMMAND.to_owned()]
        }
        ["Config", "Labels", name] => vec![format!("label {name}")],
        ["Config", "ExposedPorts", port] => vec![format!("exposed port {port}")],
        ["Config", "Healthcheck", field] => vec![format!("health check's {field}")],
        ["Config", field @ ("User" | "WorkingDir" | "StopSignal")] => vec![field.to_owned()],
        _ => return None,
    })
}

fn list(value: &Value) -> Vec<String> {
    let entries = value.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}

fn entries(value: &Value) -> Vec<(String, Value)> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn key(entry: &str) -> &str {
    entry.split('=').next().unwrap_or(entry)
}
