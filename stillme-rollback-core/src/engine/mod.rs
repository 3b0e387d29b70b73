//! The engine: runs a plan, undoes it when it fails, resumes it when it was killed.

mod machine;
mod options;
mod ruling;

pub use self::machine::{Call, Command, Input, Machine, Now, WaitReason, Wish};
pub use self::options::Options;
pub use self::ruling::CallError;
