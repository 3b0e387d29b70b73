//! Which revision is meant.

use std::fmt;
use std::str::FromStr;

use stillme_rollback_core::{Error, ErrorKind, ImageRef, Printable, Result};

use crate::history::{History, Revision};

/// What was asked for: `previous`, `last-good`, a revision's number, `tag:v1.2.3` or `v1.2.3`, `sha256:…`,
/// `hash:5d4f8c7b9`, `app:v1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wanted {
    /// What ran before this: the newest other revision that no run of ours went away from since it was deployed.
    /// So asked twice, it does not go back to what was bad.
    Previous,
    /// The newest other revision that a run of ours verified.
    LastGood,
    /// The revision with this number.
    Number(i64),
    /// The revision with this template hash.
    Hash(String),
    /// The newest other revision with an image of this tag.
    Tag(String),
    /// The newest other revision with an image of this digest.
    Digest(String),
    /// The newest other revision with this image.
    Image(ImageRef),
}

impl FromStr for Wanted {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "previous" => return Ok(Self::Previous),
            "last-good" => return Ok(Self::LastGood),
            _ => {}
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let number = text.parse().ok().filter(|number| *number > 0);
            return number.map(Self::Number).ok_or_else(|| unreadable(text));
        }
        if let Some(hash) = text.strip_prefix("hash:") {
            let fits = (1..=63).contains(&hash.len())
                && hash.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            return if fits { Ok(Self::Hash(hash.to_owned())) } else { Err(unreadable(text)) };
        }
        let digest = text.strip_prefix("digest:").unwrap_or(text);
        if digest.starts_with("sha256:") {
            let any: Result<ImageRef> = format!("any@{digest}").parse();
            return any.map(|_| Self::Digest(digest.to_owned())).map_err(|_| unreadable(text));
        }
        if let Some(tag) = text.strip_prefix("tag:") {
            return tag_of(tag);
        }
        if text.contains([':', '/', '@']) {
            return text.parse().map(Self::Image);
        }
        tag_of(text)
    }
}

fn tag_of(text: &str) -> Result<Wanted> {
    let any: ImageRef = "any:tag".parse()?;
    any.with_tag(text).map(|_| Wanted::Tag(text.to_owned())).map_err(|_| unreadable(text))
}

fn unreadable(text: &str) -> Error {
    let shown: String = text.chars().take(80).collect();
    Error::new(
        ErrorKind::InvalidInput,
        "read release",
        format!("`{}` is no revision, tag, digest, hash or image", Printable(&shown)),
    )
    .with_hint("nothing was touched; write it as `previous`, `last-good`, `3`, `v1.2.3`, `sha256:…`, `hash:…` or `app:v1.2.3`")
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Previous => f.write_str("previous"),
            Self::LastGood => f.write_str("last-good"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Hash(hash) => write!(f, "hash:{hash}"),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::Digest(digest) => write!(f, "digest:{digest}"),
            Self::Image(image) => image.fmt(f),
        }
    }
}

impl Wanted {
    /// The revision that is meant. It may be the current one, if it was named. `container`: whose image is meant,
    /// where pods have several.
    ///
    /// # Errors
    /// `NotFound` with what there is; `InvalidInput` for an image that could be of several containers. Nothing was
    /// touched.
    pub fn resolve<'a>(
        &self,
        history: &'a History,
        container: Option<&str>,
    ) -> Result<&'a Revision> {
        let by_image = matches!(self, Self::Tag(_) | Self::Digest(_) | Self::Image(_));
        let several = history.revisions.iter().find(|revision| revision.images.len() > 1);
        if let (true, None, Some(revision)) = (by_image, container, several) {
            return Err(whose(revision));
        }
        let has = |revision: &Revision, is_it: &dyn Fn(&ImageRef) -> bool| {
            let of =
                revision.images.iter().filter(|(name, _)| container.is_none_or(|it| it == name));
            of.filter_map(|(_, image)| image.parse().ok()).any(|image| is_it(&image))
        };
        let is_it = |revision: &Revision| match self {
            Self::Previous => !revision.left,
            Self::LastGood => revision.verified && !revision.left,
            Self::Number(number) => revision.number == *number,
            Self::Hash(hash) => revision.hash == *hash,
            Self::Tag(tag) => has(revision, &|image| image.tag() == Some(tag)),
            Self::Digest(digest) => has(revision, &|image| image.digest() == Some(digest)),
            Self::Image(wanted) => has(revision, &|image| image == wanted),
        };
        let other = history.others().find(|revision| is_it(revision));
        let is_named = !matches!(self, Self::Previous | Self::LastGood);
        let any = || history.revisions.iter().find(|revision| is_named && is_it(revision));
        other.or_else(any).ok_or_else(|| self.missing(history))
    }

    fn missing(&self, history: &History) -> Error {
        let known: Vec<_> = history.others().map(summary).collect();
        let why = match self {
            Self::Previous if known.is_empty() => "there is no other revision to go back to",
            Self::Previous => "every other revision is one that a rollback went away from",
            Self::LastGood => "no other revision was ever verified by a rollback of this tool",
            _ => "there is no such revision",
        };
        let known = if known.is_empty() { "none".to_owned() } else { known.join("; ") };
        Error::new(ErrorKind::NotFound, "find release", why)
            .with_context("wanted", self.to_string())
            .with_context("there are", Printable(&known).to_string())
            .with_hint("nothing was touched; name one by its number")
    }
}

