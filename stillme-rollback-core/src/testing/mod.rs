//! The testing kit: an in-memory platform, scripted faults, the crash matrix, conformance suites.
//!
//! Fakes first: they behave, and what you test against them works. [`mock`](crate::mock) is for the
//! calls that a fake can't be made to show.
//!
//! - [`MemoryPlatform`] is a platform with instances that are created, started, stopped, renamed and
//!   removed, and [`MemoryExecutor`] an executor for plans whose actions are its verbs.
//! - [`Simulated`] puts a platform model behind calls that can fail in every way in which a real one
//!   fails ([`Fault`]).
//! - [`CrashMatrix`] takes a plan through every fault at every call and a crash at every boundary.
//! - [`CapturedLog`] keeps what was logged, to look for what must not stand there.

mod captured_log;
pub mod conformance;
mod fault;
mod matrix;
mod memory;
mod planned;
mod simulated;

pub use self::captured_log::CapturedLog;
pub use self::fault::Fault;
pub use self::matrix::{CrashMatrix, MatrixReport, Mutation};
pub use self::memory::{
    Instance, InstanceState, MemoryCall, MemoryExecutor, MemoryPlatform, MemoryReply,
    MemoryVerifier, Replace,
};
pub use self::simulated::{Model, Simulated};
