//! A bounded queue that knows what to drop first.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Event, EventKind, Priority};

/// Events in the order of their arrival, each with its ticket (its number in that order).
///
/// Kept by importance in three queues, so that making room costs the same however many there are:
/// the oldest of the least important goes.
#[derive(Debug)]
pub(super) struct Tiers {
    tiers: [VecDeque<(u64, Arc<Event>)>; 3],
    pushed: u64,
    capacity: usize,
}

impl Tiers {
    /// An empty queue for at least one event.
    pub(super) fn new(capacity: usize) -> Self {
        Self { tiers: [const { VecDeque::new() }; 3], pushed: 0, capacity: capacity.max(1) }
    }

    /// Takes one more, and gives back the one that had to go for it: maybe the same.
    pub(super) fn push(&mut self, event: Arc<Event>) -> Option<Arc<Event>> {
        self.tiers[tier(&event)].push_back((self.pushed, event));
        self.pushed += 1;
        if self.len() <= self.capacity {
            return None;
        }
        self.tiers.iter_mut().find_map(VecDeque::pop_front).map(|(_, event)| event)
    }

    /// The oldest, with its ticket.
    pub(super) fn pop(&mut self) -> Option<(u64, Arc<Event>)> {
        self.tiers
            .iter_mut()
            .filter(|tier| !tier.is_empty())
            .min_by_key(|tier| tier[0].0)?
            .pop_front()
    }

    /// Those that are still there with this ticket or a later one, oldest first.
    pub(super) fn since(&self, ticket: u64) -> Vec<Arc<Event>> {
        let mut found: Vec<_> = self
            .tiers
            .iter()
            .flat_map(|tier| tier.range(tier.partition_point(|(number, _)| *number < ticket)..))
            .collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, event)| Arc::clone(event)).collect()
    }

    /// How many were ever pushed: the next ticket.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    fn len(&self) -> usize {
        self.tiers.iter().map(VecDeque::len).sum()
    }
}

/// 0 goes first. What opens and closes a run goes last: without them the rest can't be read.
fn tier(event: &Event) -> usize {
    match (&event.kind, event.priority()) {
        (_, Priority::Low) => 0,
        (EventKind::RunStarted(_) | EventKind::Ended { .. } | EventKind::Paused { .. }, _) => 2,
        (_, Priority::High) => 1,
    }
}
