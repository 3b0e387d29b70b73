//! `Volumes` of `Config`, and anonymous volumes: the data that a new container would start without.
//!
//! An anonymous volume belongs to one container only because nobody named it. Its data stay with
//! the service, so the new container mounts it by name, whether or not its image declares it.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::merge::Images;
use super::raw::{Object, object, set_object, strings, text};
use super::source::Source;

const KEY: &str = "Volumes";

pub(super) fn merge(config: &mut Object, image: &Object) {
    let mut volumes = object(config, KEY).clone();
    volumes.extend(object(image, KEY).clone());
    set_object(config, KEY, volumes);
}

/// No case is undecided here: what was mounted is carried over by name either way.
pub(super) fn unmerge(config: &mut Object, images: &Images<'_>) {
    let mut user = object(config, KEY).clone();
    user.retain(|path, _| !object(images.old, KEY).contains_key(path));
    set_object(config, KEY, user);
}

/// An anonymous volume that the new container mounts by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CarriedVolume {
    /// The name that the engine gave it.
    pub name: String,
    /// Where it is mounted.
    pub destination: String,
    /// Whether it is mounted for reading only.
    pub read_only: bool,
}

impl CarriedVolume {
    fn of(mount: &Object) -> Self {
        Self {
            name: text(mount, "Name").to_owned(),
            destination: clean(text(mount, "Destination")),
            read_only: mount.get("RW") == Some(&Value::Bool(false)),
        }
    }

    fn bind(&self) -> String {
        let mode = if self.read_only { ":ro" } else { "" };
        format!("{}:{}{mode}", self.name, self.destination)
    }
}

/// Mounts every anonymous volume of the source by name.
pub(super) fn carry(host: &mut Object, source: &Source) -> Vec<CarriedVolume> {
    let mut volumes: Vec<_> = source
        .mounts()
        .filter(|mount| text(mount, "Type") == "volume" && !text(mount, "Name").is_empty())
        .map(CarriedVolume::of)
        .collect();
    // Engines list mounts in no order; the request has one, so that its hash says something.
    volumes.sort_by(|a, b| a.destination.cmp(&b.destination));

    let borrowed = borrowed(source);
    let mut binds = strings(host, "Binds").unwrap_or_default();
    let mut carried = Vec::new();
    for volume in volumes {
        let destination = volume.destination.as_str();
        if let Some(bind) = binds.iter_mut().find(|bind| mounts_at(bind, destination)) {
            if bind.contains(':') {
                continue;
            }
            *bind = volume.bind();
        } else if let Some(mount) = mount_at(host, destination) {
            if !text(mount, "Source").is_empty() {
                continue;
            }
            mount.insert("Source".to_owned(), Value::from(volume.name.as_str()));
        } else if borrowed(destination) {
            continue;
        } else {
            binds.push(volume.bind());
        }
        carried.push(volume);
    }
    if !carried.is_empty() {
        host.insert("Binds".to_owned(), Value::from(binds));
    }
    carried
}

/// Whether what is mounted at a path comes from another container (`VolumesFrom`). A path that the
/// container or its image names as well may be its own: mounting that by name is right in any case.
fn borrowed(source: &Source) -> impl Fn(&str) -> bool {
    let borrows = !strings(source.host_config(), "VolumesFrom").unwrap_or_default().is_empty();
    let own: BTreeSet<String> = source
        .config()
        .map(|config| object(config, KEY).keys().map(|path| clean(path)).collect())
        .unwrap_or_default();
    move |destination| borrows && !own.contains(destination)
}

/// Whether a bind `[source:]destination[:mode]` mounts at this path.
fn mounts_at(bind: &str, destination: &str) -> bool {
    let mut parts = bind.split(':');
    let first = parts.next().unwrap_or_default();
    clean(parts.next().unwrap_or(first)) == destination
}

/// The entry of `Mounts` at this path.
fn mount_at<'a>(host: &'a mut Object, destination: &str) -> Option<&'a mut Object> {
    host.get_mut("Mounts")?
        .as_array_mut()?
        .iter_mut()
        .filter_map(Value::as_object_mut)
        .find(|mount| clean(text(mount, "Target")) == destination)
}

/// A path as engines show it: `/a//b/./c/` is `/a/b/c`.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
