//! The service as its users meet it: a process, a port and signals.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod http;
mod knobs;
mod support;
