//! Answers, and the headers that every one of them carries.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

/// On every answer, errors included: a header that is missing on a 500 is missing when it counts.
/// The service speaks plain HTTP; HSTS is for the proxy before it that ends TLS, and browsers
/// ignore it without TLS.
pub(crate) const SECURITY_HEADERS: [(&str, &str); 10] = [
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cache-Control", "no-store, max-age=0"),
];

/// An answer that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    content_type: &'static str,
    body: String,
    allow: Option<&'static str>,
    /// Time to wait before it is sent.
    pub(crate) delay: Duration,
}

impl Response {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", format!("{body}\n"))
    }

    pub(crate) const fn text(status: u16, body: String) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// The text format of Prometheus.
    pub(crate) const fn metrics(body: String) -> Self {
        Self::new(200, "text/plain; version=0.0.4; charset=utf-8", body)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let body = serde_json::json!({"error": "only GET and HEAD are served"});
        Self { allow: Some("GET, HEAD"), ..Self::json(405, &body) }
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    const fn new(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, allow: None, delay: Duration::ZERO }
    }

    /// The bytes to send, as one block: one write is one packet for most answers.
    pub(crate) fn to_bytes(&self, with_body: bool, keep_alive: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut header = |name: &str, value: &str| {
            // Writing to a String can't fail.
            let _ = write!(text, "{name}: {value}\r\n");
        };
        header("Content-Type", self.content_type);
        header("Content-Length", &self.body.len().to_string());
        header("Connection", if keep_alive { "keep-alive" } else { "close" });
        if let Some(methods) = self.allow {
            header("Allow", methods);
        }
        for (name, value) in SECURITY_HEADERS {
            header(name, value);
        }
        text.push_str("\r\n");
        if with_body {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }

    #[cfg(test)]
    pub(crate) fn body(&self) -> &str {
        &self.body
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_carries_length_and_security_headers() {
        for status in [200, 404, 500] {
            let bytes = Response::text(status, "ü\n".into()).to_bytes(true, false);
            let text = String::from_utf8(bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, "ü\n");
            assert!(head.contains("Content-Length: 3\r\n"), "{head}");
            assert!(head.contains("Connection: close\r\n"), "{head}");
            for (name, value) in SECURITY_HEADERS {
                assert!(head.contains(&format!("{name}: {value}")), "{name} in {head}");
            }
        }
    }

    #[test]
    fn an_answer_to_head_has_the_length_but_not_the_body() {
        let text = Response::text(200, "v1\n".into()).to_bytes(false, true);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }
}
