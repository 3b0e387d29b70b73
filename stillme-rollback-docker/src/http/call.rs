//! A request: what it does, and within which limits.

use std::fmt;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;
use stillme_rollback_core::Secret;

/// The cap of an answer that is one object.
pub(crate) const OBJECT_CAP: usize = 4 << 20;
/// The cap of an answer that is a list.
pub(crate) const LIST_CAP: usize = 32 << 20;

/// A request to an engine. Its body may hold secrets: it has no way into a log or an error.
pub struct Call {
    pub(super) operation: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Body>,
    pub(super) mutates: bool,
    pub(super) limit: Option<Duration>,
    pub(super) cap: usize,
    pub(super) subject: Option<(&'static str, String)>,
    /// Values that an answer may cite and no error may.
    pub(super) hidden: Secret<Vec<String>>,
}

pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
}

impl Call {
    /// A request that changes nothing: `GET`. `path` begins with `/` and has no version; put what
    /// comes from outside through percent-encoding.
    pub fn reading(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::GET, path, false)
    }

    /// A request that changes something: `POST`.
    pub fn posting(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::POST, path, true)
    }

    /// A request that puts something in its place: `PUT`.
    pub fn putting(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::PUT, path, true)
    }

    /// A request that removes something: `DELETE`.
    pub fn deleting(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::DELETE, path, true)
    }

    fn new(
        operation: impl Into<String>,
        method: Method,
        path: impl Into<String>,
        mutates: bool,
    ) -> Self {
        Self {
            operation: operation.into(),
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            mutates,
            limit: None,
            cap: OBJECT_CAP,
            subject: None,
            hidden: Secret::default(),
        }
    }

    /// The same call with a parameter behind the `?`.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same call with a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().into_bytes())
    }

    /// The same call with a body of another type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, bytes: Vec<u8>) -> Self {
        self.body = Some(Body { content_type, bytes: bytes.into() });
        self
    }

    /// The same call with a limit of its own for its time.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The same call with another cap for the answer's body, in bytes. 4 MiB unless said otherwise.
    #[must_use]
    pub fn capped(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }

    /// The same call with what its errors shall name: `("container", "web")`.
    #[must_use]
    pub fn about(mut self, what: &'static str, which: impl Into<String>) -> Self {
        self.subject = Some((what, which.into()));
        self
    }

    /// The same call with values that no error may show, even if the engine cites them.
    #[must_use]
    pub(crate) fn hiding(mut self, values: Secret<Vec<String>>) -> Self {
        self.hidden = values;
        self
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {})", self.method, self.path)
    }
}

/// A piece of a path, escaped so that it stays one piece.
pub(crate) fn segment(text: &str) -> String {
    escape(text, b"-._~")
}

/// An image's name in a path: the engine wants its `/` and `:` as they are.
pub(crate) fn image_path(text: &str) -> String {
    escape(text, b"-._~/:@+")
}

/// A value behind the `?`.
pub(super) fn parameter(text: &str) -> String {
    escape(text, b"-._~")
}

fn escape(text: &str, also: &[u8]) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one_segment() {
        for (text, escaped) in [
            ("web-1_a.b", "web-1_a.b"),
            ("a/b", "a%2Fb"),
            ("a?x=1&y#z", "a%3Fx%3D1%26y%23z"),
            ("a b%", "a%20b%25"),
            ("é\r\n", "%C3%A9%0D%0A"),
        ] {
            assert_eq!(segment(text), escaped);
        }
        assert_eq!(image_path("r:5000/a/b:v1+x"), "r:5000/a/b:v1+x");
        assert_eq!(image_path("a?b"), "a%3Fb");
    }

    #[test]
    fn a_call_does_not_show_its_body() {
        let call = Call::posting("create", "/containers/create")
            .json(&serde_json::json!({"Env": ["TOKEN=canary"]}));
        assert_eq!(format!("{call:?}"), "Call(POST /containers/create)");
    }
}
