//! Suites that tell whether an implementation keeps its trait's contract.
//!
//! Each one panics with what was expected and what was seen, so call it from a test.

mod executor;
mod journal;
mod lease;
pub(crate) mod sample;
mod strategy;
mod verifier;

pub use self::executor::{ExecutorCase, check_executor};
pub use self::journal::{check_journal, check_journal_processes};
pub use self::lease::check_lease;
pub use self::strategy::check_strategy;
pub use self::verifier::{VerifierCase, check_verifier};
