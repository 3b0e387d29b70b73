//! Identities and names of Kubernetes objects, and the annotations of ours.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stillme_rollback_core::{Error, ErrorKind, Printable, Result, Target};

pub use crate::kind::Kind;

/// The field manager of all writes of ours.
pub const FIELD_MANAGER: &str = "stillme-rollback";
/// The annotation of a workload whose template a run of ours wrote last: the run's id.
pub const ANNOTATION_RUN: &str = "dev.stillme.rollback.run";
/// What that run went away from: `HASH@REVISION`, its number at that time.
pub const ANNOTATION_LEFT: &str = "dev.stillme.rollback.left";
/// The versions that a run of ours verified: hashes, newest first, with commas.
pub const ANNOTATION_VERIFIED: &str = "dev.stillme.rollback.verified";
/// How many verified versions are kept.
pub const MOST_VERIFIED: usize = 10;

/// The name of an object: an RFC 1123 subdomain, as the API has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectName(String);

impl ObjectName {
    /// A name from its text.
    ///
    /// # Errors
    /// `InvalidInput` unless it is 1 to 253 lower case letters, digits, `-` and `.`, and begins and ends
    /// with a letter or a digit.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if is_subdomain(&text, 253) {
            Ok(Self(text))
        } else {
            Err(not_a_name("object", &text, 253))
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a namespace: an RFC 1123 label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

impl Namespace {
    /// A namespace from its text.
    ///
    /// # Errors
    /// `InvalidInput` unless it is 1 to 63 lower case letters, digits and `-`, and begins and ends with a
    /// letter or a digit.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if is_subdomain(&text, 63) && !text.contains('.') {
            Ok(Self(text))
        } else {
            Err(not_a_name("namespace", &text, 63))
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an object is for as long as it exists. Another one of the same name has another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(String);

impl Uid {
    /// A uid as the API gave it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_subdomain(text: &str, most: usize) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=most).contains(&text.len())
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            let ends = bytes.first().zip(bytes.last());
            ends.is_some_and(|(first, last)| inner(*first) && inner(*last))
                && bytes.iter().all(|b| inner(*b) || *b == b'-')
        })
}

fn not_a_name(what: &str, text: &str, most: usize) -> Error {
    let shown: String = text.chars().take(80).collect();
    Error::new(
        ErrorKind::InvalidInput,
        format!("read {what} name"),
        format!(
            "`{}` is not 1 to {most} lower case letters, digits, `-` and `.`",
            Printable(&shown)
        ),
    )
    .with_hint("nothing was touched")
}

macro_rules! text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

text!(ObjectName, Namespace, Uid);

impl TryFrom<String> for ObjectName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for Namespace {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

/// A workload by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkloadRef {
    /// Where it is.
    pub namespace: Namespace,
    /// What it is.
    pub kind: Kind,
    /// Its name there.
    pub name: ObjectName,
}

impl WorkloadRef {
    /// A workload.
    pub const fn new(namespace: Namespace, kind: Kind, name: ObjectName) -> Self {
        Self { namespace, kind, name }
    }

    /// The target that the workload with this uid is. Its uid alone tells it from every other one in any
    /// cluster, so that a lease holds whichever way the cluster was reached, and no right is needed but to
    /// read it.
    ///
    /// # Errors
    /// `InvalidInput` if the names are longer than a target's may be.
    pub fn target(&self, uid: &Uid) -> Result<Target> {
        let name = format!("{}/{}/{}", self.namespace, self.kind, self.name);
        Target::new("kubernetes", uid.as_str(), &name)
    }

    /// The workload that a target names, and its uid.
    ///
    /// # Errors
    /// `InvalidInput` if the target is none of this crate.
    pub fn of(target: &Target) -> Result<(Self, Uid)> {
        let workload = target.name().parse()?;
        Ok((workload, Uid::new(target.scope())))
    }
}

/// As a target names it: `NAMESPACE/KIND/NAME`.
impl FromStr for WorkloadRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            let shown: String = text.chars().take(80).collect();
            let why = format!("`{}` names no workload of Kubernetes", Printable(&shown));
            Error::new(ErrorKind::InvalidInput, "read workload", why)
                .with_hint("nothing was touched; write it as NAMESPACE/KIND/NAME")
        };
        let mut parts = text.split('/');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(namespace), Some(kind), Some(name), None) = parts else { return Err(unknown()) };
        let kind = Kind::of_word(kind).ok_or_else(unknown)?;
        Ok(Self::new(Namespace::new(namespace)?, kind, ObjectName::new(name)?))
    }
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in {}", self.kind, self.name, self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_api_takes() {
        for good in ["web", "web-1", "a.b-c.d", "1web"] {
            assert!(ObjectName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-web", "web-", "Web", "a..b", "a/b", "a b", ".a", "a\n", "../x", "é"] {
            assert!(ObjectName::new(bad).is_err(), "{bad:?}");
        }
        assert!(ObjectName::new("x".repeat(254)).is_err());
        assert!(Namespace::new("a.b").is_err() && Namespace::new("x".repeat(64)).is_err());
    }

    #[test]
    fn a_name_of_any_length_makes_a_short_error() {
        let error = ObjectName::new("x".repeat(64 * 1024)).unwrap_err();
        assert!(error.to_string().len() < 300, "{error}");
    }

    #[test]
    fn a_target_names_its_workload() {
        let workload = WorkloadRef::new(
            Namespace::new("prod").unwrap(),
            Kind::Deployment,
            ObjectName::new("web").unwrap(),
        );
        let uid = Uid::new("0f7c");
        let target = workload.target(&uid).unwrap();
        assert_eq!(target.to_string(), "kubernetes/prod/deployment/web");
        assert_eq!(WorkloadRef::of(&target).unwrap(), (workload, uid));
        for other in ["web", "prod/pod/web", "prod/deployment/web/x"] {
            let target = Target::new("kubernetes", "u", other).unwrap();
            assert!(WorkloadRef::of(&target).is_err(), "{other}");
        }
    }
}
