//! Who is told what happens.

use std::fmt;

use crate::event::Event;

/// Is told of a run's events.
///
/// # Contract
/// Nothing that an observer does can slow, fail or end a run: the engine hands events over through a
/// bounded queue, drops what does not fit (and counts it), and survives a panic. An observer that
/// must see everything reads the journal, or pulls from the run's
/// [buffer](crate::event::EventBuffer) with a cursor.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event);
}
