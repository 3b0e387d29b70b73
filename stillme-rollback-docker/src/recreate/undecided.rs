//! Settings of which it can't be told whether the user or the image set them.

use std::fmt;

use serde::Serialize;
use stillme_rollback_core::{Note, Printable};

/// A setting that equals the default of the old image, and that the new image sets otherwise.
///
/// It was taken as the image's, so the new container has what the new image says. If the user had
/// set it by hand to the very value of the old image, it is lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Undecided {
    /// An environment variable, by name.
    Env(String),
    /// A label, by name.
    Label(String),
    /// Entrypoint or command.
    Command,
    /// An exposed port: `80/tcp`.
    Port(String),
    /// `User`, `WorkingDir` or `StopSignal`.
    Setting(&'static str),
    /// A field of the health check.
    Healthcheck(String),
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {}", Printable(name)),
            Self::Label(name) => write!(f, "label {}", Printable(name)),
            Self::Command => f.write_str("entrypoint and command"),
            Self::Port(port) => write!(f, "exposed port {}", Printable(port)),
            Self::Setting(field) => f.write_str(field),
            Self::Healthcheck(field) => write!(f, "health check's {}", Printable(field)),
        }
    }
}

/// One note that names them all, if there are any.
pub(super) fn note(undecided: &[Undecided]) -> Option<Note> {
    if undecided.is_empty() {
        return None;
    }
    let names: Vec<_> = undecided.iter().map(Undecided::to_string).collect();
    Some(Note::info(format!(
        "taken as the old image's own, because equal to it: {}; the new container has what the \
         new image says, also if somebody had set them by hand to the same value",
        names.join(", ")
    )))
}
