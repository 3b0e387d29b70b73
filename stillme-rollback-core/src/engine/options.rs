//! How patient the engine is.

use std::time::Duration;

/// The engine's settings. Each has a derived default; tests set shorter ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Attempts at doing a step. Five with a doubling wait from 200 ms ride out about 6 s of an
    /// engine that restarts (measured for `dockerd`: 0.3 s), and end well within a step's deadline.
    pub attempts: u32,
    /// Attempts at taking a step back. More, because the only thing after them is a person.
    pub undo_attempts: u32,
    /// Reads in a row that may fail before the attempt counts as failed.
    pub reads: u32,
    /// The first wait between attempts; each further one is twice as long, up to 5 s.
    pub backoff: Duration,
    /// How long after the last request in doubt its effect is waited for. A client gives a call up
    /// after its own time limit; a server that lost its client finishes what it does (measured on
    /// Docker: 20 of 20 creates and starts, and a stop after its 3 s). Ten seconds cover a stop with
    /// the usual grace period.
    pub settle: Duration,
    /// How long collecting evidence may delay the way back.
    pub evidence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attempts: 5,
            undo_attempts: 8,
            reads: 10,
            backoff: Duration::from_millis(200),
            settle: Duration::from_secs(10),
            evidence: Duration::from_secs(3),
        }
    }
}

impl Options {
    /// The wait after this many attempts.
    pub(super) fn wait_after(&self, attempts: u32) -> Duration {
        let doubled = self.backoff.saturating_mul(1 << attempts.saturating_sub(1).min(16));
        doubled.min(Duration::from_secs(5))
    }
}
