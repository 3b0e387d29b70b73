//! The contract of [`Verifier`], as tests.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::executor::Run;
use crate::verdict::{Outcome, Verdict};
use crate::verifier::Verifier;

/// What a verifier may take beyond its time on a busy machine.
const GRACE: Duration = Duration::from_secs(1);

/// After how much time the future is dropped half-way.
const DROPPED: Duration = Duration::from_millis(10);

/// A verifier and a target of which it is known how it fares.
#[derive(Clone)]
#[must_use]
pub struct VerifierCase {
    verifier: Arc<dyn Verifier>,
    run: Run,
    expected: Outcome,
    time: Duration,
    view: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl fmt::Debug for VerifierCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierCase")
            .field("verifier", &self.verifier)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl VerifierCase {
    /// A target that works.
    pub fn passing(verifier: Arc<dyn Verifier>, run: Run) -> Self {
        Self::new(verifier, run, Outcome::Pass)
    }

    /// A target that does not work.
    pub fn failing(verifier: Arc<dyn Verifier>, run: Run) -> Self {
        Self::new(verifier, run, Outcome::Fail)
    }

    /// A target of which nothing can be known: data is missing, or the way to it.
    pub fn blind(verifier: Arc<dyn Verifier>, run: Run) -> Self {
        Self::new(verifier, run, Outcome::Inconclusive)
    }

    fn new(verifier: Arc<dyn Verifier>, run: Run, expected: Outcome) -> Self {
        Self { verifier, run, expected, time: Duration::from_secs(3), view: None }
    }

    /// The same case with this much time for a verdict, instead of 3 s.
    pub fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The same case with a look at the target, which must stay as it is.
    pub fn watching(mut self, view: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.view = Some(Arc::new(view));
        self
    }

    /// Asks with this much time left, and lets it have hardly more.
    async fn ask(&self, time_left: Duration) -> Result<Verdict> {
        let began = Instant::now();
        let asked = self.verifier.verify(&self.run, time_left);
        let Ok(told) = tokio::time::timeout(time_left + GRACE, asked).await else {
            panic!("with {time_left:?} left, no verdict after {:?}", began.elapsed());
        };
        if let Ok(verdict) = &told {
            is_sound(verdict);
        }
        told
    }
}

/// Checks that a verifier keeps its contract on one target. Call it with a target that works, one
/// that does not, and, where there can be one, one of which nothing is known.
///
/// # Panics
/// If it does not.
pub async fn check_verifier(case: VerifierCase) {
    let before = case.view.as_ref().map(|view| view());
    tells_what_is(&case).await;
    is_not_hurried_into_a_verdict(&case).await;
    may_be_dropped(&case).await;
    assert_eq!(case.view.as_ref().map(|view| view()), before, "a verifier changes nothing");
}

/// Asked any number of times, it says what is so.
async fn tells_what_is(case: &VerifierCase) {
    for _ in 0..2 {
        let told = case.ask(case.time).await;
        match (&told, case.expected) {
            // "Could not tell" is taken as inconclusive.
            (Err(_), Outcome::Inconclusive) => {}
            (Ok(verdict), expected) => assert_eq!(verdict.outcome, expected, "{verdict}"),
            (Err(error), _) => panic!("a verdict was expected, not an error: {error}"),
        }
        if let (Ok(verdict), Outcome::Pass) = (&told, case.expected) {
            let proves = verdict.checks.iter().filter_map(|check| check.proof.as_ref());
            assert!(
                proves.clone().any(|proof| proof.n > 0),
                "a pass that proves nothing: {verdict}"
            );
        }
    }
}

/// Too little time makes it say nothing; never the wrong thing.
async fn is_not_hurried_into_a_verdict(case: &VerifierCase) {
    for time_left in [Duration::ZERO, Duration::from_millis(20)] {
        let Ok(verdict) = case.ask(time_left).await else { continue };
        let fits = [case.expected, Outcome::Inconclusive].contains(&verdict.outcome);
        assert!(fits, "with {time_left:?} left: {verdict}");
    }
}

async fn may_be_dropped(case: &VerifierCase) {
    let asked = case.verifier.verify(&case.run, case.time);
    let _ = tokio::time::timeout(DROPPED, asked).await;
    if let Ok(verdict) = case.ask(case.time).await {
        assert_eq!(verdict.outcome, case.expected, "after one that was dropped: {verdict}");
    }
}

/// The worst of its checks, each of which says what was seen.
fn is_sound(verdict: &Verdict) {
    let sum = Verdict::of(verdict.checks.clone()).outcome;
    assert_eq!(verdict.outcome, sum, "a verdict is the worst of its checks: {verdict}");
    for check in &verdict.checks {
        assert!(!check.name.is_empty(), "a check without a name: {verdict}");
        assert!(!check.evidence.is_empty(), "a check without evidence: {verdict}");
        assert!(!check.evidence.contains('\n'), "evidence is one line: {verdict}");
    }
}
