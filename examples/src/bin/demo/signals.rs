//! Ctrl-C and its relatives: the demo ends early, and cleans up all the same.

use std::fmt;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the demo, from the moment when this is made.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

/// The signal that ended it.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    name: &'static str,
    kind: SignalKind,
}

impl Signals {
    /// Takes them over for as long as the process lives: none can cut the cleaning short either,
    /// which has a time limit of its own.
    pub(crate) fn take_over() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the first.
    pub(crate) async fn first(&mut self) -> Ended {
        tokio::select! {
            _ = self.interrupt.recv() => Ended { name: "SIGINT", kind: SignalKind::interrupt() },
            _ = self.terminate.recv() => Ended { name: "SIGTERM", kind: SignalKind::terminate() },
            _ = self.hang_up.recv() => Ended { name: "SIGHUP", kind: SignalKind::hangup() },
        }
    }
}

impl Ended {
    /// What a shell says of a process that a signal ended: 128 and its number.
    pub(crate) fn exit_code(self) -> u8 {
        u8::try_from(128 + self.kind.as_raw_value()).unwrap_or(u8::MAX)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
