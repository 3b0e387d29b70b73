//! The container's own health check as the verdict.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{Check, ErrorKind, Outcome, Proof, Result, Run, Verdict, Verifier};
use tokio::time::{Instant, sleep};

use super::probe::Probe;
use super::{look, not_running, single};
use crate::engine::Engine;
use crate::names::ContainerId;

const CHECK: &str = "health check of the container";

/// Between two runs of a check that is good; one that is bad is run again as soon.
const PAUSE: Duration = Duration::from_millis(500);

/// The check's output is not shown: it is the service's own, and may hold anything.
const OUTPUT_CAP: usize = 0;

/// Runs the container's own `HEALTHCHECK` by exec, at once and every half second, instead of waiting
/// for its interval.
///
/// - Pass: some runs in a row were good (three unless said otherwise), and the container never
///   restarted.
/// - Fail: as many runs in a row were bad as the check's `retries` say, after its start period; or
///   the engine itself calls it unhealthy; or the container does not run, or was restarted.
/// - Inconclusive: it has no health check, or time ran out before either.
///
/// A run that takes longer than the check's own timeout is a bad one.
#[derive(Debug)]
pub struct HealthcheckVerifier {
    engine: Arc<dyn Engine>,
    good_in_a_row: u32,
    container: Option<ContainerId>,
}

