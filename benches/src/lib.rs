//! What the figures and the benches are taken on: models of platforms, plans, records.

pub mod docker;
pub mod memory;
pub mod records;

/// What went wrong with a figure.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A figure, or why it could not be taken.
pub type Result<T> = std::result::Result<T, Error>;
