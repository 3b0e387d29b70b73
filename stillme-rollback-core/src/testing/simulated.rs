//! A platform model behind calls that can fail.

use std::fmt;
use std::hash::{DefaultHasher, Hash};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fault::Fault;
use crate::error::{Error, ErrorKind, Result};

/// When a late effect comes at the latest: before the engine's settle window has passed.
pub(super) const LATEST: Duration = Duration::from_secs(8);

/// A deterministic model of a platform: calls go in, replies come out, the state changes.
///
/// The state must hold everything: two equal models behave alike for ever.
pub trait Model: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {
    /// A call, as data, so that it can happen later than it was made.
    type Call: Clone + Eq + Hash + fmt::Debug + Send + Sync;
    /// Its reply.
    type Reply: Send;

    /// Whether a call changes something.
    fn is_write(call: &Self::Call) -> bool;

    /// Does a call.
    ///
    /// # Errors
    /// What the platform would answer.
    fn perform(&mut self, call: &Self::Call) -> Result<Self::Reply>;

    /// What a user of the platform would find in the end, as text; ids and times left out.
    fn view(&self) -> String;
}

/// A [`Model`] that is called like a platform, and fails where it is told to.
///
/// Clones share the state; [`fork`](Self::fork) makes an independent copy.
#[derive(Debug)]
pub struct Simulated<M: Model>(Arc<Mutex<State<M>>>);

#[derive(Clone, Debug)]
struct State<M: Model> {
    model: M,
    calls: u64,
    writes: Vec<bool>,
    armed: Option<(u64, Fault)>,
    fired: bool,
    crashed: bool,
    late: Vec<LateCall<M::Call>>,
    elapsed: Duration,
}

#[derive(Clone, Debug)]
struct LateCall<C> {
    call: C,
    at_call: u64,
    at_time: Duration,
}

impl<M: Model> Clone for Simulated<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Model> Simulated<M> {
    /// A platform in this state, without faults.
    pub fn new(model: M) -> Self {
        Self(Arc::new(Mutex::new(State {
            model,
            calls: 0,
            writes: Vec::new(),
            armed: None,
            fired: false,
            crashed: false,
            late: Vec::new(),
            elapsed: Duration::ZERO,
        })))
    }

    /// Makes a call.
    ///
    /// # Errors
    /// What the platform answers, or the fault that was armed for this call.
    pub fn call(&self, call: M::Call) -> Result<M::Reply> {
        self.lock().call(call)
    }

    /// Makes the call that comes after this many others (0: the next one) fail in this way.
    pub fn arm(&self, after: u64, fault: Fault) {
        let mut state = self.lock();
        state.armed = Some((state.calls + after, fault));
    }

    /// The fault that the next call will meet, for who has to give it another shape than an error: a
    /// connection that is refused, cut or silent.
    pub fn next_fault(&self) -> Option<Fault> {
        let state = self.lock();
        state.armed.filter(|(at, _)| *at == state.calls).map(|(_, fault)| fault)
    }

    /// Changes the model behind everybody's back, as somebody else would.
    pub fn change(&self, change: impl FnOnce(&mut M)) {
        change(&mut self.lock().model);
    }

    /// The state as it is.
    pub fn model(&self) -> M {
        self.lock().model.clone()
    }

    /// What a user would find.
    pub fn view(&self) -> String {
        self.lock().model.view()
    }

    /// Lets time pass: what is late comes when its time has come.
    pub fn advance(&self, time: Duration) {
        self.lock().advance(time);
    }

    /// An independent copy.
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// How many calls were made, and which of them were writes, since the last
    /// [`forget_calls`](Self::forget_calls).
    pub(super) fn calls(&self) -> Vec<bool> {
        self.lock().writes.clone()
    }

    pub(super) fn forget_calls(&self) {
        self.lock().writes.clear();
    }

    pub(super) fn fired(&self) -> bool {
        self.lock().fired
    }

    pub(super) fn crashed(&self) -> bool {
        self.lock().crashed
    }

    /// The process starts anew.
    pub(super) fn restart(&self) {
        let mut state = self.lock();
        state.crashed = false;
        state.fired = false;
        state.armed = None;
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// A key of everything that decides what happens next; counters as distances.
    pub(super) fn key(&self, hasher: &mut DefaultHasher) {
        let state = self.lock();
        state.model.hash(hasher);
        for late in &state.late {
            late.call.hash(hasher);
            late.at_call.saturating_sub(state.calls).hash(hasher);
            late.at_time.saturating_sub(state.elapsed).hash(hasher);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A model that panicked in a test is looked at all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Model> State<M> {
    fn call(&mut self, call: M::Call) -> Result<M::Reply> {
        if self.crashed {
            return Err(killed());
        }
        let number = self.calls;
        self.calls += 1;
        self.writes.push(M::is_write(&call));
        self.bring_late_effects();
        let Some((_, fault)) = self.armed.filter(|(at, _)| *at == number) else {
            return self.model.perform(&call);
        };
        self.fired = true;
        self.armed = None;
        self.fail(call, fault)
    }

    fn fail(&mut self, call: M::Call, fault: Fault) -> Result<M::Reply> {
        let reply = fault.has_effect().then(|| self.model.perform(&call));
        if let Some(calls) = fault.late() {
            self.late.push(LateCall {
                call,
                at_call: self.calls + u64::from(calls),
                at_time: self.elapsed + fault.takes() + LATEST,
            });
        }
        self.elapsed += fault.takes();
        self.crashed = fault.is_crash();
        match (fault.error(), reply) {
            (Some(error), _) => Err(error),
            (None, Some(reply)) => reply,
            (None, None) => Err(killed()),
        }
    }

    fn advance(&mut self, time: Duration) {
        self.elapsed += time;
        self.bring_late_effects();
    }

    fn bring_late_effects(&mut self) {
        let (calls, elapsed) = (self.calls, self.elapsed);
        let due = |late: &LateCall<M::Call>| late.at_call <= calls || late.at_time <= elapsed;
        for late in self.late.extract_if(.., |late| due(late)).collect::<Vec<_>>() {
            // Nobody is there to hear what came of it.
            drop(self.model.perform(&late.call));
        }
    }
}

fn killed() -> Error {
    Error::new(ErrorKind::Interrupted, "simulated call", "killed")
}
