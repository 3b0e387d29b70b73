//! Random bytes of the operating system.

use std::io::Read as _;

use crate::error::{Error, ErrorKind, Result};

/// Fills `bytes` from `/dev/urandom`.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(bytes)).map_err(
        |error| {
            Error::new(ErrorKind::Unavailable, "read random bytes", "/dev/urandom gives none")
                .with_source(error)
        },
    )
}
