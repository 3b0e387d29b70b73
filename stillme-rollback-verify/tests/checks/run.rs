//! What every test needs: a run, a quick cadence, and a limit to its time.

use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::{Plan, Release, Run, RunId, Target, Verdict, Verifier, Version};
use stillme_rollback_verify::Cadence;

pub(crate) fn run() -> Run {
    let release = Release::new(Version::new("v1").unwrap());
    let target = Target::new("docker", "engine", "web").unwrap();
    Run {
        id: RunId::from_parts(std::time::UNIX_EPOCH, 1),
        plan: Arc::new(Plan::new("none", target, release.clone(), release)),
    }
}

/// Three in a row, 20 ms apart, with time for each on a busy machine.
pub(crate) fn quick() -> Cadence {
    Cadence::default().interval(Duration::from_millis(20)).timeout(Duration::from_secs(5))
}

/// The verdict after at most `millis`. A check that takes longer than that by much hangs.
pub(crate) async fn verdict(verifier: &dyn Verifier, millis: u64) -> Verdict {
    let time_left = Duration::from_millis(millis);
    let limit = time_left + Duration::from_secs(5);
    tokio::time::timeout(limit, verifier.verify(&run(), time_left))
        .await
        .expect("the check hangs")
        .unwrap()
}
