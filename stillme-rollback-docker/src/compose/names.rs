//! Names of Compose, checked when they are made: they stand in file names, tags and arguments.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stillme_rollback_core::{Error, ErrorKind, Result, Target};

use crate::names::{ContainerName, malformed, text_newtype};

/// The longest name that is taken: a tag and a file name have to hold a project and a service.
const LONGEST: usize = 63;

/// What joins services in a target's name. No service's name can hold it.
const AND: char = '+';

/// A project's name: `a-z`, `0-9`, `_` and `-`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Project(String);

impl Project {
    /// The name from its text.
    ///
    /// # Errors
    /// `InvalidInput` for what Compose would refuse, and for more than 63 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let fits = (1..=LONGEST).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if fits {
            Ok(Self(text))
        } else {
            Err(malformed(
                "project",
                &text,
                "a letter or digit, then up to 62 of a-z, 0-9, `_`, `-`",
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A service's name: letters, digits and `. _ -`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// The name from its text.
    ///
    /// # Errors
    /// `InvalidInput` for what Compose would refuse, for a name that could be read as an option, and
    /// for more than 63 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let fits = (1..=LONGEST).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits {
            Ok(Self(text))
        } else {
            Err(malformed(
                "service",
                &text,
                "a letter or digit, then up to 62 letters, digits and `. _ -`",
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The services that go back together: at least one, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<ServiceName>", into = "Vec<ServiceName>")]
pub struct Services(Vec<ServiceName>);

impl Services {
    /// The services of a set, however they were listed.
    ///
    /// # Errors
    /// `InvalidInput` if there is none.
    pub fn new(services: impl IntoIterator<Item = ServiceName>) -> Result<Self> {
        let sorted: BTreeSet<_> = services.into_iter().collect();
        if sorted.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "read services", "there is none")
                .with_hint("nothing was touched; name at least one service"));
        }
        Ok(Self(sorted.into_iter().collect()))
    }

    /// Each of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceName> {
        self.0.iter()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a service is one of them.
    pub fn contains(&self, service: &ServiceName) -> bool {
        self.0.binary_search(service).is_ok()
    }
}

/// The target that services of a project on an engine are.
///
/// # Errors
/// `InvalidInput` if the names together are longer than a target's name can be.
pub fn target(engine_id: &str, project: &Project, services: &Services) -> Result<Target> {
    Target::new("compose", engine_id, &format!("{project}/{services}"))
}

/// The project and the services that a target is.
///
/// # Errors
/// `InvalidInput` if the target is none of Compose.
pub fn parts(target: &Target) -> Result<(Project, Services)> {
    let (project, services) =
        target.name().split_once('/').filter(|_| target.platform() == "compose").ok_or_else(
            || malformed("target", target.name(), "a project, `/`, and its services"),
        )?;
    let services: Result<Vec<_>> = services.split(AND).map(ServiceName::new).collect();
    Ok((Project::new(project)?, Services::new(services?)?))
}

/// The name under which a service's images are protected: one for each project and service.
pub(super) fn protected_name(project: &Project, service: &ServiceName) -> Result<ContainerName> {
    ContainerName::new(format!("{project}_{service}"))
}

text_newtype!(Project);
text_newtype!(ServiceName);

impl fmt::Display for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, service) in self.0.iter().enumerate() {
            if index > 0 {
                write!(f, "{AND}")?;
            }
            f.write_str(service.as_str())?;
        }
        Ok(())
    }
}

impl TryFrom<Vec<ServiceName>> for Services {
    type Error = Error;

    fn try_from(services: Vec<ServiceName>) -> Result<Self> {
        Self::new(services)
    }
}

impl From<Services> for Vec<ServiceName> {
    fn from(services: Services) -> Self {
        services.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_steer_something_are_refused() {
        let long = "x".repeat(64);
        let bad = [
            "",
            "-f",
            "--file",
            "a b",
            "a;id",
            "$(id)",
            "`id`",
            "a\n",
            "a\0",
            "é",
            "\u{202e}x",
            "../a",
            "a/b",
            "a+b",
            "_a",
            ".a",
            &long,
        ];
        for text in bad {
            assert_eq!(
                ServiceName::new(text).unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{text:?}"
            );
            assert_eq!(Project::new(text).unwrap_err().kind(), ErrorKind::InvalidInput, "{text:?}");
        }
        for text in ["A", "a.b"] {
            assert!(ServiceName::new(text).is_ok() && Project::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_holds_its_project_and_services_in_one_order() {
        let services = ["worker", "web", "web"].map(|name| ServiceName::new(name).unwrap());
        let services = Services::new(services).unwrap();
        let project = Project::new("shop").unwrap();
        let target = target("ENGINE:1", &project, &services).unwrap();
        assert_eq!(target.to_string(), "compose/shop/web+worker");
        assert_eq!(parts(&target).unwrap(), (project, services));
        assert!(parts(&Target::new("docker", "e", "shop/web").unwrap()).is_err());
        assert!(parts(&Target::new("compose", "e", "shop").unwrap()).is_err());
        assert!(Services::new([]).is_err());
    }
}
