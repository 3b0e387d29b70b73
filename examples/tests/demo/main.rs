//! The demo as a process: its story to the end, and its end by a signal, on each platform.
//!
//! Without an engine the tests on Docker are left out: see `STILLME_TEST_DOCKER` in `real`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod docker;
mod local;
mod play;

#[path = "../../../stillme-rollback-docker/tests/support/real.rs"]
mod real;
