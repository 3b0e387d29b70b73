//! From a plan to its end: it is shown, agreed to, run, and followed.

use std::sync::Arc;

use stillme_rollback_core::{Error, ErrorKind, Executor, Fingerprint, Plan, PlanRefusal, Target};
use stillme_rollback_docker::HttpEngine;
use stillme_rollback_verify::HealthUrl;

use crate::cli::{Output, Patience};
use crate::consent::Consent;
use crate::dispatch::read;
use crate::exit::{Failure, Outcome};
use crate::follow::follow;
use crate::io::{Io, Surroundings};
use crate::signals::Signals;
use crate::state_dir::StateDir;
use crate::{output, parts};

/// What the command line says of a plan that is yet to be made.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Only show it.
    pub(crate) only_show: bool,
    pub(crate) consent: Consent,
    pub(crate) format: Output,
    pub(crate) patience: Patience,
    /// The health URL, whose query is in no plan.
    pub(crate) url: Option<HealthUrl>,
}

/// What a plan is run with.
pub(crate) struct Means<'a> {
    pub(crate) docker: &'a HttpEngine,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) state: &'a StateDir,
    pub(crate) target: &'a Target,
}

/// Shows a plan, asks, runs it, and gives its exit code; or says why there is none.
pub(crate) async fn carry_out(
    planned: Result<Plan, PlanRefusal>,
    terms: Terms,
    means: Means<'_>,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let plan = match planned {
        Ok(plan) => plan,
        Err(PlanRefusal::AlreadyThere(release)) => {
            return Ok(output::already_there(io, terms.format, means.target, &release));
        }
        Err(PlanRefusal::Refused(error)) => return Err(Failure::before_run(error)),
        Err(other) => return Err(Failure::before_run(unknown(other))),
    };
    output::plan(io, terms.format, &plan);
    let fingerprint = plan.fingerprint();
    if terms.only_show {
        io.note(format_args!(
            "nothing was touched; `--approve {fingerprint}` runs exactly this plan"
        ));
        return Ok(0);
    }
    terms.consent.check(io, &plan)?;

    let verifier = parts::verifier(&plan.checks, means.docker, terms.url)?;
    let journal = means.state.journal();
    let engine = parts::engine(means.executor, verifier, journal, terms.patience, around)?;
    let mut signals = Signals::take_over()?;
    let handle = engine.start(plan, Some(&fingerprint)).await.map_err(Failure::before_run)?;
    follow(handle, io, terms.format, &mut signals).await
}

/// A health URL, read strictly.
pub(crate) fn health_url(text: Option<&str>) -> Outcome<Option<HealthUrl>> {
    read(text.map(HealthUrl::parse).transpose())
}

/// What `--yes` and `--approve` say.
pub(crate) fn consent(yes: bool, approve: Option<&str>) -> Outcome<Consent> {
    let approve = approve.map(str::parse::<Fingerprint>).transpose();
    Ok(Consent::of(yes, read(approve)?))
}

fn unknown(refusal: PlanRefusal) -> Error {
    Error::new(ErrorKind::Rejected, "plan rollback", "the strategy refused").with_source(refusal)
}
