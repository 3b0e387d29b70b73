//! Ctrl-C and its relatives while a run works.

use stillme_rollback_core::{Error, ErrorKind, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a run hears, from the moment when this is made.
///
/// A terminal that goes away (SIGHUP) does not stop a run: a lost connection in the middle of a switch
/// must not leave the service down. The run goes on to its end, which its journal keeps.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// To stop.
    Stop,
    /// Nothing, but nobody watches any more.
    HungUp,
}

impl Signals {
    /// Takes the signals over.
    pub(crate) fn take_over() -> Result<Self> {
        let hear = |kind| {
            signal(kind).map_err(|error| {
                Error::new(ErrorKind::Unexpected, "listen for Ctrl-C", "the system refuses it")
                    .with_source(error)
            })
        };
        Ok(Self {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
            hang_up: hear(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::HungUp,
        }
    }
}
