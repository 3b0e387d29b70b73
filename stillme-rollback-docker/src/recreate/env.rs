//! `Env`: the user's entries first, then those of the image whose key the user did not name.
//!
//! The order is evidence. With the image `A=1 B=2`, a container that shows `B=2 A=1` was given
//! `B=2` by its user, although it equals the image's: the image's own entries stand behind, in the
//! image's order.

use super::merge::Images;
use super::raw::{Object, set_strings, strings};
use super::undecided::Undecided;

const KEY: &str = "Env";

pub(super) fn merge(config: &mut Object, image: &Object) {
    let merged = merged(&entries(config), &entries(image));
    set_strings(config, KEY, Some(merged).filter(|env| !env.is_empty()));
}

pub(super) fn unmerge(config: &mut Object, images: &Images<'_>, undecided: &mut Vec<Undecided>) {
    let env = entries(config);
    let (user, doubtful) = split(&env, &entries(images.old));
    let new = entries(images.new);
    undecided.extend(
        doubtful
            .iter()
            .filter(|entry| !new.contains(entry))
            .map(|entry| Undecided::Env(key(entry).to_owned())),
    );
    set_strings(config, KEY, Some(user).filter(|user| !user.is_empty()));
}

/// The user's part of a container's entries, and those that may be the user's or the image's.
fn split(env: &[String], image: &[String]) -> (Vec<String>, Vec<String>) {
    let mut fitting = (0..=env.len()).filter(|&length| merged(&env[..length], image) == env);
    let Some(fewest) = fitting.next() else {
        // No part fits: the image is not what it was, or the engine merges in another way. What
        // equals the image's is then taken as the image's.
        let own = env.iter().filter(|entry| !image.contains(entry));
        return (own.cloned().collect(), Vec::new());
    };
    let most = fitting.next_back().unwrap_or(fewest);
    (env[..fewest].to_vec(), env[fewest..most].to_vec())
}

fn merged(user: &[String], image: &[String]) -> Vec<String> {
    if user.is_empty() {
        return image.to_vec();
    }
    let mut env = user.to_vec();
    for entry in image {
        if !env.iter().any(|present| key(present) == key(entry)) {
            env.push(entry.clone());
        }
    }
    env
}

/// The name of the variable in `NAME=value`.
pub(super) fn key(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(key, _)| key)
}

fn entries(config: &Object) -> Vec<String> {
    strings(config, KEY).unwrap_or_default()
}
