//! Where the story plays: a platform with one service, and three versions of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{CheckSpec, Executor, Goal, Plan, Request, Verifier};
use stillme_rollback_verify::{All, Cadence, HealthUrl, HttpCheck};

/// Why the demo did not get to its end.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A version of the test service and the knobs that make it what it is.
pub(crate) struct Version {
    pub(crate) name: &'static str,
    pub(crate) knobs: &'static [(&'static str, &'static str)],
}

/// Works.
pub(crate) const V1: Version = Version { name: "v1", knobs: &[] };

/// Looks good when it is deployed, and is not.
pub(crate) const V2: Version = Version {
    name: "v2",
    knobs: &[("TESTBED_UNHEALTHY_AFTER", "2s"), ("TESTBED_ERROR_RATE", "0.5")],
};

/// An old one that can't boot any more.
pub(crate) const V0: Version = Version { name: "v0", knobs: &[("TESTBED_EXIT_CODE", "1")] };

pub(crate) const VERSIONS: [&Version; 3] = [&V0, &V1, &V2];

/// A platform on which the story can play.
#[async_trait]
pub(crate) trait Stage: Send + Sync {
    /// What it is, for the first lines.
    fn introduction(&self) -> String;

    /// The port on loopback at which the service is reached.
    fn port(&self) -> u16;

    /// Makes what the versions need, before the first is deployed.
    async fn prepare(&self) -> Result<(), Failure>;

    /// Deploys a version, as deploy scripts do: stop, remove, run.
    async fn deploy(&self, version: &Version) -> Result<(), Failure>;

    /// Plans the way to a version. Changes nothing.
    async fn plan(&self, to: &Version) -> Result<Plan, Failure>;

    /// Who does the plan's steps.
    fn executor(&self) -> Arc<dyn Executor>;

    /// Who decides, from the checks in the plan.
    fn verifier(&self, plan: &Plan) -> Result<All, Failure>;

    /// Removes everything that the demo made, also what a request made that was cut off.
    async fn clean_up(&self) -> Result<(), Failure>;

    /// How what could not be removed is found.
    fn leftovers(&self) -> String;
}

/// The health check that decides, at the service's own port.
fn health_check(port: u16) -> Result<HttpCheck, Failure> {
    let url = HealthUrl::parse(&format!("http://127.0.0.1:{port}/healthz"))?;
    let cadence = Cadence::default()
        .successes(20)
        .interval(Duration::from_millis(50))
        .fail_after(10)
        .boot_grace(Duration::from_secs(5));
    Ok(HttpCheck::builder(url).cadence(cadence).build()?)
}

/// A request to go somewhere, decided by the health check.
pub(crate) fn request(goal: Goal, port: u16) -> Result<Request, Failure> {
    let mut request = Request::new(goal);
    request.checks = vec![health_check(port)?.spec()];
    request.deadline = Duration::from_secs(30);
    Ok(request)
}

/// The verifiers of checks, as a resumed run would build them: from the plan alone.
pub(crate) fn verifiers(
    checks: &[CheckSpec],
    build: impl Fn(&CheckSpec) -> Result<Box<dyn Verifier>, Failure>,
) -> Result<All, Failure> {
    checks
        .iter()
        .try_fold(All::new(), |all, check| Ok(all.with_boxed(check.title.clone(), build(check)?)))
}
