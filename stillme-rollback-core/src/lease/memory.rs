//! A lease in memory, for tests and for runs of one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Held, Holder, Lease};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::target::Target;

/// Leases in memory. Copies share them.
#[derive(Clone, Debug)]
pub struct MemoryLease {
    held: Arc<Mutex<Holders>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Holders {
    by_target: HashMap<Target, (u64, Holder)>,
    given: u64,
}

impl Default for MemoryLease {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLease {
    /// No target is held.
    pub fn new() -> Self {
        Self { held: Arc::default(), clock: Arc::new(SystemClock::new()) }
    }

    /// The same leases with another clock for the age in a refusal.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes a target away from whoever holds it, as a server does whose lease ran out. The holder
    /// finds out when it asks.
    pub fn expire(&self, target: &Target) {
        lock(&self.held).by_target.remove(target);
    }

    /// Who holds a target.
    pub fn holder(&self, target: &Target) -> Option<Holder> {
        let held = lock(&self.held);
        held.by_target.get(target).map(|(_, holder)| holder.clone())
    }
}

/// Nothing here panics while it holds the lock.
fn lock(held: &Mutex<Holders>) -> MutexGuard<'_, Holders> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Lease for MemoryLease {
    async fn acquire(&self, target: &Target, holder: &Holder) -> Result<Box<dyn Held>> {
        let mut held = lock(&self.held);
        if let Some((_, other)) = held.by_target.get(target) {
            return Err(other.refusal(target, self.clock.now()));
        }
        held.given += 1;
        let number = held.given;
        held.by_target.insert(target.clone(), (number, holder.clone()));
        Ok(Box::new(MemoryHeld { held: Arc::clone(&self.held), target: target.clone(), number }))
    }
}

#[derive(Debug)]
struct MemoryHeld {
    held: Arc<Mutex<Holders>>,
    target: Target,
    /// Which of all the times that a target was given this is.
    number: u64,
}

impl MemoryHeld {
    /// Works on our own entry, if it is still ours.
    fn with_ours<T>(&self, work: impl FnOnce(&mut Holders) -> T) -> Option<T> {
        let mut held = lock(&self.held);
        let is_ours =
            held.by_target.get(&self.target).is_some_and(|(number, _)| *number == self.number);
        is_ours.then(|| work(&mut held))
    }
}

#[async_trait]
impl Held for MemoryHeld {
    fn note_step(&self, step: &str) {
        self.with_ours(|held| {
            if let Some((_, holder)) = held.by_target.get_mut(&self.target) {
                holder.step = Some(step.to_owned());
            }
        });
    }

    async fn confirm(&self) -> Result<()> {
        self.with_ours(|_| ()).ok_or_else(|| {
            Error::new(
                ErrorKind::Held,
                "confirm the lease",
                format!("{} is no longer ours", self.target),
            )
        })
    }
}

impl Drop for MemoryHeld {
    fn drop(&mut self) {
        self.with_ours(|held| held.by_target.remove(&self.target));
    }
}
