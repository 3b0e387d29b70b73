//! The tool `rollback` on a Kubernetes API server with its controllers, as an operator or a pipeline runs it.
//!
//! Without a cluster these tests are left out: see `cluster`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it leaves out"
)]

#[expect(dead_code, reason = "it has more than these tests use")]
#[path = "../../../stillme-rollback-k8s/tests/support/cluster.rs"]
mod cluster;
mod commands;
#[cfg(feature = "test-kill")]
mod kills;
mod tool;

/// What its control plane has beside Kubernetes.
const CONTROL_PLANE: &[&str] = &["--rollouts"];

/// Straight to the terminal: what a test prints is not shown when it passes.
#[cfg(feature = "test-kill")]
fn say(line: &str) {
    use std::io::Write as _;
    // Who runs the tests without a terminal does without the line.
    let _ = writeln!(std::io::stderr(), "{line}");
}
