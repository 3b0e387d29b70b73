//! One try of a check, and the loop that tries until it can decide.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::Check;
use tokio::time::{Instant, sleep_until, timeout};

use crate::cadence::Cadence;
use crate::streak::{Decision, Streak};

/// What one try saw, with one line of evidence that holds nothing of a body and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The service works.
    Good(String),
    /// It does not.
    Bad(String),
    /// The try says nothing of the service: it failed on this side.
    Blind(String),
}

impl Sight {
    /// The same sight with its evidence told in another way.
    pub(crate) fn map_text(self, tell: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Good(what) => Self::Good(tell(what)),
            Self::Bad(what) => Self::Bad(tell(what)),
            Self::Blind(what) => Self::Blind(tell(what)),
        }
    }
}

/// Something that can be tried.
#[async_trait]
pub(crate) trait Probe: fmt::Debug + Send + Sync {
    /// What it does, for people: `GET http://localhost:8080/healthz`.
    fn title(&self) -> String;

    /// Tries once. The loop drops it when the try takes too long.
    async fn look(&self) -> Sight;
}

/// Tries until the cadence decides or the time is over.
pub(crate) async fn watch(probe: &dyn Probe, cadence: Cadence, time_left: Duration) -> Check {
    let title = probe.title();
    let begun = Instant::now();
    let end = begun + time_left.saturating_sub(margin(time_left));
    let mut streak = Streak::new(cadence);
    let decision = loop {
        let started = Instant::now();
        let Some(sight) = attempt(probe, cadence.timeout, end).await else {
            break streak.conclude(begun.elapsed());
        };
        tracing::debug!(check = %title, ?sight, "tried");
        if let Some(decision) = streak.take(sight, begun.elapsed()) {
            break decision;
        }
        let next = started + cadence.interval;
        if next >= end {
            break streak.conclude(begun.elapsed());
        }
        sleep_until(next).await;
    };
    into_check(title, decision)
}

/// One try within its limit. None if the end came first: a try that was cut short says nothing.
async fn attempt(probe: &dyn Probe, limit: Duration, end: Instant) -> Option<Sight> {
    let started = Instant::now();
    let left = end.saturating_duration_since(started);
    if left.is_zero() {
        return None;
    }
    match timeout(limit.min(left), probe.look()).await {
        Ok(Sight::Good(what)) => {
            let took = started.elapsed().as_millis();
            Some(Sight::Good(format!("{what} in {took} ms")))
        }
        Ok(other) => Some(other),
        Err(_) if left < limit => None,
        Err(_) => Some(Sight::Bad(format!("no whole answer within {} ms", limit.as_millis()))),
    }
}

/// What is kept of the time for handing the verdict over before the engine stops waiting for it.
pub(crate) fn margin(time_left: Duration) -> Duration {
    (time_left / 10).min(Duration::from_millis(50))
}

fn into_check(title: String, decision: Decision) -> Check {
    let check = Check::new(title, decision.outcome, decision.evidence);
    match decision.proof {
        Some(proof) => check.with_proof(proof),
        None => check,
    }
}

/// Whether an error speaks of this machine alone: out of memory, files or buffers.
///
/// "Cannot assign requested address" is left out: it means that all ports are in use, but also that
/// `localhost` has an IPv6 address and the machine has no IPv6, which must not hide a server that is gone.
pub(crate) fn says_nothing_of_the_service(error: &(dyn StdError + 'static)) -> bool {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            // ENOMEM, ENFILE, EMFILE, ENOBUFS on Linux.
            return matches!(code, 12 | 23 | 24 | 105);
        }
        current = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
