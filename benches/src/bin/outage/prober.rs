//! A user who never stops asking: every 5 ms a new connection, whatever the others do.
//!
//! A prober that waits for each answer asks least when the service is worst, and one with a short limit
//! hides requests that the kernel sends again after a second.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use stillme_rollback_benches::Result;

use super::tally::Try;

const EVERY: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(3);
const LARGEST: u64 = 64 * 1024;
/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The prober, asking until it is dropped.
pub(crate) struct Prober {
    began: Instant,
    tries: Arc<Mutex<Vec<Try>>>,
    asking: AbortHandle,
}

impl Prober {
    /// Begins to ask at a port of loopback.
    pub(crate) fn start(port: u16) -> Self {
        let (began, tries) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let asking = tokio::spawn(probe(port, began, Arc::clone(&tries))).abort_handle();
        Self { began, tries, asking }
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The tries up to a moment, once each is answered or given up.
    pub(crate) async fn until(&self, moment: Duration) -> Result<Vec<Try>> {
        let told = |tries: &[Try]| {
            tries.last().is_some_and(|last| last.at > moment)
                && tries.iter().all(|one| one.at > moment || one.took.is_some())
        };
        self.wait("every probe is answered or given up", told).await?;
        Ok(lock(&self.tries).iter().filter(|one| one.at <= moment).cloned().collect())
    }

    /// Waits for so many good answers of a version since a moment.
    pub(crate) async fn served(&self, version: &str, since: Duration, count: usize) -> Result<()> {
        let is_it = |one: &&Try| {
            one.at >= since && one.is_good() && one.version.as_deref() == Some(version)
        };
        let what = format!("{version} serves");
        self.wait(&what, |tries| tries.iter().filter(is_it).count() >= count).await
    }

    async fn wait(&self, what: &str, is_so: impl Fn(&[Try]) -> bool + Send + Sync) -> Result<()> {
        let waiting = async {
            while !is_so(&lock(&self.tries)) {
                sleep(EVERY).await;
            }
        };
        let in_time = timeout(PATIENCE, waiting).await;
        in_time.map_err(|_| format!("waited in vain until {what}").into())
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

fn lock(tries: &Mutex<Vec<Try>>) -> MutexGuard<'_, Vec<Try>> {
    // A list of finished facts: whole after each of its operations.
    tries.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn probe(port: u16, began: Instant, tries: Arc<Mutex<Vec<Try>>>) {
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    // They end with this task.
    let mut asked = JoinSet::new();
    loop {
        clock.tick().await;
        while asked.try_join_next().is_some() {}
        let at = began.elapsed();
        let index = {
            let mut tries = lock(&tries);
            tries.push(Try { at, took: None, version: None });
            tries.len() - 1
        };
        let tries = Arc::clone(&tries);
        asked.spawn(async move {
            let began = Instant::now();
            let answer = timeout(LIMIT, version(port)).await;
            let one = &mut lock(&tries)[index];
            one.took = Some(began.elapsed());
            one.version = answer.ok().and_then(io::Result::ok).flatten();
        });
    }
}

/// How long the long request takes to be told.
const LONG: Duration = Duration::from_secs(3);

/// A request of three seconds: its client takes so long to tell it.
pub(crate) struct LongRequest(JoinHandle<io::Result<bool>>);

impl LongRequest {
    /// Connects, begins to tell it, and goes on by itself.
    pub(crate) async fn start(port: u16) -> Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET / HTTP/1.1\r\n").await?;
        // Whoever is to answer has accepted the connection by now: a later one was.
        version(port).await?;
        Ok(Self(tokio::spawn(async move {
            sleep(LONG).await;
            stream.write_all(b"Host: localhost\r\nConnection: close\r\n\r\n").await?;
            let mut answer = String::new();
            stream.take(LARGEST).read_to_string(&mut answer).await?;
            Ok(answer.starts_with("HTTP/1.1 200 "))
        })))
    }

    /// Whether it got its answer.
    pub(crate) async fn answered(self) -> bool {
        timeout(PATIENCE, self.0).await.is_ok_and(|ended| matches!(ended, Ok(Ok(true))))
    }
}

/// The version that answers, if the answer is whole and good.
pub(crate) async fn version(port: u16) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LARGEST).read_to_string(&mut answer).await?;
    let body = answer
        .strip_prefix("HTTP/1.1 200 ")
        .and_then(|rest| rest.split_once("\r\n\r\n"))
        .map(|(_, body)| body);
    let body = body.and_then(|body| serde_json::from_str::<serde_json::Value>(body).ok());
    Ok(body.and_then(|body| Some(body.get("version")?.as_str()?.to_owned())))
}