impl HealthcheckVerifier {
    /// A verifier on an engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, good_in_a_row: 3, container: None }
    }

    /// The same verifier, wanting this many good runs in a row; at least one.
    #[must_use]
    pub fn wanting(mut self, good_in_a_row: u32) -> Self {
        self.good_in_a_row = good_in_a_row.max(1);
        self
    }

    /// The same verifier on this container, whoever made it.
    #[must_use]
    pub fn of_container(mut self, container: ContainerId) -> Self {
        self.container = Some(container);
        self
    }

    /// One run of the check. `None` if it could not be told.
    async fn run(&self, id: &ContainerId, probe: &Probe, left: Duration) -> Option<Ran> {
        let limit = probe.timeout.min(left);
        match self.engine.exec(id, &probe.command, limit, OUTPUT_CAP).await {
            Ok(ended) if ended.code == 0 => Some(Ran::Good),
            Ok(ended) => Some(Ran::Bad(format!("exit code {}", ended.code))),
            Err(error) => match error.kind() {
                ErrorKind::Timeout if limit == probe.timeout => {
                    Some(Ran::Bad(format!("no end within {} s", limit.as_secs_f32())))
                }
                // There is no such program, or it may not be run.
                ErrorKind::Rejected => Some(Ran::Bad("it can't be run".to_owned())),
                // The next look says more: it may have stopped just now.
                _ => None,
            },
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ran {
    Good,
    Bad(String),
}

/// What was seen so far, and what follows from it. Pure.
#[derive(Debug, Default)]
struct Tally {
    good: u32,
    bad: u32,
    unknown: u32,
    last_bad: String,
}

impl Tally {
    fn note(&mut self, ran: Option<Ran>, in_start_period: bool) {
        match ran {
            Some(Ran::Good) => (self.good, self.bad) = (self.good + 1, 0),
            Some(Ran::Bad(why)) => {
                self.good = 0;
                self.bad += u32::from(!in_start_period);
                self.last_bad = why;
            }
            None => self.unknown += 1,
        }
    }

    fn check(&self, wanted: u32, retries: u32) -> Option<Check> {
        if self.good >= wanted {
            let evidence = format!("{} good in a row", self.good);
            let proof = Proof::all_good(u64::from(self.good));
            return Some(Check::new(CHECK, Outcome::Pass, evidence).with_proof(proof));
        }
        if self.bad >= retries {
            let evidence = format!("{} bad in a row, the last: {}", self.bad, self.last_bad);
            return Some(Check::new(CHECK, Outcome::Fail, evidence));
        }
        None
    }

    fn at_the_end(&self, wanted: u32) -> Check {
        let mut evidence = format!("time ran out with {} of {wanted} good in a row", self.good);
        if !self.last_bad.is_empty() {
            evidence.push_str(&format!(", the last bad: {}", self.last_bad));
        }
        if self.unknown > 0 {
            evidence.push_str(&format!(", {} not told", self.unknown));
        }
        Check::new(CHECK, Outcome::Inconclusive, evidence)
    }
}

#[async_trait]
impl Verifier for HealthcheckVerifier {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let begin = Instant::now();
        let left = || time_left.saturating_sub(begin.elapsed());
        let mut tally = Tally::default();
        loop {
            let (id, container, state) =
                match look(&*self.engine, run, self.container.as_ref(), CHECK).await? {
                    Ok(seen) => seen,
                    Err(verdict) => return Ok(verdict),
                };
            if let Some(why) = not_running(&state) {
                return Ok(single(Check::new(CHECK, Outcome::Fail, why)));
            }
            if state.health.as_deref() == Some("unhealthy") {
                let evidence = "the engine calls it unhealthy";
                return Ok(single(Check::new(CHECK, Outcome::Fail, evidence)));
            }
            let Some(probe) = Probe::of(container.expose()) else {
                let evidence = "the container has none";
                return Ok(single(Check::new(CHECK, Outcome::Inconclusive, evidence)));
            };
            let ran = self.run(&id, &probe, left()).await;
            tally.note(ran, begin.elapsed() < probe.start_period);
            if let Some(check) = tally.check(self.good_in_a_row, probe.retries) {
                return Ok(single(check));
            }
            if left() <= PAUSE {
                return Ok(single(tally.at_the_end(self.good_in_a_row)));
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad() -> Option<Ran> {
        Some(Ran::Bad("exit code 1".to_owned()))
    }

    /// Runs in order (`true` in the start period), and what three good or three bad in a row make of it.
    #[test]
    fn only_runs_in_a_row_decide() {
        let good = || Some(Ran::Good);
        type Runs = Vec<(Option<Ran>, bool)>;
        let cases: Vec<(&str, Runs, Option<Outcome>)> = vec![
            ("nothing yet", vec![], None),
            (
                "three good",
                vec![(good(), false), (good(), false), (good(), false)],
                Some(Outcome::Pass),
            ),
            (
                "good in the start period count",
                vec![(good(), true), (good(), true), (good(), true)],
                Some(Outcome::Pass),
            ),
            (
                "a bad one between",
                vec![(good(), false), (good(), false), (bad(), false), (good(), false)],
                None,
            ),
            (
                "three bad",
                vec![(bad(), false), (bad(), false), (bad(), false)],
                Some(Outcome::Fail),
            ),
            (
                "bad ones in the start period do not count",
                vec![(bad(), true), (bad(), true), (bad(), true), (bad(), false)],
                None,
            ),
            (
                "what is not told counts for nothing",
                vec![(bad(), false), (None, false), (bad(), false), (None, false)],
                None,
            ),
        ];
        for (name, runs, outcome) in cases {
            let mut tally = Tally::default();
            for (ran, starting) in runs {
                tally.note(ran, starting);
            }
            assert_eq!(tally.check(3, 3).map(|check| check.outcome), outcome, "{name}");
        }
    }

    #[test]
    fn a_pass_says_what_it_proves() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.note(Some(Ran::Good), false);
        }
        let check = tally.check(3, 3).unwrap();
        assert_eq!(check.proof.unwrap().n, 3);
    }

    #[test]
    fn time_that_runs_out_is_inconclusive_and_says_how_far_it_got() {
        let mut tally = Tally::default();
        tally.note(bad(), false);
        tally.note(None, false);
        let check = tally.at_the_end(3);
        assert_eq!(check.outcome, Outcome::Inconclusive);
        assert_eq!(
            check.evidence,
            "time ran out with 0 of 3 good in a row, the last bad: exit code 1, 1 not told"
        );
    }
}
