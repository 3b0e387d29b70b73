//! What is rolled back, and what it runs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::image::ImageRef;
use crate::printable::Printable;

/// A service on a platform: what a run takes back, and what a lease protects.
///
/// `scope` says which platform it is, by an identity that does not depend on how it was reached
/// (a Docker Engine's id, a cluster's uid and a namespace): two ways to one engine share one lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    platform: Word,
    scope: Word,
    name: Word,
}

impl Target {
    /// A target from its platform (`docker`), the platform's identity, and its name there.
    ///
    /// # Errors
    /// `InvalidInput` if a part is empty, longer than 255 bytes, begins with `-`, or has anything
    /// but ASCII letters, digits and `. _ - : / @ +`.
    pub fn new(platform: &str, scope: &str, name: &str) -> Result<Self> {
        Ok(Self {
            platform: Word::new("platform", platform)?,
            scope: Word::new("scope", scope)?,
            name: Word::new("name", name)?,
        })
    }

    /// The kind of platform: `docker`, `compose`, `kubernetes`.
    pub fn platform(&self) -> &str {
        &self.platform.0
    }

    /// The identity of the platform.
    pub fn scope(&self) -> &str {
        &self.scope.0
    }

    /// The name on the platform.
    pub fn name(&self) -> &str {
        &self.name.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.platform.0, self.name.0)
    }
}

/// What runs, by an identity that can't be moved: an image id, a template's digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(Word);

impl Version {
    /// A version from its identity.
    ///
    /// # Errors
    /// `InvalidInput` as for [`Target::new`].
    pub fn new(identity: &str) -> Result<Self> {
        Word::new("version", identity).map(Self)
    }

    /// The whole identity.
    pub fn as_str(&self) -> &str {
        &self.0.0
    }

    /// Twelve characters after the algorithm's name, as people know them from `docker ps`.
    pub fn short(&self) -> &str {
        let text = self.as_str();
        let bare = text.split_once(':').map_or(text, |(_, digest)| digest);
        &bare[..bare.len().min(12)]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version in a target's history, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Release {
    /// What runs.
    pub version: Version,
    /// The image by its name, as people know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// Where the knowledge of this release comes from, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What it ran with, as far as that may be written down. Boxed: most releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Box<Settings>>,
}

impl Release {
    /// A release of which only the version is known.
    pub fn new(version: Version) -> Self {
        Self { version, image: None, evidence: Vec::new(), settings: None }
    }

    /// The same release with the settings that it ran with.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = Some(Box::new(settings));
        self
    }

    /// The same release with the image's name.
    #[must_use]
    pub fn with_image(mut self, image: ImageRef) -> Self {
        self.image = Some(image);
        self
    }

    /// The same release with one more piece of evidence.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            Some(image) => write!(f, "{image} ({})", self.version.short()),
            None => f.write_str(self.version.short()),
        }
    }
}

/// The settings of an instance, to tell whether others are the same and which differ. No secrets: what
/// could be one stands as a keyed hash, and its value only in the instance itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The instance's identity on its platform, if it was there when this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The values by the settings' names, or hashes of them.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

impl Settings {
    /// The settings by their names.
    pub const fn new(values: BTreeMap<String, String>) -> Self {
        Self { instance: None, values }
    }

    /// The same settings, of this instance.
    #[must_use]
    pub fn of(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// The names of the settings that are not the same in both.
    pub fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let here = self.values.iter();
        let mut names: Vec<_> = here
            .filter(|(name, value)| other.values.get(*name) != Some(value))
            .chain(other.values.iter().filter(|(name, _)| !self.values.contains_key(*name)))
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names
    }
}

/// Why a release is believed to be one that the target can go back to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Evidence {
    /// It runs now.
    Running,
    /// A run of ours went to it and verified it.
    VerifiedBy {
        /// The run.
        run: crate::RunId,
    },
    /// A run of ours went away from it: it is what somebody did not want to run.
    LeftBy {
        /// The run.
        run: crate::RunId,
    },
    /// A stopped instance that ran it is kept.
    Kept {
        /// The instance's name.
        instance: String,
    },
    /// An image of the same repository is there, which says nothing about its health.
    LocalImage,
    /// Written by a newer version of this library.
    #[serde(other)]
    Unknown,
}

/// A checked piece of a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Word(std::sync::Arc<str>);

impl Word {
    fn new(what: &str, text: &str) -> Result<Self> {
        let fits = (1..=255).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/@+".contains(&b));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Error::new(
                ErrorKind::InvalidInput,
                format!("read {what}"),
                format!(
                    "`{}` is not 1 to 255 ASCII letters, digits and `. _ - : / @ +`",
                    Printable(text)
                ),
            )
            .with_hint("nothing was touched"))
        }
    }
}

impl TryFrom<String> for Word {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new("name", &text)
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_as_platform_and_name() {
        let target = Target::new("docker", "ENGINE:1", "web").unwrap();
        assert_eq!(target.to_string(), "docker/web");
        let text = serde_json::to_string(&target).unwrap();
        assert_eq!(serde_json::from_str::<Target>(&text).unwrap(), target);
    }

    #[test]
    fn names_that_could_steer_something_are_refused() {
        for bad in ["", "-rf", "a b", "a;id", "$(id)", "a\n", "é", "\u{202e}x", &"x".repeat(256)] {
            assert!(Target::new("docker", "e", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_serialised_name_is_checked_when_it_is_read() {
        let text = r#"{"platform":"docker","scope":"e","name":"a;id"}"#;
        assert!(serde_json::from_str::<Target>(text).is_err());
    }

    #[test]
    fn settings_differ_by_name_whichever_side_has_them() {
        let settings = |pairs: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Settings::new(pairs.iter().map(owned).collect())
        };
        let (one, two) = (settings(&[("a", "1"), ("b", "2")]), settings(&[("b", "3"), ("c", "4")]));
        assert_eq!(one.differing(&two), ["a", "b", "c"]);
        assert!(one.differing(&one.clone().of("x")).is_empty());
    }

    #[test]
    fn a_version_is_shortened_behind_its_algorithm() {
        let version = Version::new(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        assert_eq!(version.short(), "abababababab");
        assert_eq!(Version::new("v1").unwrap().short(), "v1");
    }
}
