//! The knobs: what the environment says about version, address and behaviour.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::faults::ErrorRate;

#[cfg(test)]
mod tests;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that can be set from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// What `/` answers as version.
    pub(crate) version: String,
    /// Who answers: the container's host name, so that a probe can tell two instances apart.
    pub(crate) instance: String,
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// Time before it listens at all; connections are refused meanwhile.
    pub(crate) boot_delay: Duration,
    /// Time after it listens until `/readyz` is good.
    pub(crate) ready_delay: Duration,
    /// Time between SIGTERM and the end in which it still serves, but is not ready.
    pub(crate) drain: Duration,
    /// SIGTERM changes nothing; only SIGKILL (or SIGINT) ends it.
    pub(crate) ignore_sigterm: bool,
    /// No handler for SIGTERM: as the first process of a container it never gets one.
    pub(crate) deaf: bool,
    /// It exits by itself with this code.
    pub(crate) exit: Option<Exit>,
    /// Share of requests to `/` that get a 500.
    pub(crate) error_rate: ErrorRate,
    /// Added to every answer of `/`.
    pub(crate) latency: Duration,
    /// From this time after it listens on, `/healthz` and `/readyz` are bad.
    pub(crate) unhealthy_after: Option<Duration>,
}

/// An exit that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: u8,
    /// Time from the start of the process on; zero: before it boots.
    pub(crate) after: Duration,
}

impl Exit {
    /// Either setting alone asks for an exit.
    fn of(code: Option<u8>, after: Option<Duration>) -> Option<Self> {
        match (code, after) {
            (None, None) => None,
            _ => Some(Self { code: code.unwrap_or(1), after: after.unwrap_or_default() }),
        }
    }
}

/// A setting that can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?} can't be used: expected {expected}; nothing was started")]
pub(crate) struct ConfigError {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl Config {
    /// Reads the knobs through `variable`, which looks up one environment variable.
    ///
    /// # Errors
    /// The first variable whose value can't be used. An empty value counts as not set.
    pub(crate) fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let knobs = Knobs { variable: &variable };
        let host = knobs.parsed("HOST", "an IP address", IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        let port = knobs.parsed("PORT", "a port from 0 (any free one) to 65535", 8080)?;
        let exit_after = knobs.duration("TESTBED_EXIT_AFTER")?;
        let exit_code: Option<u8> =
            knobs.optional("TESTBED_EXIT_CODE", "a number from 0 to 255")?;
        Ok(Self {
            version: knobs.text("VERSION", "dev"),
            instance: knobs.text("HOSTNAME", "unknown"),
            address: SocketAddr::new(host, port),
            boot_delay: knobs.duration("TESTBED_BOOT_DELAY")?.unwrap_or_default(),
            ready_delay: knobs.duration("TESTBED_READY_DELAY")?.unwrap_or_default(),
            drain: knobs.duration("TESTBED_DRAIN")?.unwrap_or_default(),
            deaf: knobs.parsed("TESTBED_DEAF", "true or false", false)?,
            ignore_sigterm: knobs.parsed("TESTBED_IGNORE_SIGTERM", "true or false", false)?,
            exit: Exit::of(exit_code, exit_after),
            error_rate: knobs.parsed(
                "TESTBED_ERROR_RATE",
                "a share from 0 to 1, such as 0.25",
                ErrorRate::NONE,
            )?,
            latency: knobs.duration("TESTBED_LATENCY")?.unwrap_or_default(),
            unhealthy_after: knobs.duration("TESTBED_UNHEALTHY_AFTER")?,
        })
    }

    /// The address under which the process reaches itself.
    pub(crate) fn own_address(&self) -> SocketAddr {
        reachable(self.address)
    }
}

/// The loopback address for "all addresses", which can be listened on but not connected to.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Knobs<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Knobs<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    fn optional<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        self.get(name)
            .map(|value| value.parse().map_err(|_| ConfigError { name, value, expected }))
            .transpose()
    }

    fn parsed<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
        default: T,
    ) -> Result<T, ConfigError> {
        Ok(self.optional(name, expected)?.unwrap_or(default))
    }

    fn duration(&self, name: &'static str) -> Result<Option<Duration>, ConfigError> {
        const EXPECTED: &str =
            "a whole number with its unit, such as 250ms, 2s or 1m, at most a day";
        self.get(name)
            .map(|value| duration(&value).ok_or(ConfigError { name, value, expected: EXPECTED }))
            .transpose()
    }
}

/// `250ms`, `2s`, `1m`. A bare number is refused: it reads as seconds to one and as milliseconds
/// to another. More than a day is refused as well, so that no sum of times can overflow.
fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    (duration <= DAY).then_some(duration)
}
