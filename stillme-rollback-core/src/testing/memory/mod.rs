//! A platform in memory: instances of a service, one of which has the service's name.

mod executor;
mod platform;
mod replace;
mod scene;
mod verifier;

use std::sync::Arc;

pub use self::executor::MemoryExecutor;
pub use self::platform::{Instance, InstanceState, MemoryCall, MemoryPlatform, MemoryReply};
pub use self::replace::Replace;
pub use self::verifier::MemoryVerifier;
use super::simulated::Simulated;
use crate::executor::Executor;
use crate::verifier::Verifier;

/// Everything that a test needs around a platform, in one call.
impl Simulated<MemoryPlatform> {
    /// The platform's executor.
    pub fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(MemoryExecutor::new(self.clone()))
    }

    /// The platform's verifier.
    pub fn verifier(&self) -> Arc<dyn Verifier> {
        Arc::new(MemoryVerifier::new(self.clone()))
    }
}
