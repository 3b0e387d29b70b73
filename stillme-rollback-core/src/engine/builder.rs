//! How an engine is put together.

use std::sync::Arc;

use super::Engine;
use super::options::Options;
use super::parts::Parts;
use crate::clock::{Clock, SystemClock};
use crate::event::Announcer;
use crate::executor::Executor;
use crate::journal::Journal;
use crate::lease::Lease;
use crate::observer::Observer;
use crate::verifier::Verifier;

/// Puts an [`Engine`] together: [`Engine::builder`].
#[derive(Debug)]
pub struct EngineBuilder {
    executor: Arc<dyn Executor>,
    verifier: Arc<dyn Verifier>,
    journal: Arc<dyn Journal>,
    lease: Arc<dyn Lease>,
    clock: Arc<dyn Clock>,
    observers: Vec<Arc<dyn Observer>>,
    options: Options,
    host: String,
}

impl EngineBuilder {
    pub(super) fn new(
        executor: Arc<dyn Executor>,
        verifier: Arc<dyn Verifier>,
        journal: Arc<dyn Journal>,
        lease: Arc<dyn Lease>,
    ) -> Self {
        Self {
            executor,
            verifier,
            journal,
            lease,
            clock: Arc::new(SystemClock::new()),
            observers: Vec::new(),
            options: Options::default(),
            host: host_name(),
        }
    }

    /// One more observer. It can't slow, fail or end a run.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Other settings than the default ones.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The engine.
    pub fn build(self) -> Engine {
        Engine {
            parts: Arc::new(Parts {
                executor: self.executor,
                verifier: self.verifier,
                journal: self.journal,
                lease: self.lease,
                clock: self.clock,
                announcer: Announcer::new(self.observers),
                options: Arc::new(self.options),
                host: self.host,
            }),
        }
    }
}

/// The machine's name, for the refusal that the next run reads.
fn host_name() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_string_lossy().into_owned()
}
