//! References to images: `registry/path:tag@digest`.

use std::fmt;
use std::str::FromStr;

use container_image_dist_ref::ImgRef;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::printable::Printable;

/// The longest reference that is read: a name of 255, a tag of 128, a digest, and room to spare.
const LONGEST: usize = 4096;

/// A reference to an image that names a tag or a digest.
///
/// The grammar is that of `distribution/reference`, with two differences on purpose: a reference
/// without tag and digest is refused (nobody means "whatever `latest` is now" in a rollback), and
/// nothing but ASCII is accepted (a look-alike `а` is another tag).
///
/// ```
/// use stillme_rollback_core::ImageRef;
///
/// let image: ImageRef = "registry.example:5000/team/app:v1.2.3".parse()?;
/// assert_eq!(image.repository(), "registry.example:5000/team/app");
/// assert_eq!(image.tag(), Some("v1.2.3"));
/// assert!("team/app".parse::<ImageRef>().is_err());
/// # Ok::<(), stillme_rollback_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    text: String,
    repository: usize,
    tag: Option<(usize, usize)>,
    digest: Option<usize>,
}

impl ImageRef {
    /// The name without tag and digest.
    pub fn repository(&self) -> &str {
        &self.text[..self.repository]
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.map(|(start, end)| &self.text[start..end])
    }

    /// The digest: `sha256:…`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.map(|start| &self.text[start..])
    }

    /// The whole reference.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same repository with another tag.
    ///
    /// # Errors
    /// `InvalidInput` if `tag` is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        // A tag that holds `@` or `/` would change what the parts of the reference are.
        if tag.contains(['@', '/', ':']) {
            return Err(refusal(tag, "has a character that no tag has"));
        }
        format!("{}:{tag}", self.repository()).parse()
    }
}

impl FromStr for ImageRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(refusal(text, "is longer than 4096 bytes"));
        }
        if !text.is_ascii() {
            return Err(refusal(text, "has characters beyond ASCII"));
        }
        let parsed =
            ImgRef::new(text).map_err(|_| refusal(text, "is not `name:tag` or `name@digest`"))?;
        let digest = parsed.digest().map(|digest| text.len() - digest.to_str().len());
        if let Some(start) = digest {
            check_digest(text, &text[start..])?;
        }
        let named = digest.map_or(text.len(), |start| start - 1);
        let tag = parsed.tag().map(|tag| (named - tag.len(), named));
        if tag.is_none() && digest.is_none() {
            return Err(refusal(text, "names no tag and no digest"));
        }
        let repository = tag.map_or(named, |(start, _)| start - 1);
        Ok(Self { text: text.to_owned(), repository, tag, digest })
    }
}

/// Only what a registry and an engine both understand: SHA-256 in lower case.
fn check_digest(text: &str, digest: &str) -> Result<()> {
    let fits = digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    });
    if fits { Ok(()) } else { Err(refusal(text, "has a digest that is not sha256 in lower case")) }
}

fn refusal(text: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "read image reference",
        format!("`{}` {why}", Printable(text)),
    )
    .with_hint("nothing was touched; write it as `name:tag` or `name@sha256:…`")
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ImageRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.text
    }
}

#[cfg(test)]
mod tests;
