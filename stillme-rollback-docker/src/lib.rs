//! Docker.

pub mod recreate;
