//! Versions of the engine's API, and which one is spoken.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

/// The newest version that is spoken. From 1.52 on, `inspect` leaves out the configured MAC address
/// and what else a faithful copy of a container needs.
const NEWEST: ApiVersion = ApiVersion::new(1, 51);
/// The oldest version that is spoken: Engine 20.10.
const OLDEST: ApiVersion = ApiVersion::new(1, 41);

/// A version of the engine's API: `1.41`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u16,
    /// Behind the dot.
    pub minor: u16,
}

impl ApiVersion {
    /// A version from its two numbers.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl FromStr for ApiVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.split_once('.')
            .and_then(|(major, minor)| {
                Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
            })
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "read API version",
                    format!("`{}` is not like 1.41", Printable(text)),
                )
            })
    }
}

impl TryFrom<String> for ApiVersion {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The version to speak with an engine that speaks `oldest` to `newest`.
pub(super) fn choose(newest: ApiVersion, oldest: Option<ApiVersion>) -> Result<ApiVersion> {
    let refused = |message, hint: &'static str| {
        Error::new(ErrorKind::Unsupported, "choose API version", message)
            .with_hint(format!("nothing was touched; {hint}"))
    };
    if newest < OLDEST {
        return Err(refused(
            format!("the engine speaks the API up to {newest}, this library from {OLDEST} on"),
            "Docker Engine 20.10 or newer is needed",
        ));
    }
    if let Some(oldest) = oldest.filter(|oldest| *oldest > NEWEST) {
        return Err(refused(
            format!("the engine speaks the API from {oldest} on, this library up to {NEWEST}"),
            "lower the engine's minimum (`min-api-version` of its configuration) or use a newer version of this library",
        ));
    }
    Ok(newest.min(NEWEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ApiVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_newest_that_both_speak_is_chosen() {
        for (newest, oldest, spoken) in [
            ("1.41", Some("1.12"), Some("1.41")),
            ("1.47", None, Some("1.47")),
            ("1.51", Some("1.24"), Some("1.51")),
            ("1.56", Some("1.40"), Some("1.51")),
            ("1.60", Some("1.51"), Some("1.51")),
            ("1.60", Some("1.52"), None),
            ("1.40", Some("1.12"), None),
            // Not a decimal number: 1.9 is older than 1.41.
            ("1.9", None, None),
            ("2.0", None, Some("1.51")),
        ] {
            let chosen = choose(version(newest), oldest.map(version));
            match spoken {
                Some(spoken) => assert_eq!(chosen.unwrap(), version(spoken), "{newest} {oldest:?}"),
                None => assert_eq!(chosen.unwrap_err().kind(), ErrorKind::Unsupported, "{newest}"),
            }
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in ["", "1", "1.", ".1", "v1.41", "1.41.0", "1.-1", "1.70000"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
    }
}
