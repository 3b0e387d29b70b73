//! A log that is kept, for tests of what stands in it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that was written to it. A clone is the same log.
///
/// To show that no secret gets into a log, let a subscriber write to it at every level:
/// `tracing_subscriber::fmt().with_writer(move || log.clone())`.
///
/// ```
/// use std::io::Write as _;
/// use stillme_rollback_core::testing::CapturedLog;
///
/// let log = CapturedLog::default();
/// writeln!(log.clone(), "started")?;
/// assert_eq!(log.text(), "started\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// What was written until now. Bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
