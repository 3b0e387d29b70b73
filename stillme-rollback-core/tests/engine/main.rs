//! The engine with its loop, on the in-memory platform: what unit tables can't show.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bystanders;
mod ends;
mod hooks;
mod interruptions;
mod others;
mod support;
