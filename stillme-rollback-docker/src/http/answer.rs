//! An answer that is no failure.

use std::fmt;

use hyper::StatusCode;
use serde::de::DeserializeOwned;
use stillme_rollback_core::Result;

use super::call::Call;
use super::failure;

/// An answer below 400. Its body may hold secrets: it has no `Debug`.
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the engine says that it was so already (304).
    pub fn is_unchanged(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `Corrupt` if it is something else, `InDoubt` if the call changes something.
    pub fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| failure::no_json(call, &error))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}
