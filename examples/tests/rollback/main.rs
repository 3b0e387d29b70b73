//! The tool `rollback` on a real engine, as an operator or a pipeline runs it.
//!
//! Without an engine these tests are left out: see `STILLME_TEST_DOCKER` in `real`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "test-kill")]
mod behind_proxy;
mod commands;
mod compose;
#[cfg(feature = "test-kill")]
mod compose_kills;
mod emergency;
mod interrupted;
#[cfg(feature = "test-kill")]
mod kills;
mod refused;
mod rollbacks;
mod script;
mod tool;

#[path = "../../../stillme-rollback-docker/tests/support/compose_commands.rs"]
mod compose_commands;
#[cfg(feature = "test-kill")]
#[path = "../../../stillme-rollback-docker/tests/support/kamal.rs"]
mod kamal;
#[path = "../../../stillme-rollback-docker/tests/support/real.rs"]
mod real;
#[cfg(feature = "test-kill")]
#[path = "../../../stillme-rollback-docker/tests/support/router.rs"]
mod router;

/// Straight to the terminal: what a test prints is not shown when it passes.
fn say(line: &str) {
    use std::io::Write as _;
    // Who runs the tests without a terminal does without the line.
    let _ = writeln!(std::io::stderr(), "{line}");
}
