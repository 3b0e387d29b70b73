//! Compose services taken back on a real engine, by each generation of the compose command that is
//! here: Debian's 1.29, and a current one stand-alone and as `docker compose`.
//!
//! Without an engine these tests are left out: see `STILLME_TEST_DOCKER` in `real`. A generation that is
//! not here is left out as well, and that is said.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fake;
mod foreign;
mod generation;
mod project;
mod refusals;
mod rollbacks;
mod stickiness;
mod together;
mod world;

#[path = "../support/compose_commands.rs"]
mod compose_commands;
#[path = "../support/overtaking.rs"]
mod overtaking;
#[path = "../support/real.rs"]
mod real;
