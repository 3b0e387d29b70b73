//! What a container runs, what it could go back to, and which of these is meant.
//!
//! Knowledge comes from three places, and each release says from which: containers that runs of this
//! library put aside, records that the caller kept (journals), and images of the same repository.
//! The last say nothing of an order: a tag like `v1.2.3` is a name, not a time.

mod history;
mod wanted;

pub use self::history::{History, history};
pub use self::wanted::{Wanted, resolve};
