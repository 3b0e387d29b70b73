//! The reproduction check: are the containers what the files would make of them?
//!
//! Without it, an `up` from another shell quietly replaces a password by nothing, because a variable is
//! not set there. What Compose writes on a container is the hash of its whole configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::ServiceName;
use super::version::ComposeVersion;

/// How a service's containers stand to the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// They are what the files say.
    Same,
    /// They are what the files say, but for the image, which a run of ours had laid over them.
    OurImage,
    /// They are something else.
    Drifted(Drift),
}

/// Why a service's containers are not what the files say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Drift {
    /// The files were edited, or a variable has another value here.
    Edited,
    /// Only the image's name was edited.
    ImageEdited,
    /// They were made by another version of Compose, which computes other hashes: it can't be told.
    OtherVersion(String),
    /// Its containers are not all alike.
    Replicas,
}

/// What is compared.
pub(super) struct Compared<'a> {
    /// The hash on the containers, if all have the same.
    pub(super) label: Option<&'a str>,
    /// The hash that the files give.
    pub(super) files: &'a str,
    /// The hash that the files give with the image that the containers run by.
    pub(super) with_image: Option<&'a str>,
    /// Whether the containers name an overlay of ours.
    pub(super) is_ours: bool,
    /// The version on the containers.
    pub(super) made_by: &'a str,
    /// The version that is asked.
    pub(super) asked: &'a ComposeVersion,
}

/// How containers stand to the files.
pub(super) fn standing(compared: &Compared<'_>) -> Standing {
    let Some(label) = compared.label else { return Standing::Drifted(Drift::Replicas) };
    if label == compared.files {
        return Standing::Same;
    }
    if compared.with_image == Some(label) {
        let ours = compared.is_ours;
        return if ours { Standing::OurImage } else { Standing::Drifted(Drift::ImageEdited) };
    }
    if compared.made_by == compared.asked.as_str() {
        Standing::Drifted(Drift::Edited)
    } else {
        Standing::Drifted(Drift::OtherVersion(compared.made_by.to_owned()))
    }
}

impl Drift {
    /// What is to be said of a service.
    pub(super) fn of(&self, service: &ServiceName) -> String {
        format!("`{service}`: {self}")
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited => f.write_str(
                "the files, their environment file or a variable of the environment changed since its containers were made",
            ),
            Self::ImageEdited => f.write_str(
                "the files name another image than its containers were made from (all else is as it was)",
            ),
            Self::OtherVersion(version) => write!(
                f,
                "its containers were made by compose {}, whose hashes can't be compared with those of the one here",
                stillme_rollback_core::Printable(version)
            ),
            Self::Replicas => f.write_str("its containers were not all made from the same configuration"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_stand_to_their_files_as_the_hashes_say() {
        let asked = ComposeVersion::new("5.6.0").unwrap();
        for (label, with_image, is_ours, made_by, expected) in [
            (Some("files"), None, false, "5.6.0", Standing::Same),
            // After an upgrade that did not change the hash there is nothing to fear.
            (Some("files"), None, false, "2.1.0", Standing::Same),
            (Some("image"), Some("image"), true, "5.6.0", Standing::OurImage),
            (Some("image"), Some("image"), false, "5.6.0", Standing::Drifted(Drift::ImageEdited)),
            (Some("x"), Some("image"), true, "5.6.0", Standing::Drifted(Drift::Edited)),
            (Some("x"), None, false, "5.6.0", Standing::Drifted(Drift::Edited)),
            (
                Some("x"),
                Some("image"),
                true,
                "1.29.2",
                Standing::Drifted(Drift::OtherVersion("1.29.2".to_owned())),
            ),
            (None, Some("image"), true, "5.6.0", Standing::Drifted(Drift::Replicas)),
        ] {
            let compared =
                Compared { label, files: "files", with_image, is_ours, made_by, asked: &asked };
            assert_eq!(
                standing(&compared),
                expected,
                "{label:?} {with_image:?} {is_ours} {made_by}"
            );
        }
    }
}
