//! Events: what a run tells while it works.
//!
//! Every record of the journal is told as one event, by the same [`Narrator`] whether the run is
//! live or its journal is read later; a live run adds a few of low priority (a wait, a question to
//! the verifier) that no record holds.
//!
//! Two ways lead to them. Who can keep up gets them pushed: an [`Observer`](crate::Observer) behind
//! an [`Announcer`]. Who comes and goes pulls them: an [`EventBuffer`] with a [`Cursor`]. Both are
//! bounded, and both say what they lost.
//!
//! # No secrets
//! Events are made of journal records, whose types can't hold a [`Secret`](crate::Secret): a secret
//! has no `Debug` and no `Serialize`, and every event has both.
//!
//! ```
//! use stillme_rollback_core::event::EventKind;
//!
//! let why = String::from("a token of 3 characters");
//! let told = EventKind::Waiting { step: None, why, for_ms: None };
//! assert!(told.to_string().contains("a token"));
//! ```
//!
//! ```compile_fail
//! use stillme_rollback_core::{Secret, event::EventKind};
//!
//! let why = Secret::new(String::from("t0p"));
//! let told = EventKind::Waiting { step: None, why, for_ms: None };
//! ```

mod announcer;
mod buffer;
mod kind;
mod narrator;
mod text;
mod tiers;

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};

use crate::id::RunId;

pub use self::announcer::Announcer;
pub use self::buffer::{CloseGuard, Cursor, EventBuffer, News};
pub use self::kind::{AnnouncedStep, EventKind, Priority, RunStarted};
pub use self::narrator::Narrator;
pub(crate) use self::text::word;

/// One event of a run.
///
/// As JSON it is one flat object whose `type` names its kind in kebab case:
/// `{"run":"01J…","epoch":1,"seq":4,"record":4,"at_ms":…,"elapsed_ms":…,"type":"step-started",…}`.
///
/// # Versions
/// Fields are only ever added. A kind, or a value inside a kind, that a reader does not know reads
/// as [`EventKind::Unknown`]: an old reader loses what it could not have shown, and goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// Which life of the run tells it: 1, and one more for each resume.
    pub epoch: u32,
    /// Its number within this life, from 0 and without gaps: a gap is a loss.
    pub seq: u64,
    /// The number of the journal's record that it tells. Events without one are told once, live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// Milliseconds since this life of the run began, monotonic.
    pub elapsed_ms: u64,
    /// What.
    #[serde(flatten, deserialize_with = "known_or_unknown")]
    pub kind: EventKind,
}

impl Event {
    /// An event at the beginning of time, for tests of observers. Runs get theirs from a
    /// [`Narrator`].
    pub fn new(run: RunId, seq: u64, kind: EventKind) -> Self {
        Self { run, epoch: 1, seq, record: None, at_ms: 0, elapsed_ms: 0, kind }
    }

    /// How much its loss would matter.
    pub fn priority(&self) -> Priority {
        self.kind.priority()
    }

    /// Whether nothing follows it in this life of the run: it ended or paused.
    pub fn is_terminal(&self) -> bool {
        self.kind.is_terminal()
    }
}

/// Reads a kind, and takes what this version does not know for [`EventKind::Unknown`].
///
/// `#[serde(other)]` alone would forgive a new kind, not a new value in an old one (a new end state).
fn known_or_unknown<'de, D: Deserializer<'de>>(from: D) -> Result<EventKind, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(EventKind::deserialize(value).unwrap_or(EventKind::Unknown))
}

/// The wall clock as milliseconds since 1970; 0 before it.
pub(crate) fn unix_millis(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
