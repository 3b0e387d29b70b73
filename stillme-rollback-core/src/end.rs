//! How a run ends.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state in which a run leaves its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EndState {
    /// The version that was asked for serves, and the verdict said so.
    RolledBack,
    /// The target already ran it: nothing was done.
    AlreadyThere,
    /// The rollback failed and was undone: what ran before runs again.
    Restored,
    /// Somebody else deployed: theirs is untouched.
    Superseded,
    /// Refused before anything was touched.
    Refused,
    /// Needs a person: the report has the exact commands left to do.
    Stuck,
    /// Stopped where the target serves and nothing irreversible was done; it can be resumed.
    Paused,
}

impl EndState {
    /// Whether there is nothing left to resume.
    pub fn is_final(self) -> bool {
        self != Self::Paused
    }

    /// The exit code that tools give it. 1 and 2 stay free for errors and usage.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::RolledBack => 0,
            Self::AlreadyThere => 10,
            Self::Restored => 11,
            Self::Superseded => 12,
            Self::Refused => 13,
            Self::Stuck => 14,
            Self::Paused => 15,
        }
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RolledBack => "RolledBack",
            Self::AlreadyThere => "AlreadyThere",
            Self::Restored => "Restored",
            Self::Superseded => "Superseded",
            Self::Refused => "Refused",
            Self::Stuck => "Stuck",
            Self::Paused => "Paused",
        })
    }
}
