//! The versions of the engine's API at which what a container shows, or takes, changed.

pub use crate::http::ApiVersion;

/// From here on: several networks in one create, a MAC address for each endpoint.
pub(super) const MANY_ENDPOINTS: ApiVersion = ApiVersion::new(1, 44);
/// From here on: aliases are shown as the user gave them.
pub(super) const EXACT_ALIASES: ApiVersion = ApiVersion::new(1, 45);
/// From here on: the configured MAC address is not shown any more.
pub(super) const NO_CONFIGURED_MAC: ApiVersion = ApiVersion::new(1, 52);
