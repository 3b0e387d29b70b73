//! A user of the service who never stops asking, on a thread of its own.
//!
//! The loop is open: a new connection every 10 ms, whatever the others do. A prober that waits for
//! each answer asks least when the service is worst.

mod ask;
mod tally;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use self::ask::{ask, is_healthy};
use self::tally::Try;
pub(crate) use self::tally::{GOOD, Tally};
use crate::stage::Failure;

const EVERY: Duration = Duration::from_millis(10);

/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// The prober, asking until it is dropped.
pub(crate) struct Prober {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    began: Instant,
    tries: Mutex<Vec<Try>>,
    is_over: AtomicBool,
}

impl Shared {
    fn tries(&self) -> MutexGuard<'_, Vec<Try>> {
        // A list of finished facts: whole after each of its operations.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prober {
    /// Begins to ask for `/` at a port of loopback.
    pub(crate) fn start(port: u16) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            tries: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let probing = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(String::from("prober"))
            .spawn(move || runtime.block_on(probe(port, probing)))?;
        Ok(Self { port, shared, thread: Some(thread) })
    }

    /// The time on the prober's clock.
    pub(crate) fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// What was seen from one moment to another, once every answer of that time is there.
    pub(crate) async fn seen(&self, from: Duration, to: Duration) -> Result<Tally, Failure> {
        self.until("every probe is answered or given up", |tries| {
            tries.last().is_some_and(|last| last.at > to)
                && tries.iter().all(|t| t.at > to || t.answer.is_some())
        })
        .await?;
        Ok(Tally::of(&self.shared.tries(), from, to))
    }

    /// Waits until a version has given this many good answers since a moment.
    pub(crate) async fn until_served(
        &self,
        version: &str,
        since: Duration,
        answers: usize,
    ) -> Result<(), Failure> {
        self.until(&format!("{version} serves"), |tries| {
            let served = |t: &&Try| t.at >= since && t.is_good() && t.version() == Some(version);
            tries.iter().filter(served).count() >= answers
        })
        .await
    }

    /// Waits until this many requests have failed since a moment.
    pub(crate) async fn until_failing(
        &self,
        since: Duration,
        failures: usize,
    ) -> Result<(), Failure> {
        self.until("requests fail", |tries| {
            tries.iter().filter(|t| t.at >= since && t.failed()).count() >= failures
        })
        .await
    }

    /// Waits until the service's own health check says no.
    pub(crate) async fn until_unhealthy(&self) -> Result<(), Failure> {
        let waiting = async {
            while is_healthy(self.port).await {
                sleep(POLL).await;
            }
        };
        within(PATIENCE, "the health check says no", waiting).await
    }

    async fn until(
        &self,
        what: &str,
        is_so: impl Fn(&[Try]) -> bool + Send + Sync,
    ) -> Result<(), Failure> {
        let waiting = async {
            while !is_so(&self.shared.tries()) {
                sleep(POLL).await;
            }
        };
        within(PATIENCE, what, waiting).await
    }
}

async fn within(
    limit: Duration,
    what: &str,
    waiting: impl Future<Output = ()> + Send,
) -> Result<(), Failure> {
    let in_time = timeout(limit, waiting).await;
    in_time.map_err(|_| format!("waited {} s in vain until {what}", limit.as_secs()).into())
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn probe(port: u16, shared: Arc<Shared>) {
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !shared.is_over.load(Ordering::Relaxed) {
        clock.tick().await;
        let at = shared.began.elapsed();
        let index = {
            let mut tries = shared.tries();
            tries.push(Try { at, answer: None });
            tries.len() - 1
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = ask(port).await;
            shared.tries()[index].answer = Some(answer);
        });
    }
}
