//! A host and a port: what a TCP check connects to.

use std::fmt;
use std::str::FromStr;

use super::{Host, InvalidUrl, check_characters};

/// A host with a port: `localhost:5432`, `[::1]:5432`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Host,
    port: u16,
}

impl Endpoint {
    /// Reads `HOST:PORT`.
    ///
    /// # Errors
    /// The reason, for everything else.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        check_characters(text)?;
        let (host, port) = split(text)?;
        let port = port.ok_or(InvalidUrl::Port)?;
        Ok(Self { host, port })
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Splits `HOST[:PORT]`.
pub(super) fn split(text: &str) -> Result<(Host, Option<u16>), InvalidUrl> {
    if text.contains('@') {
        return Err(InvalidUrl::UserInfo);
    }
    // The port's colon is the one after an IPv6 address's bracket, or the only one.
    let from = text.rfind(']').unwrap_or(0);
    let (host, port) = match text[from..].find(':') {
        Some(colon) => (&text[..from + colon], Some(&text[from + colon + 1..])),
        None => (text, None),
    };
    if port.is_some_and(|port| port.contains(':')) && !host.contains('[') {
        return Err(InvalidUrl::Ipv6);
    }
    let host = Host::parse(host)?;
    let port = port.map(number).transpose()?;
    Ok((host, port))
}

fn number(text: &str) -> Result<u16, InvalidUrl> {
    // `parse` alone would take a plus sign.
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(InvalidUrl::Port),
    }
}
