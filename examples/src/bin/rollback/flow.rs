//! What all rollbacks do alike: look and plan, show, ask, run, follow, report.
//!
//! A command brings a [`Job`], which is how it looks and plans; a platform brings a
//! [`Platform`], which is who does the steps and makes the checks. All else is here.

use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Goal, Plan, PlanRefusal, Request, Target,
};
use stillme_rollback_verify::HealthUrl;

use crate::cli::{Judgement, Output, Rollback};
use crate::consent::Consent;
use crate::exit::{Failure, Outcome};
use crate::follow::follow;
use crate::io::{Io, Surroundings};
use crate::platform::Platform;
use crate::runner::{self, Judge};
use crate::signals::Signals;
use crate::state_dir::StateDir;
use crate::{health, output};

/// What one command does in its own way.
pub(crate) trait Job: Sync {
    /// Looks at the target and plans. Changes nothing.
    fn prepare(
        &self,
        terms: &Terms,
        state: &StateDir,
    ) -> impl Future<Output = Outcome<Prepared>> + Send;
}

/// What a job came to.
pub(crate) struct Prepared {
    /// The target.
    pub(crate) target: Target,
    /// The plan for it, or why there is none.
    pub(crate) planned: Result<Plan, PlanRefusal>,
    /// Where the plan is run.
    pub(crate) platform: Box<dyn Platform>,
}

/// What decides whether the target works, and until when.
pub(crate) struct Terms {
    health_url: Option<HealthUrl>,
    check: Option<CheckSpec>,
    judgement: Judgement,
}

impl Terms {
    fn of(judgement: &Judgement) -> Outcome<Self> {
        let health_url = health::url(judgement.health_url.as_deref())?;
        let check = health_url.as_ref().map(health::check).transpose()?;
        Ok(Self { health_url, check, judgement: judgement.clone() })
    }

    /// A request on these terms.
    pub(crate) fn request(&self, goal: Goal) -> Request {
        let mut request = Request::new(goal);
        request.deadline = self.judgement.deadline;
        request.checks.extend(self.check.clone());
        request.on_inconclusive = self.judgement.on_inconclusive.into();
        request
    }
}

/// Does a job from its beginning to its end, and gives the exit code.
pub(crate) async fn run(
    job: &impl Job,
    options: &Rollback,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let terms = Terms::of(&options.judgement)?;
    let consent = Consent::of(&options.approval)?;
    let format = options.format.output;
    let state = StateDir::choose(&options.place, around)?;
    let Prepared { target, planned, platform } = job.prepare(&terms, &state).await?;
    let plan = match planned {
        Ok(plan) => plan,
        Err(refusal) => return no_plan(refusal, &target, io, format),
    };
    output::plan(io, format, &plan);
    let fingerprint = plan.fingerprint();
    if options.approval.plan {
        io.note(format_args!(
            "nothing was touched; `--approve {fingerprint}` runs exactly this plan"
        ));
        return Ok(0);
    }
    consent.check(io, &plan)?;

    let judge = Judge::Plan(terms.health_url);
    let engine = runner::engine(&plan, platform.as_ref(), judge, &state, options.patience, around)?;
    let mut signals = Signals::take_over()?;
    let handle = engine.start(plan, Some(&fingerprint)).await.map_err(Failure::before_run)?;
    follow(handle, platform.told(), io, format, &mut signals).await
}

/// The end where there is nothing to run: all is well already, or it is refused.
fn no_plan(refusal: PlanRefusal, target: &Target, io: &mut Io, format: Output) -> Outcome {
    match refusal {
        PlanRefusal::AlreadyThere(release) => {
            Ok(output::already_there(io, format, target, &release))
        }
        PlanRefusal::Refused(error) => Err(Failure::before_run(error)),
        other => Err(Failure::before_run(
            Error::new(ErrorKind::Rejected, "plan rollback", "the strategy refused")
                .with_source(other),
        )),
    }
}
