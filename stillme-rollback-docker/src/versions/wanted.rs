//! Which release is meant: a tag, a digest, or the one before.

use std::fmt;
use std::str::FromStr;

use stillme_rollback_core::{
    Error, ErrorKind, Evidence, ImageRef, Printable, Release, Result, Version,
};

use super::history::History;
use crate::engine::Engine;
use crate::images::LocalImage;
use crate::names::{ContainerName, ImageId};

/// What was asked for: `previous`, `v1.2.3`, `tag:previous`, `kept:web.rbo-1a2b3c4d`, `sha256:…`, `digest:sha256:…`,
/// `app:v1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wanted {
    /// What ran before this, by evidence and never by the look of tags: the newest release that a run
    /// verified and none left since, else what the running container replaced, else the container
    /// that was put aside last. (The evidence says so when a run had left that release: going there
    /// takes the run back.)
    Previous,
    /// The same with its settings: what the running container replaced, if that was of the same image
    /// with other settings, else as [`Previous`](Self::Previous).
    PreviousWithConfig,
    /// What a kept container ran: `kept:web.rbo-1a2b3c4d`.
    Kept(ContainerName),
    /// A tag of the container's repository.
    Tag(String),
    /// An image's id, or a digest of the container's repository.
    Digest(ImageId),
    /// A whole reference; its repository must be the container's.
    Image(ImageRef),
}

impl FromStr for Wanted {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "previous" {
            return Ok(Self::Previous);
        }
        if let Some(tag) = text.strip_prefix("tag:") {
            return tag_of(tag);
        }
        if let Some(name) = text.strip_prefix("kept:") {
            return ContainerName::new(name).map(Self::Kept);
        }
        if let Some(digest) = text.strip_prefix("digest:") {
            return ImageId::new(digest).map(Self::Digest);
        }
        if text.starts_with("sha256:") {
            return ImageId::new(text).map(Self::Digest);
        }
        if text.contains([':', '/', '@']) {
            return text.parse().map(Self::Image);
        }
        tag_of(text)
    }
}

/// A tag, checked by the grammar of references.
fn tag_of(text: &str) -> Result<Wanted> {
    let any: ImageRef = "any:tag".parse()?;
    any.with_tag(text).map(|_| Wanted::Tag(text.to_owned())).map_err(|_| {
        Error::new(
            ErrorKind::InvalidInput,
            "read release",
            format!("`{}` is neither a tag, a digest nor `previous`", Printable(text)),
        )
        .with_hint("nothing was touched; write it as `v1.2.3`, `sha256:…` or `previous`")
    })
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Previous | Self::PreviousWithConfig => f.write_str("previous"),
            Self::Kept(name) => write!(f, "kept:{name}"),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::Digest(digest) => write!(f, "digest:{digest}"),
            Self::Image(image) => image.fmt(f),
        }
    }
}

/// The release that is meant, pinned by the id of an image that is here, with all that is known of it.
/// It may be the one that runs.
///
/// # Errors
/// `NotFound` if it is not here, or if nothing proves what ran before; `Rejected` for an image of
/// another repository. The hint names what there is. Nothing was touched.
pub async fn resolve(engine: &dyn Engine, history: &History, wanted: &Wanted) -> Result<Release> {
    if let Wanted::Kept(name) = wanted {
        return kept(history, name);
    }
    if let (Wanted::PreviousWithConfig, Some(other)) = (wanted, &history.other_settings) {
        return Ok(other.clone());
    }
    let (image, named) = match wanted {
        Wanted::Kept(_) => (None, None),
        Wanted::Previous | Wanted::PreviousWithConfig => {
            let previous = history.previous.clone().ok_or_else(|| no_previous(history))?;
            // By its id: its tag may name another image by now.
            let found = LocalImage::find(engine, previous.version.as_str()).await?;
            (found, previous.image)
        }
        Wanted::Tag(tag) => {
            let reference = in_repository(history, tag)?;
            (LocalImage::find(engine, reference.as_str()).await?, Some(reference))
        }
        Wanted::Image(reference) => {
            if !history.is_of_repository(reference) {
                return Err(foreign(history, reference.as_str()));
            }
            (LocalImage::find(engine, reference.as_str()).await?, Some(reference.clone()))
        }
        Wanted::Digest(digest) => (by_digest(engine, history, digest).await?, None),
    };
    let image = image.ok_or_else(|| not_here(history, wanted))?;
    Ok(known(history, image.version()?, named))
}

