//! A port for the service.

use std::net::TcpListener;

use crate::stage::Failure;

/// Below the ephemeral range of every usual system: a client that keeps connecting to a port inside
/// of it, while nobody listens, connects to itself sooner or later.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port on loopback that nobody listens on.
pub(crate) fn free() -> Result<u16, Failure> {
    let start = u16::try_from(std::process::id() % u32::from(COUNT))?;
    (0..COUNT)
        .map(|n| FIRST + (start + n) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| "no port from 20000 to 29999 is free".into())
}
