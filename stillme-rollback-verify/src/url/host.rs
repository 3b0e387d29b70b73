//! A host: an IP address in its one clear form, or a name of plain ASCII labels.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::InvalidUrl;

/// A host of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name, in lower case.
    Name(String),
}

impl Host {
    /// Reads a host as it stands in a URL: `localhost`, `10.0.0.7`, `[::1]`.
    ///
    /// # Errors
    /// The reason, for everything that is not clearly one host.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        super::check_characters(text).map_err(|invalid| match invalid {
            InvalidUrl::Empty => InvalidUrl::NoHost,
            other => other,
        })?;
        if text.contains('@') {
            return Err(InvalidUrl::UserInfo);
        }
        if text.contains('%') {
            return Err(InvalidUrl::EncodedHost);
        }
        if text.contains(['[', ']', ':']) {
            return bracketed(text);
        }
        if ends_in_a_number(text) {
            // The standard library takes only four decimal numbers without leading zeros.
            return match text.parse::<Ipv4Addr>() {
                Ok(ip) => Ok(Self::Ip(ip.into())),
                Err(_) => Err(InvalidUrl::AmbiguousIp),
            };
        }
        if text.len() > 253 || !text.split('.').all(is_label) {
            return Err(InvalidUrl::HostName);
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn bracketed(text: &str) -> Result<Host, InvalidUrl> {
    text.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|inner| inner.parse::<Ipv6Addr>().ok())
        .map(|ip| Host::Ip(ip.into()))
        .ok_or(InvalidUrl::Ipv6)
}

/// Whether the URL standard takes a name for an IPv4 address: its last label is a number, also an
/// octal or hexadecimal one, with or without a dot at its end.
fn ends_in_a_number(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let last = text.rsplit('.').next().unwrap_or(text);
    if last.is_empty() {
        return false;
    }
    let hexadecimal = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|b| b.is_ascii_digit())
}

fn is_label(label: &str) -> bool {
    // An underscore is no letter of host names, but container and service names hold it.
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
