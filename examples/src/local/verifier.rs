//! Whether the process that a run started stays there.

use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::testing::InstanceState;
use stillme_rollback_core::{Check, Outcome, Result, Run, Verdict, Verifier};
use tokio::time::{Instant, sleep};

use super::LocalPlatform;

const WATCHED: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(20);

/// Passes when the run's instance was up for a second, and fails as soon as it is not.
#[derive(Debug)]
pub(super) struct StaysUp(LocalPlatform);

impl StaysUp {
    pub(super) fn new(platform: LocalPlatform) -> Self {
        Self(platform)
    }
}

#[async_trait]
impl Verifier for StaysUp {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let until = Instant::now() + WATCHED.min(time_left / 2);
        let outcome = loop {
            self.0.follow().await?;
            let state = self.0.made_by(run).map(|(_, instance)| instance.state);
            if state != Some(InstanceState::Up) {
                break (Outcome::Fail, "it is not up any more");
            }
            if Instant::now() >= until {
                break (Outcome::Pass, "it stayed up");
            }
            sleep(POLL).await;
        };
        Ok(Verdict::of(vec![Check::new("the process", outcome.0, outcome.1)]))
    }
}
