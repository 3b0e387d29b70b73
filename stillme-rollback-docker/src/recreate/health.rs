//! `Healthcheck`: merged field by field, whatever fields an engine knows (`StartInterval` came with
//! API 1.44). A test of `["NONE"]` is a setting like any other.

use super::merge::Images;
use super::raw::{Object, is_unset, object};
use super::undecided::Undecided;

const KEY: &str = "Healthcheck";

pub(super) fn merge(config: &mut Object, image: &Object) {
    let mut check = object(config, KEY).clone();
    for (field, value) in object(image, KEY) {
        if check.get(field).is_none_or(is_unset) {
            check.insert(field.clone(), value.clone());
        }
    }
    put(config, check);
}

pub(super) fn unmerge(config: &mut Object, images: &Images<'_>, undecided: &mut Vec<Undecided>) {
    let (old, new) = (object(images.old, KEY), object(images.new, KEY));
    let mut user = object(config, KEY).clone();
    user.retain(|field, value| {
        let inherited = !is_unset(value) && old.get(field) == Some(value);
        if inherited && new.get(field) != Some(value) {
            undecided.push(Undecided::Healthcheck(field.clone()));
        }
        !inherited
    });
    put(config, user);
}

/// A health check without any setting is none, so that the image's own is inherited whole.
fn put(config: &mut Object, check: Object) {
    if check.values().all(is_unset) {
        config.remove(KEY);
    } else {
        config.insert(KEY.to_owned(), check.into());
    }
}
