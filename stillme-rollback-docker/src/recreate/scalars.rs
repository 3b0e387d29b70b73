//! `User`, `WorkingDir` and `StopSignal`: the image's where the user says nothing.

use serde_json::Value;

use super::merge::Images;
use super::raw::{Object, text};
use super::undecided::Undecided;

/// The fields of this rule.
pub(super) const FIELDS: [&str; 3] = ["User", "WorkingDir", "StopSignal"];

pub(super) fn merge(config: &mut Object, image: &Object) {
    for field in FIELDS {
        if text(config, field).is_empty() && !text(image, field).is_empty() {
            config.insert(field.to_owned(), Value::from(text(image, field)));
        }
    }
}

pub(super) fn unmerge(config: &mut Object, images: &Images<'_>, undecided: &mut Vec<Undecided>) {
    for field in FIELDS {
        let value = text(config, field);
        if value.is_empty() || value != text(images.old, field) {
            continue;
        }
        if value != text(images.new, field) {
            undecided.push(Undecided::Setting(field));
        }
        config.remove(field);
    }
}
