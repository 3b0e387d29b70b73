//! The checks against real servers on loopback, good ones and hostile ones.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod addresses;
mod canary;
mod conformance;
mod hostile_urls;
mod http;
mod run;
mod server;
mod tcp;
#[cfg(feature = "rustls")]
mod tls;
