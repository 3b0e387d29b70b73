//! What an engine is made of.

use std::fmt;
use std::sync::Arc;

use super::options::Options;
use crate::clock::Clock;
use crate::event::Announcer;
use crate::executor::Executor;
use crate::journal::Journal;
use crate::lease::Lease;
use crate::verifier::Verifier;

/// Everything that runs share.
pub(super) struct Parts {
    pub(super) executor: Arc<dyn Executor>,
    pub(super) verifier: Arc<dyn Verifier>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) lease: Arc<dyn Lease>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) announcer: Announcer,
    pub(super) options: Arc<Options>,
    pub(super) host: String,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("executor", &self.executor)
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
