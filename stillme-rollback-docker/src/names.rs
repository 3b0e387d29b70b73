//! Identities, names and labels, checked when they are made.
//!
//! Calls that change a container take a [`ContainerId`]: a name can be moved to another container
//! between two calls, an id can't.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stillme_rollback_core::{Error, ErrorKind, Printable, Result, RunId};

/// The longest name that is taken: what a file name can hold, as engines keep containers in folders.
const LONGEST_NAME: usize = 255;

/// The label that names the run which made a container.
pub const LABEL_RUN: &str = "dev.stillme.rollback.run";
/// The label that holds the id of the container which the run replaces.
pub const LABEL_FROM: &str = "dev.stillme.rollback.from";
/// The label that holds the id of the image which the run goes to.
pub const LABEL_TARGET_IMAGE: &str = "dev.stillme.rollback.target-image";
/// The label that holds the SHA-256 of what the user had set.
pub const LABEL_SPEC: &str = "dev.stillme.rollback.spec";

/// The label of a dependent that a run recreated: the run's id. [`LABEL_FROM`] names the one before.
pub const LABEL_BESIDE: &str = "dev.stillme.rollback.beside";

/// The label of a copy that waits to stand in for a container: that container's id. Stopping a
/// container that was started with `--rm` deletes it, so its copy is the way back.
pub const LABEL_STANDS_FOR: &str = "dev.stillme.rollback.stands-for";

/// The label that names the proxy whose traffic a run moves to the container. Without the run's journal
/// it says that the proxy has to be asked before a container is stopped.
pub const LABEL_PROXY: &str = "dev.stillme.rollback.proxy";

/// The label by which a user chooses the strategy for a container: `warm-swap`, `behind-proxy`.
pub const LABEL_STRATEGY: &str = "dev.stillme.rollback.strategy";

/// What all labels of this library begin with.
pub const LABEL_PREFIX: &str = "dev.stillme.rollback.";

/// Between a container's name and the run, while the run's new container waits.
const NEW_INFIX: &str = ".rbn-";
/// Between a container's name and the run, on the container that the run put aside.
const OLD_INFIX: &str = ".rbo-";

/// The whole id of a container: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

impl ContainerId {
    /// The id from its text.
    ///
    /// # Errors
    /// `InvalidInput` for anything but 64 digits of `0-9a-f`: short ids are ambiguous.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if is_hex64(&text) {
            Ok(Self(text))
        } else {
            Err(malformed("container id", &text, "64 digits of 0-9 and a-f"))
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The twelve digits that `docker ps` shows.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// The whole id of an image: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId(String);

impl ImageId {
    /// The id from its text.
    ///
    /// # Errors
    /// `InvalidInput` for anything but `sha256:` and 64 digits of `0-9a-f`.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if text.strip_prefix("sha256:").is_some_and(is_hex64) {
            Ok(Self(text))
        } else {
            Err(malformed("image id", &text, "`sha256:` and 64 digits of 0-9 and a-f"))
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The twelve digits that `docker images` shows.
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

/// A container's name: a letter or digit, then letters, digits and `_ . -`; at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerName(String);

impl ContainerName {
    /// The name from its text, without the `/` that the engine puts before it.
    ///
    /// # Errors
    /// `InvalidInput` for what the engine would refuse.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let mut bytes = text.bytes();
        let fits = (2..=LONGEST_NAME).contains(&text.len())
            && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if fits {
            Ok(Self(text))
        } else {
            Err(malformed(
                "container name",
                &text,
                "a letter or digit, then 1 to 254 letters, digits and `_ . -`",
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which a run's new container waits: `web.rbn-1a2b3c4d`.
    ///
    /// # Errors
    /// `InvalidInput` if the name is so long that the temporary one is no name any more.
    pub fn waiting(&self, run: &RunId) -> Result<Self> {
        self.temporary(NEW_INFIX, run)
    }

    /// The name of the container that a run put aside: `web.rbo-1a2b3c4d`.
    ///
    /// # Errors
    /// `InvalidInput` if the name is so long that the temporary one is no name any more.
    pub fn aside(&self, run: &RunId) -> Result<Self> {
        self.temporary(OLD_INFIX, run)
    }

    /// The network on which a run's new container warms up: `stillme-rb-1a2b3c4d`.
    pub fn warm_network(run: &RunId) -> String {
        format!("stillme-rb-{}", run.short())
    }

    fn temporary(&self, infix: &str, run: &RunId) -> Result<Self> {
        Self::new(format!("{}{infix}{}", self.0, run.short())).map_err(|_| {
            Error::new(
                ErrorKind::InvalidInput,
                "name container",
                format!("`{}` leaves no room for the name of a run behind it", self.0),
            )
            .with_hint("nothing was touched; give the container a name of at most 242 bytes")
        })
    }

    /// What the name says of a run, if it is a temporary one.
    pub fn role(&self) -> Role<'_> {
        for (infix, make) in
            [(NEW_INFIX, Role::waiting as fn(_, _) -> _), (OLD_INFIX, Role::aside as fn(_, _) -> _)]
        {
            let Some((base, run)) = self.0.rsplit_once(infix) else {
                continue;
            };
            if is_run8(run) && Self::new(base).is_ok() {
                return make(base, run);
            }
        }
        Role::Service
    }
}

/// What a container's name says of its part in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role<'a> {
    /// A name of somebody's own.
    Service,
    /// A run's new container, not in its place yet.
    Waiting {
        /// The name that it will have.
        base: &'a str,
        /// The run's last eight characters.
        run: &'a str,
    },
    /// The container that a run put aside.
    Aside {
        /// The name that it had.
        base: &'a str,
        /// The run's last eight characters.
        run: &'a str,
    },
}

impl<'a> Role<'a> {
    fn waiting(base: &'a str, run: &'a str) -> Self {
        Self::Waiting { base, run }
    }

    fn aside(base: &'a str, run: &'a str) -> Self {
        Self::Aside { base, run }
    }
}

/// A container by its id or by its name, for looking only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContainerRef {
    /// By what can't be moved.
    Id(ContainerId),
    /// By what people call it.
    Name(ContainerName),
}

impl ContainerRef {
    /// The id or the name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Name(name) => name.as_str(),
        }
    }
}

impl From<&ContainerId> for ContainerRef {
    fn from(id: &ContainerId) -> Self {
        Self::Id(id.clone())
    }
}

impl From<&ContainerName> for ContainerRef {
    fn from(name: &ContainerName) -> Self {
        Self::Name(name.clone())
    }
}

fn is_hex64(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_run8(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
}

pub(crate) fn malformed(what: &str, text: &str, should: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("read {what}"),
        format!("`{}` is not {should}", Printable(text)),
    )
    .with_hint("nothing was touched")
}

/// What every checked text can do.
macro_rules! text_newtype {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }
    };
}

pub(crate) use text_newtype;

text_newtype!(ContainerId);
text_newtype!(ImageId);
text_newtype!(ContainerName);

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
