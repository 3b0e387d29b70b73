//! What will be different in the new container, for people: names, and hashes in place of values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use stillme_rollback_core::{HashKey, Printable, Result};

use super::raw::{EMPTY, Object, is_unset, object, strings, text};
use super::source::{Replacement, Source};
use super::{Recreated, command, env, labels, merge, scalars};

/// One setting that the new container has otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The setting: `env LOG_LEVEL`, `label team`, `User`.
    pub setting: String,
    /// What the container has now.
    pub before: Option<Shown>,
    /// What it will have.
    pub after: Option<Shown>,
}

/// A value as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Shown {
    /// The value itself: it can't hold a secret.
    Value(String),
    /// Eight digits that only tell values apart.
    Hash(String),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{}", Printable(value)),
            Self::Hash(hash) => write!(f, "#{hash}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = Printable(&self.setting);
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{setting}: {before} → {after}"),
            (None, Some(after)) => write!(f, "{setting}: added {after}"),
            (Some(before), None) => write!(f, "{setting}: removed {before}"),
            (None, None) => write!(f, "{setting}: unchanged"),
        }
    }
}

/// What the new container will have otherwise than the one that runs, sorted by setting.
///
/// Compared is what both effectively run with: the user's settings merged with the image's. Values
/// of environment variables, labels and commands are shown as keyed hashes.
///
/// # Errors
/// `Corrupt` if the container's inspect answer has no `Config`.
pub fn differences(
    source: &Source,
    replacement: &Replacement,
    recreated: &Recreated,
    key: &HashKey,
) -> Result<Vec<Change>> {
    let user = recreated.body.expose().as_object().unwrap_or(&EMPTY);
    let before = of_config(source.config()?, key);
    let mut after = of_config(&merge::merge(user, replacement.image_config()), key);
    // What was never written down stays at the engine's own default, which is the same in both.
    let mut changes: Vec<_> = before
        .into_iter()
        .filter_map(|(setting, before)| {
            let after = after.remove(&setting);
            (after.as_ref() != Some(&before)).then_some(Change {
                setting,
                before: Some(before),
                after,
            })
        })
        .collect();
    changes.extend(after.into_iter().map(|(setting, after)| Change {
        setting,
        before: None,
        after: Some(after),
    }));
    changes.sort_by(|a, b| a.setting.cmp(&b.setting));
    Ok(changes)
}

/// Everything that an image has a part in, by name.
pub(super) fn of_config(config: &Object, key: &HashKey) -> BTreeMap<String, Shown> {
    let hash = |value: &str| Shown::Hash(key.short_hash(value));
    let mut all = BTreeMap::new();
    for entry in strings(config, "Env").unwrap_or_default() {
        all.insert(format!("env {}", env::key(&entry)), hash(&entry));
    }
    let mut labelled = config.clone();
    labels::remove_ours(&mut labelled);
    for (name, value) in object(&labelled, "Labels") {
        let value = value.as_str().unwrap_or_default();
        all.insert(format!("label {name}"), hash(value));
    }
    all.insert("command".to_owned(), hash(&command::line(config).to_string()));
    for field in scalars::FIELDS.into_iter().chain(["Image"]) {
        let value = text(config, field);
        if !value.is_empty() {
            all.insert(field.to_owned(), Shown::Value(value.to_owned()));
        }
    }
    for (kind, set) in [("exposed port", "ExposedPorts"), ("volume", "Volumes")] {
        for name in object(config, set).keys() {
            all.insert(format!("{kind} {name}"), Shown::Value("declared".to_owned()));
        }
    }
    for (field, value) in object(config, "Healthcheck") {
        if !is_unset(value) {
            all.insert(format!("health check {field}"), health_value(value, key));
        }
    }
    all
}

/// Times and counts are shown; a test is a command line.
fn health_value(value: &Value, key: &HashKey) -> Shown {
    if value.is_number() {
        Shown::Value(value.to_string())
    } else {
        Shown::Hash(key.short_hash(&value.to_string()))
    }
}
