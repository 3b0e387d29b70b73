//! The version of the engine's API.

use std::fmt;
use std::str::FromStr;

use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

/// A version of the Engine API, as it stands in the path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// The number before the point.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

impl ApiVersion {
    /// Several networks in one create; a MAC address for each endpoint.
    pub const MANY_ENDPOINTS: Self = Self::new(1, 44);
    /// Aliases are shown as the user gave them.
    pub const EXACT_ALIASES: Self = Self::new(1, 45);
    /// The configured MAC address is not shown any more.
    pub const NO_CONFIGURED_MAC: Self = Self::new(1, 52);

    /// A version from its two numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self::new(major.parse().ok()?, minor.parse().ok()?)))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "read API version",
                    format!("`{}` is not like 1.41", Printable(text)),
                )
            })
    }
}
