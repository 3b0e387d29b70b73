//! What a run is made of: who does its steps, who decides, where it is written down, what it locks.

use std::sync::Arc;

use stillme_rollback_core::engine::{Engine, Options};
use stillme_rollback_core::journal::Journal;
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::{CheckSpec, Plan, Result, Verifier};
use stillme_rollback_docker::compose::ByProject;
use stillme_rollback_k8s::checks as rollout;
use stillme_rollback_verify::{All, HealthUrl, SpecReader, Then};

use crate::cli::Patience;
use crate::io::Surroundings;
use crate::platform::Platform;
use crate::state_dir::StateDir;

/// Who decides in a run.
pub(crate) enum Judge {
    /// The checks of its plan, with the URL that the plan keeps without its query.
    Plan(Option<HealthUrl>),
    /// Nobody: on its way back a run asks for no verdict, so it needs no URL again.
    Nobody,
}

/// The engine for the run of a plan.
pub(crate) fn engine(
    plan: &Plan,
    platform: &dyn Platform,
    judge: Judge,
    state: &StateDir,
    patience: Patience,
    around: &Surroundings,
) -> Result<Engine> {
    let verifier = match judge {
        Judge::Plan(url) => verifier(&plan.checks, platform, url)?,
        Judge::Nobody => Arc::new(All::new()),
    };
    let executor = platform.executor(plan)?;
    let journal = watched(Arc::new(state.journal()))?;
    let lease = FileLease::on_this_machine(around.runtime_dir.as_deref());
    let lease = Arc::new(ByProject::new(lease));
    let mut options = Options::default();
    if let Some(settle) = patience.settle {
        options.settle = settle;
    }
    Ok(Engine::builder(executor, verifier, journal, lease).options(options).build())
}

/// All of a plan's checks. `url` gives back the query that a plan never keeps.
fn verifier(
    specs: &[CheckSpec],
    platform: &dyn Platform,
    url: Option<HealthUrl>,
) -> Result<Arc<dyn Verifier>> {
    let mut reader = SpecReader::new();
    if let Some(url) = url {
        reader = reader.url(url);
    }
    let (mut first, mut all, mut others) = (None, All::new(), 0_usize);
    for spec in specs {
        let verifier: Box<dyn Verifier> = match platform.verifier(spec)? {
            Some(verifier) => verifier,
            None => reader.read(spec)?,
        };
        if rollout::comes_first(spec) {
            first = Some(verifier);
        } else {
            all = all.with_boxed(spec.title.clone(), verifier);
            others += 1;
        }
    }
    Ok(match first {
        Some(first) if others == 0 => Arc::from(first),
        Some(first) => Arc::new(Then::new(first, Box::new(all))),
        None => Arc::new(all),
    })
}

/// A journal as it is, unless a test wants the tool to be killed at one of its records.
#[cfg(not(feature = "test-kill"))]
#[expect(clippy::unnecessary_wraps, reason = "the same as with the feature")]
fn watched(journal: Arc<dyn Journal>) -> Result<Arc<dyn Journal>> {
    Ok(journal)
}

#[cfg(feature = "test-kill")]
fn watched(journal: Arc<dyn Journal>) -> Result<Arc<dyn Journal>> {
    crate::test_kill::watched(journal)
}
