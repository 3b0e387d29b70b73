//! An engine behind `ssh`: a real one behind a real sshd on loopback, and bad behaviour from a
//! program that is none.
//!
//! Without an sshd its tests are left out; with `STILLME_TEST_SSH=required` or `CI=true` they fail.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "ssh/fake.rs"]
mod fake;
#[path = "support/real.rs"]
mod real;
#[path = "ssh/script.rs"]
mod script;
#[path = "ssh/served.rs"]
mod served;
#[path = "ssh/server.rs"]
mod server;
