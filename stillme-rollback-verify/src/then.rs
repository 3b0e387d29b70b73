//! One verifier after another.

use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{Outcome, Result, Run, Verdict, Verifier};
use tokio::time::Instant;

/// Asks a second verifier once a first one has passed: what answers while instances change is not what will.
///
/// A first verdict that is no pass is the whole verdict. The second one gets the time that is left.
#[derive(Debug)]
pub struct Then {
    first: Box<dyn Verifier>,
    then: Box<dyn Verifier>,
}

impl Then {
    /// One verifier, and another one after it.
    pub fn new(first: Box<dyn Verifier>, then: Box<dyn Verifier>) -> Self {
        Self { first, then }
    }
}

#[async_trait]
impl Verifier for Then {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let begin = Instant::now();
        let first = self.first.verify(run, time_left).await?;
        if first.outcome != Outcome::Pass {
            return Ok(first);
        }
        let left = time_left.saturating_sub(begin.elapsed());
        Ok(Verdict::all([first, self.then.verify(run, left).await?]))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use stillme_rollback_core::Clock as _;
    use stillme_rollback_core::{Check, Plan, Release, RunId, SystemClock, Target, Version};

    use super::*;

    #[derive(Debug)]
    struct Fixed(Outcome, Arc<AtomicU32>);

    #[async_trait]
    impl Verifier for Fixed {
        async fn verify(&self, _: &Run, _: Duration) -> Result<Verdict> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(Verdict::of(vec![Check::new("fixed", self.0, "so")]))
        }
    }

    #[tokio::test]
    async fn the_second_is_asked_only_when_the_first_passes() {
        let release = |name| Release::new(Version::new(name).unwrap());
        let target = Target::new("memory", "here", "web").unwrap();
        let plan = Arc::new(Plan::new("replace", target, release("b"), release("a")));
        let run = Run { id: RunId::generate(SystemClock::new().now()).unwrap(), plan };
        for (first, then, outcome, asked) in [
            (Outcome::Pass, Outcome::Pass, Outcome::Pass, 1),
            (Outcome::Pass, Outcome::Fail, Outcome::Fail, 1),
            (Outcome::Fail, Outcome::Pass, Outcome::Fail, 0),
            (Outcome::Inconclusive, Outcome::Pass, Outcome::Inconclusive, 0),
        ] {
            let count = Arc::new(AtomicU32::new(0));
            let verifier = Then::new(
                Box::new(Fixed(first, Arc::default())),
                Box::new(Fixed(then, Arc::clone(&count))),
            );
            let verdict = verifier.verify(&run, Duration::from_secs(1)).await.unwrap();
            assert_eq!(verdict.outcome, outcome, "{first} {then}");
            assert_eq!(count.load(Ordering::Relaxed), asked);
            assert_eq!(verdict.checks.len(), 1 + asked as usize);
        }
    }
}
