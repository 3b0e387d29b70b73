//! Which compose command: how it is called, and its version.

use std::fmt;

use serde::{Deserialize, Serialize};
use stillme_rollback_core::{Error, ErrorKind, Result};

/// How the command is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Flavour {
    /// `docker compose`
    Plugin,
    /// `docker-compose`
    StandAlone,
}

/// A version of the compose command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ComposeVersion(String);

impl ComposeVersion {
    /// A version from what `version --short` prints: `1.29.2`, `v5.6.0`.
    ///
    /// # Errors
    /// `Corrupt` if that is no version.
    pub fn new(text: &str) -> Result<Self> {
        let bare = text.trim().trim_start_matches('v');
        let mut numbers = bare.split(['.', '-', '+']);
        let mut is_number = || numbers.next().is_some_and(|n| n.parse::<u32>().is_ok());
        let fits = bare.len() <= 64
            && is_number()
            && is_number()
            && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+~".contains(&b));
        if fits {
            Ok(Self(bare.to_owned()))
        } else {
            Err(Error::new(ErrorKind::Corrupt, "read version of compose", "what it says is none"))
        }
    }

    /// Without a `v` before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is of the first generation.
    pub(super) fn is_first_generation(&self) -> bool {
        self.0.starts_with("1.")
    }

    pub(super) fn major(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for ComposeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
