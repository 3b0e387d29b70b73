//! mockall mocks of every trait. **Exempt from semver**: they change whenever mockall or a trait does.
//!
//! Prefer the fakes of [`testing`](crate::testing): a mock proves that your code makes the calls that
//! you thought of, a fake that it works. What to know before you use one:
//!
//! - These mocks are behind the feature `mock` because `#[cfg(test)]` items of a crate are invisible
//!   to other crates: put the feature into your `[dev-dependencies]`.
//! - An expectation for an async method returns the plain value (`returning(|_| Ok(..))`), not a
//!   boxed future: `automock` stands above `async_trait` here.
//! - A call without an expectation panics. In a task that nobody awaits that panic is swallowed and
//!   your test passes: await what you spawn. The engine turns such a panic into a failed step, so
//!   look at the report's end state.
//! - The traits have no default methods, so every method that is called needs an expectation.
//! - Expectations on `&str` and `&Step` arguments are easiest with `withf`.
//!
//! ```
//! use stillme_rollback_core::mock::MockVerifier;
//! use stillme_rollback_core::{Check, Outcome, Verdict, Verifier as _};
//!
//! let mut verifier = MockVerifier::new();
//! verifier
//!     .expect_verify()
//!     .returning(|_, _| Ok(Verdict::of(vec![Check::new("mock", Outcome::Pass, "said so")])));
//! # let _ = verifier;
//! ```

pub use crate::clock::MockClock;
pub use crate::executor::MockExecutor;
pub use crate::journal::MockJournal;
pub use crate::lease::{MockHeld, MockLease};
pub use crate::observer::MockObserver;
pub use crate::reach::{MockDial, MockExec, MockLogSource, MockResourceSource};
pub use crate::strategy::MockStrategy;
pub use crate::verifier::MockVerifier;
