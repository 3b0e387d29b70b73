//! Files of evidence beside a run's records.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint::Fingerprint;
use crate::printable::Printable;

/// Where a file of evidence is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Its path, if it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

impl Attachment {
    /// An attachment of this name and content, without a path.
    pub fn of(name: impl Into<String>, content: &[u8]) -> Self {
        Self {
            name: name.into(),
            bytes: content.len() as u64,
            sha256: Fingerprint::of_bytes(content).as_str().to_owned(),
            path: None,
        }
    }
}

/// A name that is nothing but a name, and that no shell or terminal takes for something else.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = (1..=100).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "store evidence",
        format!(
            "`{}` is not 1 to 100 ASCII letters, digits and `. _ -` after a letter or digit",
            Printable(name)
        ),
    ))
}
