//! Rollbacks that move requests between Deployments that run side by side: blue-green, and a canary beside a stable
//! one.
//!
//! No template is written. What serves is decided by how many pods each Deployment has and by what a Service selects,
//! so the way back is short: what is left behind keeps running until the verdict, and one call puts it back.

mod blue_green;
mod canary;
mod executor;
mod found;
mod look;
mod order;
mod steps;
mod verifier;

pub use self::blue_green::BlueGreen;
pub use self::canary::Canary;
pub use self::executor::TrafficExecutor;
pub use self::verifier::TrafficVerifier;