/// What a kept container ran, and of that release no other container.
fn kept(history: &History, name: &ContainerName) -> Result<Release> {
    let is_it = |evidence: &Evidence| matches!(evidence, Evidence::Kept { instance } if instance == name.as_str());
    let mut all = history.releases.iter().chain([&history.running]);
    let found = all.find(|release| release.evidence.iter().any(is_it)).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "find release", "no such container is kept of this service")
            .with_context("container", name.as_str())
            .with_hint("nothing was touched; `docker ps --all` lists the containers")
    })?;
    let mut release = found.clone();
    let is_kept = |evidence: &Evidence| matches!(evidence, Evidence::Kept { .. });
    release.evidence.retain(|evidence| is_it(evidence) || !is_kept(evidence));
    Ok(release)
}

fn in_repository(history: &History, tag: &str) -> Result<ImageRef> {
    let repository = history.repository.as_deref().ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "find release",
            "the container was made from an image without a name, so a tag of it means nothing",
        )
        .with_hint("nothing was touched; say which image by its id: `sha256:…`")
    })?;
    format!("{repository}:{tag}").parse()
}

/// An id first, then a digest of the repository. An image that has names must have one of the
/// repository; one without any (its tag was given to another) is taken on the caller's word.
async fn by_digest(
    engine: &dyn Engine,
    history: &History,
    digest: &ImageId,
) -> Result<Option<LocalImage>> {
    if let Some(image) = LocalImage::find(engine, digest.as_str()).await? {
        let mut names = image.tags.iter().chain(&image.digests).peekable();
        let is_known = is_known(history, &image.id);
        let is_nameless = names.peek().is_none();
        let is_ours =
            names.any(|name| name.parse().is_ok_and(|name| history.is_of_repository(&name)));
        return if is_known || is_nameless || is_ours {
            Ok(Some(image))
        } else {
            Err(foreign(history, digest.as_str()))
        };
    }
    match &history.repository {
        Some(repository) => LocalImage::find(engine, &format!("{repository}@{digest}")).await,
        None => Ok(None),
    }
}

fn is_known(history: &History, id: &ImageId) -> bool {
    history
        .releases
        .iter()
        .chain([&history.running])
        .any(|release| release.version.as_str() == id.as_str())
}

/// What is known of a version, under the name by which it was asked for.
fn known(history: &History, version: Version, named: Option<ImageRef>) -> Release {
    let mut release = history
        .releases
        .iter()
        .chain([&history.running])
        .find(|release| release.version == version)
        .cloned()
        .unwrap_or_else(|| Release::new(version).with_evidence(Evidence::LocalImage));
    release.image = named.or(release.image);
    release
}

fn foreign(history: &History, what: &str) -> Error {
    let own = history.repository.as_deref().unwrap_or("an image without a name");
    Error::new(
        ErrorKind::Rejected,
        "find release",
        format!(
            "`{}` is of another repository than the container, which runs {own}",
            Printable(what)
        ),
    )
    .with_hint("nothing was touched; a rollback stays within a service")
}

fn not_here(history: &History, wanted: &Wanted) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "find release",
        format!("there is no image for `{}` on this engine", Printable(&wanted.to_string())),
    )
    .with_hint(format!("nothing was touched; {}", candidates(history)))
}

fn no_previous(history: &History) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "find release",
        "nothing proves what ran before: there is no record and no container that was put aside",
    )
    .with_hint(format!("nothing was touched; say where to go: {}", candidates(history)))
}

/// What there is, for who has to choose.
fn candidates(history: &History) -> String {
    const SHOWN: usize = 10;
    if history.releases.is_empty() {
        return "there is no other release on this engine, so bring its image here first"
            .to_owned();
    }
    let mut names: Vec<String> =
        history.releases.iter().take(SHOWN).map(|release| release.to_string()).collect();
    if history.releases.len() > SHOWN {
        names.push(format!("{} more", history.releases.len() - SHOWN));
    }
    format!("there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_read() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, shown) in [
            ("previous", "previous".to_owned()),
            ("v1.2.3", "tag:v1.2.3".to_owned()),
            ("latest", "tag:latest".to_owned()),
            ("tag:previous", "tag:previous".to_owned()),
            (digest.as_str(), format!("digest:{digest}")),
            (&format!("digest:{digest}"), format!("digest:{digest}")),
            ("team/app:v1", "team/app:v1".to_owned()),
            ("kept:web.rbo-1a2b3c4d", "kept:web.rbo-1a2b3c4d".to_owned()),
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for bad in [
            "",
            "tag:",
            "kept:",
            "kept:a/b",
            "digest:",
            "-v1",
            ".v1",
            "v1 ",
            "v1;id",
            "$(id)",
            "v1\n",
            "v\u{430}1",
            "v1?x=y",
            "sha256:0123",
            "digest:v1",
            "tag:a/b",
            "tag:a:b",
            "../v1",
            "http://x/y",
            "app@v1",
            &"x".repeat(129),
            &"x".repeat(65_536),
        ] {
            let error = bad.parse::<Wanted>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
            assert!(error.to_string().contains("nothing was touched"), "{error}");
        }
    }
}
