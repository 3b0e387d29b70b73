//! A run that was started.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::event::EventBuffer;
use crate::id::RunId;
use crate::report::Report;

/// A run under way. **Dropping it does not stop the run**: a rollback must not depend on who watches.
#[derive(Debug)]
pub struct RunHandle {
    pub(super) id: RunId,
    pub(super) cancel: CancellationToken,
    pub(super) buffer: EventBuffer,
    pub(super) outcome: oneshot::Receiver<Result<Report>>,
}

impl RunHandle {
    /// The run's identity.
    pub const fn id(&self) -> RunId {
        self.id
    }

    /// Asks the run to pause at the next step boundary at which the target serves. It never stops
    /// in the middle of a switch, and not on its way back.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// What cancels the run, to keep elsewhere.
    pub fn canceller(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// The run's events, to pull with a cursor.
    pub fn events(&self) -> EventBuffer {
        self.buffer.clone()
    }

    /// Waits for the end and gives the report.
    ///
    /// # Errors
    /// When the run had to stop where it is (journal or lease lost): it can be resumed.
    pub async fn wait(self) -> Result<Report> {
        let id = self.id;
        self.outcome.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Unexpected,
                "wait for run",
                "the runtime went away before the end",
            )
            .with_context("run", id.to_string())
            .with_hint(format!("`rollback resume {id}` goes on with it")))
        })
    }
}
