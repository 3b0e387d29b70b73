//! Hands events to observers, and keeps the observers off the run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::tiers::Tiers;
use super::{Event, EventKind};
use crate::observer::Observer;

/// A day: far beyond any process that waits to exit, and far from the end of the clock.
const LONGEST_FLUSH: Duration = Duration::from_secs(24 * 60 * 60);

/// Hands events to observers without ever waiting for one.
///
/// A clone is another handle on the same observers; an engine has one and all its runs share it.
/// Each observer has one thread, from its first event on, and a bounded queue: ten thousand runs
/// make no further threads, and without observers there are none.
///
/// - A **slow** observer loses events, those of low priority first and those that open or close a
///   run last; it is told how many by [`EventKind::Dropped`].
/// - A **panic** in an observer loses that observer the event. The next one is handed to it as if
///   nothing had been. (The process's panic hook hears of it as of any panic, and a binary built with
///   `panic = "abort"` has no such protection.)
/// - An observer that **never comes back** keeps its own thread and nothing else.
///
/// When the last handle goes, each thread hands over what is queued and ends. A process that is
/// about to exit calls [`flush`](Self::flush) first.
#[derive(Clone, Debug, Default)]
pub struct Announcer {
    outlets: Arc<[Outlet]>,
}

impl Announcer {
    /// The number of events that wait for an observer by default.
    pub const CAPACITY: usize = 8192;

    /// An announcer to these observers.
    pub fn new(observers: impl IntoIterator<Item = Arc<dyn Observer>>) -> Self {
        Self::with_capacity(observers, Self::CAPACITY)
    }

    /// An announcer to these observers, for each of which at most this many events wait.
    pub fn with_capacity(
        observers: impl IntoIterator<Item = Arc<dyn Observer>>,
        capacity: usize,
    ) -> Self {
        Self {
            outlets: observers
                .into_iter()
                .map(|observer| Outlet::new(observer, capacity))
                .collect(),
        }
    }

    /// Hands an event to every observer's queue. Waits for no observer, and can't fail.
    pub fn publish(&self, event: impl Into<Arc<Event>>) {
        if self.outlets.is_empty() {
            return;
        }
        let event = event.into();
        for outlet in self.outlets.iter() {
            outlet.offer(Arc::clone(&event));
        }
    }

    /// Waits until every observer has been told what was published before this call, or until
    /// `limit` is over. Says whether they have.
    ///
    /// Blocks the calling thread: for the end of a process.
    pub fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit.min(LONGEST_FLUSH);
        self.outlets.iter().all(|outlet| outlet.flush(until))
    }
}

/// One observer with its queue.
#[derive(Debug)]
struct Outlet {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
    /// Something was queued, or the outlet was closed.
    queued: Condvar,
    /// The observer came back.
    told: Condvar,
}

#[derive(Debug)]
struct State {
    waiting: Tiers,
    /// How many were dropped since the observer was last told so, and the last of them.
    lost: Option<(u64, Arc<Event>)>,
    /// Every event with a ticket below this was told or dropped.
    told_below: u64,
    has_thread: bool,
    closed: bool,
}

impl Outlet {
    fn new(observer: Arc<dyn Observer>, capacity: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                observer,
                state: Mutex::new(State {
                    waiting: Tiers::new(capacity),
                    lost: None,
                    told_below: 0,
                    has_thread: false,
                    closed: false,
                }),
                queued: Condvar::new(),
                told: Condvar::new(),
            }),
        }
    }

    fn offer(&self, event: Arc<Event>) {
        let mut state = self.shared.lock();
        if let Some(evicted) = state.waiting.push(event) {
            let before = state.lost.take().map_or(0, |(count, _)| count);
            state.lost = Some((before + 1, evicted));
        }
        if !state.has_thread {
            let shared = Arc::clone(&self.shared);
            // Without a thread (the system has none to give) the events wait for the next try.
            state.has_thread = thread::Builder::new()
                .name(String::from("rollback-observer"))
                .spawn(move || shared.serve())
                .is_ok();
        }
        drop(state);
        self.shared.queued.notify_one();
    }

    fn flush(&self, until: Instant) -> bool {
        let mut state = self.shared.lock();
        let goal = state.waiting.pushed();
        while state.told_below < goal {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .shared
                .told
                .wait_timeout(state, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
        true
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.queued.notify_one();
    }
}

impl Shared {
    /// The thread of an observer.
    fn serve(&self) {
        let mut state = self.lock();
        let mut panics = 0u64;
        loop {
            let Some((event, told_below)) = state.next() else {
                // All that is left of what was pushed was dropped, and that was told.
                state.told_below = state.waiting.pushed();
                self.told.notify_all();
                if state.closed {
                    return;
                }
                state = self.queued.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.observer.on_event(&event))) {
                // Dropping what was thrown runs code of the observer again.
                std::mem::forget(panic);
                panics += 1;
                if panics == 1 {
                    tracing::warn!(run = %event.run, "an observer of events panicked; the run goes on");
                }
            }
            drop(event);
            state = self.lock();
            state.told_below = told_below;
            self.told.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of an observer runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the observer is told next, and what `told_below` is after that.
    fn next(&mut self) -> Option<(Arc<Event>, u64)> {
        if let Some((count, last)) = self.lost.take() {
            let notice = Event { record: None, kind: EventKind::Dropped { count }, ..*last };
            return Some((Arc::new(notice), self.told_below));
        }
        let (ticket, event) = self.waiting.pop()?;
        Some((event, ticket + 1))
    }
}

#[cfg(test)]
mod tests;