fn whose(revision: &Revision) -> Error {
    let names: Vec<_> = revision.images.iter().map(|(name, _)| name.as_str()).collect();
    Error::new(ErrorKind::InvalidInput, "find release", "its pods have several containers")
        .with_context("containers", Printable(&names.join(", ")).to_string())
        .with_hint("nothing was touched; say whose image you mean with --container, or name the revision by its number")
}

fn summary(revision: &Revision) -> String {
    let images: Vec<_> = revision.images.iter().map(|(_, image)| image.as_str()).collect();
    let left = if revision.left { ", left by a rollback" } else { "" };
    format!("{} ({}{left})", revision.number, images.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{ObjectName, Uid};

    fn revision(number: i64, image: &str) -> Revision {
        Revision {
            number,
            hash: format!("h{number}"),
            name: ObjectName::new(format!("web-h{number}")).unwrap(),
            uid: Uid::new(format!("u{number}")),
            digest: format!("d{number}"),
            live: None,
            images: vec![("app".to_owned(), image.to_owned())],
            change_cause: None,
            created: String::new(),
            replicas: 0,
            available: 0,
            current: false,
            verified: false,
            left: false,
        }
    }

    fn history() -> History {
        let mut revisions =
            vec![revision(3, "r/web:v3"), revision(2, "r/web:v2"), revision(1, "r/web:v1")];
        revisions[0].current = true;
        History { revisions }
    }

    fn resolved(history: &History, wanted: &str) -> Result<i64> {
        let wanted: Wanted = wanted.parse()?;
        wanted.resolve(history, None).map(|revision| revision.number)
    }

    #[test]
    fn what_was_asked_for_is_found() {
        let history = history();
        for (wanted, number) in [
            ("previous", 2),
            ("1", 1),
            ("3", 3),
            ("v1", 1),
            ("tag:v2", 2),
            ("hash:h1", 1),
            ("r/web:v1", 1),
        ] {
            assert_eq!(resolved(&history, wanted).unwrap(), number, "{wanted}");
        }
    }

    #[test]
    fn previous_goes_past_what_was_left_and_last_good_wants_proof() {
        let mut history = history();
        history.revisions[1].left = true;
        assert_eq!(resolved(&history, "previous").unwrap(), 1);
        assert!(resolved(&history, "last-good").is_err());
        history.revisions[2].verified = true;
        assert_eq!(resolved(&history, "last-good").unwrap(), 1);
        history.revisions[2].left = true;
        let error = resolved(&history, "previous").unwrap_err().to_string();
        assert!(
            error.contains("every other revision is one that a rollback went away from"),
            "{error}"
        );
        assert!(error.contains("2 (r/web:v2, left by a rollback)"), "{error}");
    }

    #[test]
    fn previous_skips_a_revision_of_the_same_template() {
        let mut history = history();
        history.revisions[1].digest = "d3".to_owned();
        assert_eq!(resolved(&history, "previous").unwrap(), 1);
    }

    #[test]
    fn of_several_containers_one_must_be_named() {
        let mut history = history();
        for revision in &mut history.revisions {
            revision.images.push(("side".to_owned(), "r/side:v1".to_owned()));
        }
        assert!(resolved(&history, "v1").unwrap_err().to_string().contains("--container"));
        assert_eq!(resolved(&history, "previous").unwrap(), 2);
        let tag: Wanted = "v1".parse().unwrap();
        assert_eq!(tag.resolve(&history, Some("app")).unwrap().number, 1);
        assert_eq!(tag.resolve(&history, Some("side")).unwrap().number, 2);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "0",
            "-1",
            "99999999999999999999",
            "a b",
            "hash:",
            "hash:A",
            "sha256:12",
            "tag:a/b",
        ] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad:?}");
        }
        let long = "9".repeat(64 * 1024);
        assert!(long.parse::<Wanted>().unwrap_err().to_string().len() < 400);
        assert_eq!(resolved(&history(), "9").unwrap_err().kind(), ErrorKind::NotFound);
    }
}
