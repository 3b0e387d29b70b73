//! Hashes: of a plan for approval, of a value for comparison without showing it.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::printable::Printable;

/// A SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of something's canonical JSON: keys sorted, no white space.
    pub fn of(value: &impl Serialize) -> Self {
        // Only maps with keys that are no strings, and writers that fail, make serde_json fail;
        // such a value has the fingerprint of `null`, which no plan has.
        let value = serde_json::to_value(value).unwrap_or(serde_json::Value::Null);
        let mut text = String::new();
        write_canonical(&value, &mut text);
        Self::of_bytes(text.as_bytes())
    }

    /// The fingerprint of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Canonical by our own hand: whether `serde_json` sorts keys depends on a feature that any crate
/// in a build can switch.
fn write_canonical(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        serde_json::Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            "read fingerprint",
            format!("`{}` is not 64 lower-case hexadecimal digits", Printable(text)),
        )
        .with_hint("copy it from the plan (`--plan` shows it)"))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#).unwrap();
        let two: serde_json::Value =
            serde_json::from_str(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#).unwrap();
        assert_eq!(Fingerprint::of(&one), Fingerprint::of(&two));
        // The reference is `printf '{"a":1,"b":{"c":[1,2],"d":null}}' | sha256sum`.
        assert_eq!(
            Fingerprint::of(&one),
            Fingerprint::of_bytes(br#"{"a":1,"b":{"c":[1,2],"d":null}}"#)
        );
    }

    #[test]
    fn every_value_matters() {
        let one = serde_json::json!({"a": [1, 2]});
        for other in
            [serde_json::json!({"a": [2, 1]}), serde_json::json!({"a": "1"}), serde_json::json!({})]
        {
            assert_ne!(Fingerprint::of(&one), Fingerprint::of(&other));
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for bad in ["", "abc", &"A".repeat(64), &"0".repeat(65)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
