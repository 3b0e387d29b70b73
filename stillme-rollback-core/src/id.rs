//! Identities of runs and steps.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::printable::Printable;

/// The identity of a run: a ULID, 26 characters, sortable by time, fit for labels and file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(ulid::Ulid);

impl RunId {
    /// A new identity from a moment and 80 bits of the operating system's randomness.
    ///
    /// # Errors
    /// `Unavailable` if the operating system gives no random bytes.
    pub fn generate(now: SystemTime) -> Result<Self> {
        let mut bytes = [0u8; 16];
        crate::random::fill(&mut bytes)?;
        Ok(Self::from_parts(now, u128::from_be_bytes(bytes)))
    }

    /// An identity from a moment and given randomness (its low 80 bits), for tests and replays.
    pub fn from_parts(now: SystemTime, random: u128) -> Self {
        let millis = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self(ulid::Ulid::from_parts(millis, random))
    }

    /// The last eight characters, lower case: the random end of the identity, used in the
    /// temporary names of a run. (The first characters are the time, alike for runs of a day.)
    pub fn short(&self) -> String {
        let text = self.0.to_string().to_ascii_lowercase();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ulid::Ulid::from_string(text)
            .ok()
            .filter(|id| id.to_string().eq_ignore_ascii_case(text))
            .map(Self)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "read run id",
                    format!("`{}` is not a run id (26 letters and digits)", Printable(text)),
                )
                .with_hint("`rollback runs` lists the runs")
            })
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

/// The name of a step, unique within its plan: `create-new`, `stop-old`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepId(std::sync::Arc<str>);

impl StepId {
    /// A step's name: 1 to 64 of `a-z`, `0-9`, `-`, `.`, beginning with a letter.
    ///
    /// # Errors
    /// `InvalidInput` for anything else.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        let fits = (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Error::new(
                ErrorKind::InvalidInput,
                "name step",
                format!(
                    "`{}` is not 1 to 64 of a-z, 0-9, `-`, `.` after a letter",
                    Printable(text)
                ),
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StepId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<StepId> for String {
    fn from(id: StepId) -> Self {
        id.as_str().to_owned()
    }
}

/// The key that lets a receiver recognise a request it has already seen: `<run>/<step>`.
///
/// The same for every attempt at a step, so that a repeated request has one effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a step of a run.
    pub fn of(run: RunId, step: &StepId) -> Self {
        Self(format!("{run}/{step}"))
    }

    /// The key as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_survives_text() {
        let id =
            RunId::generate(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1)).unwrap();
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert_eq!(id.short().len(), 8);
    }

    #[test]
    fn two_run_ids_of_one_moment_differ() {
        let now = SystemTime::UNIX_EPOCH;
        assert_ne!(RunId::generate(now).unwrap(), RunId::generate(now).unwrap());
    }

    #[test]
    fn what_is_no_run_id_is_refused() {
        for bad in [
            "",
            "x",
            "../../etc/passwd",
            &"0".repeat(27),
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "01J\u{430}",
        ] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn step_names_are_checked() {
        assert!(StepId::new("create-new.2").is_ok());
        for bad in ["", "-x", "Upper", "a b", "a/b", &"x".repeat(65)] {
            assert!(StepId::new(bad).is_err(), "{bad}");
        }
    }
}
