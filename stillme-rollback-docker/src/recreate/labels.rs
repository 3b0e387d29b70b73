//! `Labels`: those of the image where the user has none of that name. And our own labels.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::Secret;

use super::merge::Images;
use super::raw::{Object, object, set_object};
use super::undecided::Undecided;
use crate::names::{
    LABEL_BESIDE, LABEL_FROM, LABEL_PROXY, LABEL_RUN, LABEL_SPEC, LABEL_STANDS_FOR,
    LABEL_TARGET_IMAGE,
};

/// The labels that a run sets. Others under the same prefix are the user's and stay.
const OURS: [&str; 7] = [
    LABEL_RUN,
    LABEL_FROM,
    LABEL_TARGET_IMAGE,
    LABEL_SPEC,
    LABEL_STANDS_FOR,
    LABEL_BESIDE,
    LABEL_PROXY,
];

const KEY: &str = "Labels";

pub(super) fn merge(config: &mut Object, image: &Object) {
    let mut labels = object(image, KEY).clone();
    labels.extend(object(config, KEY).clone());
    set_object(config, KEY, labels);
}

pub(super) fn unmerge(config: &mut Object, images: &Images<'_>, undecided: &mut Vec<Undecided>) {
    let (old, new) = (object(images.old, KEY), object(images.new, KEY));
    let mut user = Object::new();
    for (name, value) in object(config, KEY) {
        if OURS.contains(&name.as_str()) {
            continue;
        }
        if old.get(name) != Some(value) {
            user.insert(name.clone(), value.clone());
        } else if new.get(name) != Some(value) {
            undecided.push(Undecided::Label(name.clone()));
        }
    }
    set_object(config, KEY, user);
}

/// Adds labels of ours.
pub(super) fn put(config: &mut Object, ours: &BTreeMap<String, String>) {
    let mut labels = object(config, KEY).clone();
    for (name, value) in ours {
        labels.insert(name.clone(), Value::from(value.as_str()));
    }
    set_object(config, KEY, labels);
}

/// A create request with labels of ours.
pub(crate) fn add(body: Secret<Value>, ours: &BTreeMap<String, String>) -> Secret<Value> {
    let mut config = body.expose().as_object().cloned().unwrap_or_default();
    put(&mut config, ours);
    Secret::new(Value::Object(config))
}

/// Takes our labels away, for a hash that does not depend on the run.
pub(super) fn remove_ours(config: &mut Object) {
    let mut labels = object(config, KEY).clone();
    labels.retain(|name, _| !OURS.contains(&name.as_str()));
    set_object(config, KEY, labels);
}
