//! `ExposedPorts`: the user's and the image's together. And published ports that move.

use serde_json::Value;
use stillme_rollback_core::{Note, Printable};

use super::merge::Images;
use super::raw::{Object, object, set_object, text};
use super::undecided::Undecided;

const KEY: &str = "ExposedPorts";

pub(super) fn merge(config: &mut Object, image: &Object) {
    let mut ports = object(config, KEY).clone();
    ports.extend(object(image, KEY).clone());
    set_object(config, KEY, ports);
}

/// A port that is published was exposed by the user: clients expose what they publish, and an
/// image that exposes it too is only a coincidence. A port that is bound and not exposed at all is
/// not published by engines, and stays so.
pub(super) fn unmerge(
    config: &mut Object,
    images: &Images<'_>,
    published: &Object,
    undecided: &mut Vec<Undecided>,
) {
    let (old, new) = (object(images.old, KEY), object(images.new, KEY));
    let mut user = object(config, KEY).clone();
    user.retain(|port, _| {
        let inherited = old.contains_key(port) && !published.contains_key(port);
        if inherited && !new.contains_key(port) {
            undecided.push(Undecided::Port(port.clone()));
        }
        !inherited
    });
    set_object(config, KEY, user);
}

/// Gives published ports without a number the number that they have now.
pub(super) fn pin(host: &mut Object, published: &Object) {
    let Some(Value::Object(ports)) = host.get_mut("PortBindings") else {
        return;
    };
    for (port, bindings) in ports.iter_mut() {
        let mut now: Vec<_> = bindings_of(published.get(port)).collect();
        for binding in bindings.as_array_mut().into_iter().flatten() {
            let Some(binding) = binding.as_object_mut().filter(|binding| is_free(binding)) else {
                continue;
            };
            let wanted = address(binding).to_owned();
            if let Some(index) = now.iter().position(|found| address(found) == wanted) {
                let number = text(now.swap_remove(index), "HostPort");
                binding.insert("HostPort".to_owned(), Value::from(number));
            }
        }
    }
}

/// The notes on ports whose numbers the engine will choose anew.
pub(super) fn moving(host: &Object) -> Vec<Note> {
    let mut notes: Vec<_> = object(host, "PortBindings")
        .iter()
        .filter(|(_, bindings)| bindings_of(Some(bindings)).any(is_free))
        .map(|(port, _)| {
            Note::warning(format!(
                "{} is published on a port that the engine chooses: it will be another one",
                Printable(port)
            ))
        })
        .collect();
    if host.get("PublishAllPorts") == Some(&Value::Bool(true)) {
        notes.push(Note::warning(
            "all exposed ports are published on ports that the engine chooses: they will be others",
        ));
    }
    notes
}

fn bindings_of(bindings: Option<&Value>) -> impl Iterator<Item = &Object> {
    bindings.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// Whether the engine chooses the number.
fn is_free(binding: &Object) -> bool {
    matches!(text(binding, "HostPort"), "" | "0")
}

/// The host's address of a binding; none means all, which engines show as `0.0.0.0`.
fn address(binding: &Object) -> &str {
    match text(binding, "HostIp") {
        "" => "0.0.0.0",
        address => address,
    }
}
