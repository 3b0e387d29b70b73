//! The weak verdict: it keeps running, and its published ports accept.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{Check, Outcome, Result, Run, Secret, Verdict, Verifier};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::port::{self, Seen};
use super::{look, not_running, single};
use crate::connect::Endpoint;
use crate::engine::Engine;
use crate::inspect::{self, State};
use crate::names::ContainerId;
use crate::reach::published_at;

const CHECK: &str = "state of the container";

/// How long a container must keep running.
const WINDOW: Duration = Duration::from_secs(10);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// What is kept back of the time for a last look at the ports: a connection and its closing.
const RESERVE: Duration = Duration::from_millis(1500);

/// For services of which nothing else is known: still running after ten seconds, never restarted,
/// started when it was first seen, and every published TCP port accepts.
///
/// It proves that the service starts and listens. It says nothing of what it answers, and says so.
///
/// - Fail: it does not run, was restarted, or a published port refuses up to the end.
/// - Inconclusive: time ran out before the ten seconds, or a port gives no answer at all.
#[derive(Debug)]
pub struct StateVerifier {
    engine: Arc<dyn Engine>,
    endpoint: Endpoint,
    window: Duration,
    container: Option<ContainerId>,
}

impl StateVerifier {
    /// A verifier on the engine at an endpoint.
    pub fn new(engine: Arc<dyn Engine>, endpoint: Endpoint) -> Self {
        Self { engine, endpoint, window: WINDOW, container: None }
    }

    /// The same verifier with another length of time in which it must keep running.
    #[must_use]
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The same verifier on this container, whoever made it. It may have been restarted before.
    #[must_use]
    pub fn of_container(mut self, container: ContainerId) -> Self {
        self.container = Some(container);
        self
    }

    /// What is to be watched, and its state, or the verdict that follows from there being none.
    async fn look(&self, run: &Run) -> Result<Result<(Secret<Value>, State), Verdict>> {
        let seen = look(&*self.engine, run, self.container.as_ref(), CHECK).await?;
        Ok(seen.map(|(_, container, state)| (*container, state)))
    }

    /// What the published ports show within `limit`: how many there are, and one that does not
    /// accept.
    async fn ports(&self, container: &Value, limit: Duration) -> Ports {
        let bindings = inspect::bindings(container);
        let mut looks = JoinSet::new();
        for binding in bindings.iter().copied() {
            let endpoint = self.endpoint.clone();
            looks.spawn(timeout(limit, async move {
                match published_at(&endpoint, &binding).await {
                    Ok(address) => (binding.host_port, port::look_at(address).await),
                    Err(_) => (binding.host_port, Seen::Silent),
                }
            }));
        }
        let mut ports = Ports { published: bindings.len(), bad: None, told: true };
        while let Some(looked) = looks.join_next().await {
            match looked {
                Ok(Ok((port, seen))) if seen != Seen::Accepts => ports.bad = Some((port, seen)),
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => ports.told = false,
            }
        }
        ports
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports {
    published: usize,
    bad: Option<(u16, Seen)>,
    /// Whether there was time for all of them.
    told: bool,
}

impl Ports {
    fn accept(&self) -> bool {
        self.told && self.bad.is_none()
    }
}

#[async_trait]
impl Verifier for StateVerifier {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let begin = Instant::now();
        let end = time_left - RESERVE.min(time_left / 2);
        let mut first: Option<State> = None;
        loop {
            let (container, mut state) = match self.look(run).await? {
                Ok(seen) => seen,
                Err(verdict) => return Ok(verdict),
            };
            let first = first.get_or_insert_with(|| state.clone());
            if self.container.is_some() {
                // Only a restart from now on says something of a container that ran before.
                state.restarts = state.restarts.saturating_sub(first.restarts);
            }
            if let Some(why) = not_running(&state).or_else(|| restarted(first, &state)) {
                return Ok(single(Check::new(CHECK, Outcome::Fail, why)));
            }
            let seen_for = begin.elapsed();
            let is_last = seen_for + PAUSE >= end;
            if seen_for >= self.window || is_last {
                let ports =
                    self.ports(container.expose(), time_left.saturating_sub(seen_for)).await;
                if ports.accept() && seen_for >= self.window {
                    let alone = self.window >= WINDOW;
                    return Ok(single(passed(seen_for, ports.published, alone)));
                }
                if is_last {
                    return Ok(single(ran_out(seen_for, self.window, ports)));
                }
            }
            // Never past the moment that decides.
            sleep(PAUSE.min(self.window.saturating_sub(seen_for).max(PAUSE / 10))).await;
        }
    }
}

/// Whether it was started again by somebody between two looks.
fn restarted(first: &State, now: &State) -> Option<String> {
    (first.started_at != now.started_at)
        .then(|| "it was started again while it was watched".to_owned())
}

/// A pass. It calls itself weak when it is all that there is: a report takes it by its word.
fn passed(seen_for: Duration, ports: usize, alone: bool) -> Check {
    let listens = match ports {
        0 => "it publishes no TCP port".to_owned(),
        1 => "its published port accepts".to_owned(),
        n => format!("its {n} published ports accept"),
    };
    let weak = if alone { "weak: " } else { "" };
    let evidence = format!(
        "{weak}ran {:.0} s without a restart, {listens}; this proves that it starts{}, not that it answers well",
        seen_for.as_secs_f32(),
        if ports == 0 { "" } else { " and listens" },
    );
    Check::new(CHECK, Outcome::Pass, evidence)
}

fn ran_out(seen_for: Duration, window: Duration, ports: Ports) -> Check {
    let (outcome, evidence) = match ports.bad {
        Some((port, Seen::Refuses)) if seen_for >= window => {
            (Outcome::Fail, format!("port {port} refused connections to the end"))
        }
        Some((port, _)) if seen_for >= window => {
            (Outcome::Inconclusive, format!("port {port} gave no answer from here"))
        }
        _ if seen_for >= window => {
            (Outcome::Inconclusive, "there was no time to try its ports".to_owned())
        }
        _ => (
            Outcome::Inconclusive,
            format!(
                "ran {:.1} s, {:.0} s are needed",
                seen_for.as_secs_f32(),
                window.as_secs_f32()
            ),
        ),
    };
    Check::new(CHECK, outcome, evidence)
}
