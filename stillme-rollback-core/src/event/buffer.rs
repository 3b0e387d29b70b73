//! Events to be pulled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Event;
use super::tiers::Tiers;
use crate::observer::Observer;

/// Where a reader of an [`EventBuffer`] stands. The default is the beginning.
///
/// Only good for the buffer that gave it; it can travel (as a number) to a remote reader and back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cursor(u64);

/// What is new for a reader.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct News {
    /// The events since the cursor that are still there, oldest first.
    pub events: Vec<Arc<Event>>,
    /// Where to go on.
    pub cursor: Cursor,
    /// How many events since the cursor are gone.
    pub missed: u64,
    /// Whether no further event will come.
    pub closed: bool,
}

/// Keeps the latest events for readers that come and go.
///
/// A clone is another handle on the same buffer. Reading takes nothing away: any number of readers
/// hold a [`Cursor`] each, and a reader that stops changes nothing for the run or for the others.
///
/// # Loss
/// At most `capacity` events are kept. For one more, the oldest of low priority goes; without one,
/// the oldest that neither opens nor closes a run; last of all those. A reader is told how many it
/// [`missed`](News::missed). With the default capacity a run of a few dozen steps loses nothing but
/// waits and repeated attempts. The journal loses nothing: who needs all reads that.
///
/// ```
/// use std::time::SystemTime;
/// use stillme_rollback_core::RunId;
/// use stillme_rollback_core::event::{Cursor, Event, EventBuffer, EventKind};
///
/// let run = RunId::from_parts(SystemTime::UNIX_EPOCH, 7);
/// let buffer = EventBuffer::default();
/// buffer.push(Event::new(run, 0, EventKind::TurnedBack { reason: "timeout".into() }));
///
/// let news = buffer.since(Cursor::default());
/// assert_eq!((news.events.len(), news.missed), (1, 0));
/// assert!(buffer.since(news.cursor).events.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct EventBuffer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug)]
struct State {
    kept: Tiers,
    closed: bool,
}

impl EventBuffer {
    /// The number of events that a buffer keeps by default.
    pub const CAPACITY: usize = 1024;

    /// An empty buffer for this many events, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State { kept: Tiers::new(capacity), closed: false }),
                news: Notify::new(),
            }),
        }
    }

    /// Takes one more event. Never blocks for longer than a reader copies pointers, never fails.
    pub fn push(&self, event: impl Into<Arc<Event>>) {
        let evicted = self.lock().kept.push(event.into());
        drop(evicted);
        self.shared.news.notify_waiters();
    }

    /// What happened since the cursor, at once.
    pub fn since(&self, cursor: Cursor) -> News {
        let state = self.lock();
        let events = state.kept.since(cursor.0);
        let pushed = state.kept.pushed();
        News {
            missed: pushed.saturating_sub(cursor.0).saturating_sub(events.len() as u64),
            cursor: Cursor(pushed),
            closed: state.closed,
            events,
        }
    }

    /// What happened since the cursor, as soon as something did or the buffer is closed.
    ///
    /// Dropping the future loses nothing: the cursor is the reader's.
    ///
    /// ```
    /// use stillme_rollback_core::event::{Cursor, EventBuffer};
    ///
    /// /// Shows a run until it ends or pauses.
    /// async fn follow(buffer: EventBuffer) {
    ///     let mut cursor = Cursor::default();
    ///     loop {
    ///         let news = buffer.news(cursor).await;
    ///         for event in &news.events {
    ///             println!("{}", event.kind);
    ///         }
    ///         if news.closed {
    ///             return;
    ///         }
    ///         cursor = news.cursor;
    ///     }
    /// }
    /// ```
    pub async fn news(&self, cursor: Cursor) -> News {
        loop {
            let pushed = self.shared.news.notified();
            tokio::pin!(pushed);
            // From here on no push is missed, so the look comes after it.
            pushed.as_mut().enable();
            let news = self.since(cursor);
            if news.closed || news.missed > 0 || !news.events.is_empty() {
                return news;
            }
            pushed.await;
        }
    }

    /// Tells readers that no further event will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.shared.news.notify_waiters();
    }

    /// A guard that [closes](Self::close) the buffer when it is dropped, so that no reader waits
    /// for a writer that is gone.
    pub fn close_on_drop(&self) -> CloseGuard {
        CloseGuard(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing inside can panic half-way.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EventBuffer {
    fn default() -> Self {
        Self::new(Self::CAPACITY)
    }
}

/// A buffer can observe a whole engine: the events of all its runs, in one order.
impl Observer for EventBuffer {
    fn on_event(&self, event: &Event) {
        self.push(event.clone());
    }
}

/// Closes a buffer when it is dropped.
#[derive(Debug)]
pub struct CloseGuard(EventBuffer);

impl Drop for CloseGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests;
