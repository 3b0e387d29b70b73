//! Images as versions: are they here, and do they fit this engine. Looked at before anything is
//! touched, never pulled.

use std::fmt;

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, ImageRef, Printable, Result, Version};

use crate::engine::{Engine, EngineInfo};
use crate::names::{ContainerName, ImageId};

/// The repository of the tags that keep images from being pruned; the rest is the image's id.
const PROTECTING: &str = "stillme-rb";

/// The longest tag that there is.
const LONGEST_TAG: usize = 128;

/// An image on the engine, as far as a rollback must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalImage {
    /// Its id.
    pub id: ImageId,
    /// Its references with tags.
    pub tags: Vec<String>,
    /// Its references with digests.
    pub digests: Vec<String>,
    /// What it runs on.
    pub platform: Platform,
}

/// An operating system and an architecture, as images spell them. Empty where the image does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`
    pub arch: String,
}

impl Platform {
    /// A platform.
    pub fn new(os: impl Into<String>, arch: impl Into<String>) -> Self {
        Self { os: os.into(), arch: arch.into() }
    }

    /// Whether an image of this platform runs where one of the other does. What is not said fits.
    fn fits(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        same(&self.os, &other.os) && same(&self.arch, &other.arch)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Printable(&self.os), Printable(&self.arch))
    }
}

impl LocalImage {
    /// The name that a container's maker used, as long as it still names this image; else its id.
    pub(crate) fn reference(&self, made_from: &str) -> String {
        let means_it = |tag: &String| tag == made_from || *tag == format!("{made_from}:latest");
        let known = self.tags.iter().chain(&self.digests).any(means_it);
        if known { made_from.to_owned() } else { self.id.as_str().to_owned() }
    }

    /// An image in an inspected image.
    ///
    /// # Errors
    /// `Corrupt` if it has no id.
    pub fn read(image: &Value) -> Result<Self> {
        let texts = |name: &str| {
            let list = image[name].as_array();
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let id = image["Id"].as_str().and_then(|id| ImageId::new(id).ok()).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                "read the engine's answer",
                "it shows an image without an id",
            )
        })?;
        Ok(Self {
            id,
            tags: texts("RepoTags"),
            digests: texts("RepoDigests"),
            platform: Platform::new(
                image["Os"].as_str().unwrap_or_default(),
                image["Architecture"].as_str().unwrap_or_default(),
            ),
        })
    }

    /// The image of this id or reference, if it is here.
    ///
    /// # Errors
    /// Whatever kept the engine from looking.
    pub async fn find(engine: &dyn Engine, image: &str) -> Result<Option<Self>> {
        let found = engine.inspect_image(image).await?;
        found.map(|image| Self::read(image.expose())).transpose()
    }

    /// Checks that it runs on an engine. `running` is what runs there now: an engine that emulates
    /// another architecture proves so by doing it.
    ///
    /// # Errors
    /// `Unsupported` naming both platforms.
    pub fn check_fit(&self, engine: &EngineInfo, running: Option<&Self>) -> Result<()> {
        let own = Platform::new(engine.os.as_str(), engine.arch.as_str());
        let emulated = running.is_some_and(|running| self.platform.fits(&running.platform));
        if self.platform.fits(&own) || emulated {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            "check image",
            format!("it is made for {}, and the engine runs {own}", self.platform),
        )
        .with_context("image", self.id.short())
        .with_hint("nothing was touched; go to an image that is made for this machine"))
    }

    /// What runs when it does.
    ///
    /// # Errors
    /// None in practice: an image's id is a version's identity.
    pub fn version(&self) -> Result<Version> {
        Version::new(self.id.as_str())
    }
}

/// The tag that keeps an image from being pruned while a container may need it again:
/// `stillme-rb/0123456789ab:web`. One for each image and container, so that taking it away for one
/// leaves the others protected.
///
/// # Errors
/// None in practice: an id and a name are always a reference.
pub fn protecting_tag(image: &ImageId, container: &ContainerName) -> Result<ImageRef> {
    let name = container.as_str();
    let tag = &name[..name.len().min(LONGEST_TAG)];
    format!("{PROTECTING}/{}:{tag}", image.short()).parse()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(os: &str, arch: &str) -> LocalImage {
        let id = format!("sha256:{}", "ab".repeat(32));
        LocalImage::read(&json!({"Id": id, "Os": os, "Architecture": arch, "RepoTags": null}))
            .unwrap()
    }

    #[test]
    fn an_image_of_another_machine_is_refused_unless_it_runs_already() {
        let mut engine = EngineInfo::new("e");
        engine.os = "linux".to_owned();
        engine.arch = "amd64".to_owned();
        for (os, arch, running, fits) in [
            ("linux", "amd64", None, true),
            ("linux", "arm64", None, false),
            ("windows", "amd64", None, false),
            ("", "", None, true),
            ("linux", "arm64", Some(("linux", "arm64")), true),
            ("linux", "arm64", Some(("linux", "amd64")), false),
        ] {
            let running = running.map(|(os, arch)| image(os, arch));
            let result = image(os, arch).check_fit(&engine, running.as_ref());
            assert_eq!(result.is_ok(), fits, "{os}/{arch} {running:?}");
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.to_string().contains("linux/amd64"), "{error}");
            }
        }
    }

    #[test]
    fn a_protecting_tag_is_a_reference_whatever_the_name() {
        let id = image("", "").id;
        for name in ["web", "Web_1.x", "a-", "a..b", &"x".repeat(255)] {
            let tag = protecting_tag(&id, &name.parse().unwrap()).unwrap();
            assert_eq!(tag.repository(), "stillme-rb/abababababab");
            assert_eq!(tag.tag(), Some(&name[..name.len().min(128)]));
        }
    }

    #[test]
    fn an_image_without_an_id_is_no_image() {
        assert_eq!(LocalImage::read(&json!({})).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
