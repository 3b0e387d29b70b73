//! What makes the next `up` keep the version that was gone back to: edits of a project's files.
//!
//! An edit is a pure function of the file's text, so that it can be tried before anything is touched
//! and done after the verdict, and is the same both times.

mod env;
mod yaml_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stillme_rollback_core::{Error, ErrorKind, HashKey, Result};

use super::definition::{Definition, Found, default_override};
use super::files;
use super::names::ServiceName;
use super::overlay::Overlay;

/// Whether the next `up` shall keep the version that was gone back to, and by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sticky {
    /// It shall not: the project's files stay as they are, and the next `up` deploys what they say.
    #[default]
    None,
    /// By an override file beside the project's.
    Override,
    /// By the variable in the environment file that says the image's tag.
    Env,
    /// By the `image` in the compose file.
    File,
}

/// An edit of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    /// The keyed hash of the text before it; none if there was no file.
    pub(super) before: Option<String>,
    /// The keyed hash of the text after it.
    pub(super) after: String,
    pub(super) edit: Edit,
}

/// What is edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Edit {
    /// The file is an overlay.
    Keep(Overlay),
    /// These variables get these values.
    Variables(BTreeMap<String, String>),
    /// These services get these images.
    Images(BTreeMap<ServiceName, String>),
}

impl Edit {
    /// The text after it.
    ///
    /// # Errors
    /// `Unsupported` if the text can't be edited so.
    pub(super) fn of(&self, text: &str) -> Result<String> {
        match self {
            Self::Keep(overlay) => Ok(overlay.text()),
            Self::Variables(values) => Ok(values
                .iter()
                .fold(text.to_owned(), |text, (name, value)| env::set(&text, name, value))),
            Self::Images(images) => yaml_file::set_images(text, images),
        }
    }
}

impl Change {
    fn new(path: PathBuf, edit: Edit, key: &HashKey) -> Result<(Self, String)> {
        let old = current(&path)?;
        let new = edit.of(old.as_deref().unwrap_or_default())?;
        let hash = |text: &str| key.long_hash(text.as_bytes());
        let (before, after) = (old.as_deref().map(hash), hash(&new));
        Ok((Self { path, before, after, edit }, new))
    }

    /// How the file stands: `before`, `after`, or `other` when somebody else edited it.
    pub(super) fn standing(&self, key: &HashKey) -> Result<&'static str> {
        let now = current(&self.path)?.map(|text| key.long_hash(text.as_bytes()));
        Ok(if now.as_ref() == Some(&self.after) {
            "after"
        } else if now == self.before {
            "before"
        } else {
            "other"
        })
    }
}

/// A file's text, if there is one.
pub(super) fn current(path: &Path) -> Result<Option<String>> {
    match files::read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The changes that keep these images, each with the file's text after it. Nothing is written.
///
/// # Errors
/// `Unsupported` if the files are not such that this way can keep them, saying which way could.
pub(super) fn changes(
    sticky: Sticky,
    found: &Found,
    overlay: &Overlay,
    key: &HashKey,
) -> Result<Vec<(Change, String)>> {
    let mut changes = match sticky {
        Sticky::None => Vec::new(),
        Sticky::Override => vec![kept_override(&found.definition, overlay, key)?],
        Sticky::Env => vec![variables(found, overlay, key)?],
        Sticky::File => images(found, overlay, key)?,
    };
    // Back to what a file has said all along: there is nothing to edit.
    changes.retain(|(change, _)| change.before.as_ref() != Some(&change.after));
    Ok(changes)
}

/// The file that a bare `up` reads beside the project's own, where it would; else one that has to be
/// named.
fn kept_override(
    definition: &Definition,
    overlay: &Overlay,
    key: &HashKey,
) -> Result<(Change, String)> {
    let kept = Kept::of(definition);
    let edit = if definition.files.contains(&kept.path) {
        Edit::Images(overlay.images.clone())
    } else {
        Edit::Keep(overlay.clone())
    };
    Change::new(kept.path, edit, key)
}

/// Where an override is kept.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// Whether an `up` without `-f` in the project's folder reads it.
    pub(super) is_read: bool,
}

impl Kept {
    pub(super) fn of(definition: &Definition) -> Self {
        let first = &definition.files[0];
        let read = default_override(&definition.dir, first).filter(|over| {
            match definition.files.as_slice() {
                [_] => !over.exists(),
                [_, second] => second == over,
                _ => false,
            }
        });
        match read {
            Some(path) => Self { path, is_read: true },
            None => Self { path: first.with_extension("rollback.json"), is_read: false },
        }
    }
}

fn variables(found: &Found, overlay: &Overlay, key: &HashKey) -> Result<(Change, String)> {
    let path = found.definition.env_file().ok_or_else(|| {
        unsupported("there is no .env file", "choose --sticky file or --sticky override")
    })?;
    let text = files::read_text(&path)?;
    let mut values = BTreeMap::new();
    for (service, image) in &overlay.images {
        let said = found.image_said(service).map(|(_, said)| said);
        let solved = said.and_then(|said| env::solve(said, image, &text));
        let (name, value) = solved.ok_or_else(|| {
            let message = format!("the image of `{service}` does not come from one variable of it");
            unsupported(message, "choose --sticky file or --sticky override")
        })?;
        if values.insert(name, value.clone()).is_some_and(|other| other != value) {
            let message = "the services share a variable and go to different values of it";
            return Err(unsupported(message, "choose --sticky file or --sticky override"));
        }
    }
    Change::new(path, Edit::Variables(values), key)
}

fn images(found: &Found, overlay: &Overlay, key: &HashKey) -> Result<Vec<(Change, String)>> {
    let mut by_file: BTreeMap<&Path, BTreeMap<ServiceName, String>> = BTreeMap::new();
    for (service, image) in &overlay.images {
        let file = found.image_said(service).map(|(file, _)| file);
        let file = file.or_else(|| found.defines(service)).ok_or_else(|| {
            let message = format!("no compose file defines `{service}` itself");
            unsupported(message, "choose --sticky override")
        })?;
        by_file.entry(file).or_default().insert(service.clone(), image.clone());
    }
    let change =
        |(file, images): (&Path, _)| Change::new(file.to_owned(), Edit::Images(images), key);
    by_file.into_iter().map(change).collect()
}

pub(super) fn unsupported(message: impl Into<String>, way_out: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "make rollback sticky", message)
        .with_hint(format!("nothing was touched; {way_out}"))
}
