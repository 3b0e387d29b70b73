//! The tool `rollback` on a real engine, as an operator or a pipeline runs it.
//!
//! Without an engine these tests are left out: see `STILLME_TEST_DOCKER` in `real`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod commands;
mod interrupted;
mod refused;
mod rollbacks;
mod tool;

#[path = "../../../stillme-rollback-docker/tests/support/real.rs"]
mod real;
