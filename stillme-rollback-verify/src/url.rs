//! The address of a health check as text: what an operator typed, read strictly.
//!
//! Two programs that read one URL differently are the root of most tricks with URLs. So there is no
//! guessing here: a form that another parser could read differently is refused.

use stillme_rollback_core::{Error, ErrorKind};

mod endpoint;
mod health;
mod host;

pub use self::endpoint::Endpoint;
pub use self::health::{HealthUrl, Scheme};
pub use self::host::Host;

/// Why an address is refused. The text never repeats the input, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It is longer than any honest address.
    #[error("it has {0} bytes, more than {max}", max = MAX_LENGTH)]
    TooLong(usize),
    /// A space, a control character, a backslash or something else that no URL holds as it is.
    #[error("character {0} can't stand in a URL as it is; write it percent-encoded")]
    Character(usize),
    /// A character outside ASCII, which may look like another one.
    #[error(
        "character {0} is outside ASCII; write a host in its xn-- form and anything else percent-encoded"
    )]
    NotAscii(usize),
    /// A `%` without two hexadecimal digits.
    #[error("character {0} is a % that encodes nothing; write %25")]
    Escape(usize),
    /// It does not begin with `http://` or `https://`.
    #[error("it has to begin with http:// or https://")]
    Scheme,
    /// It holds a user name or a password.
    #[error("it holds a user name or password (a @ before the path)")]
    UserInfo,
    /// It holds a fragment, which no server ever sees.
    #[error(
        "it holds a fragment (a #), which is never sent; write %23 if the # is part of a value"
    )]
    Fragment,
    /// It has no host.
    #[error("it names no host")]
    NoHost,
    /// The host is percent-encoded.
    #[error("its host is percent-encoded; write it plainly")]
    EncodedHost,
    /// A label of the host's name is empty, too long, or holds something odd.
    #[error("its host is no name: labels are 1 to 63 of a-z, 0-9, - and _, 253 characters in all")]
    HostName,
    /// A number that different programs read as different IPv4 addresses.
    #[error(
        "its host is a number that programs read differently (octal, hexadecimal, short); write four decimal numbers"
    )]
    AmbiguousIp,
    /// Brackets without an IPv6 address, or an IPv6 address without brackets.
    #[error("its host is no IPv6 address in brackets, as in [::1]")]
    Ipv6,
    /// The port is missing after its colon, no number, 0, or above 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// It reads well here, but not for the URL standard's own algorithm.
    #[error("the URL standard reads it differently than it looks")]
    Disputed,
}

/// The longest address that is read, in bytes.
pub(crate) const MAX_LENGTH: usize = 2048;

impl From<InvalidUrl> for Error {
    fn from(invalid: InvalidUrl) -> Self {
        Self::new(ErrorKind::InvalidInput, "read health address", invalid.to_string())
            .with_hint("nothing was touched; give an address such as http://127.0.0.1:8080/healthz")
    }
}

/// Refuses what no address may hold: so that nothing later has to think of it.
fn check_characters(text: &str) -> Result<(), InvalidUrl> {
    if text.is_empty() {
        return Err(InvalidUrl::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(InvalidUrl::TooLong(text.len()));
    }
    for (index, c) in text.chars().enumerate() {
        if !c.is_ascii() {
            return Err(InvalidUrl::NotAscii(index + 1));
        }
        let odd = matches!(c, '\\' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}');
        if odd || !c.is_ascii_graphic() {
            return Err(InvalidUrl::Character(index + 1));
        }
    }
    let bytes = text.as_bytes();
    for (index, _) in text.match_indices('%') {
        let digits = bytes.get(index + 1..index + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(InvalidUrl::Escape(index + 1));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
