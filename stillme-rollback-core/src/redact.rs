//! Secrets by type: what must not be shown has no way to be shown.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::fingerprint::hex;

/// A value that must never reach a log, an event, the journal, an error or a report.
///
/// It has no `Debug`, no `Display` and no `Serialize`: a struct that holds one can't derive them
/// either, so a leak is a compile error. [`expose`](Self::expose) is the one way to the value, and
/// easy to find in a review.
///
/// ```compile_fail
/// let token = stillme_rollback_core::Secret::new("t0p");
/// println!("{token:?}");
/// ```
///
/// ```compile_fail
/// let token = stillme_rollback_core::Secret::new("t0p");
/// serde_json::to_string(&token);
/// ```
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "the purpose of the type")]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

/// A key that makes short hashes of values useless to who does not have it: without one, a hash of
/// `password1` is found by trying passwords.
#[derive(Clone)]
pub struct HashKey(Secret<[u8; 32]>);

impl HashKey {
    /// A new random key.
    ///
    /// # Errors
    /// `Unavailable` if the operating system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0u8; 32];
        crate::random::fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }

    /// A key from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The bytes, for the one file that keeps them.
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// Eight hexadecimal digits that tell two values apart and say nothing of either.
    pub fn short_hash(&self, value: &str) -> String {
        hex(&self.digest(value.as_bytes())[..4])
    }

    /// The whole keyed hash, for comparing what must not be stored.
    pub fn long_hash(&self, value: &[u8]) -> String {
        hex(&self.digest(value))
    }

    fn digest(&self, value: &[u8]) -> [u8; 32] {
        // HMAC-like: the key goes in before and after, so that no hash can be extended.
        Sha256::new()
            .chain_update(self.0.expose())
            .chain_update(value)
            .chain_update(self.0.expose())
            .finalize()
            .into()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_depend_on_key_and_value() {
        let (one, two) = (HashKey::from_bytes([1; 32]), HashKey::from_bytes([2; 32]));
        assert_eq!(one.short_hash("a"), one.short_hash("a"));
        assert_ne!(one.short_hash("a"), one.short_hash("b"));
        assert_ne!(one.short_hash("a"), two.short_hash("a"));
        assert_eq!(one.short_hash("a").len(), 8);
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", HashKey::from_bytes([7; 32])), "HashKey(..)");
    }
}
