//! The calls on a real engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/real.rs"]
mod real;

mod containers;
mod health;
mod images;
mod left_over;
mod reach;
mod versions;
