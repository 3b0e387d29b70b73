//! What a crate downstream needs to test its own strategy: the crash matrix, the conformance suite,
//! and a mock, each in a few lines.

use std::error::Error;
use std::sync::Arc;

use custom_strategy::HandOver;
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::mock::MockVerifier;
use stillme_rollback_core::testing::conformance::check_strategy;
use stillme_rollback_core::testing::{CrashMatrix, MemoryPlatform, Simulated};
use stillme_rollback_core::{
    Check, EndState, Goal, Outcome, Release, Request, Result, Target, Verdict, Version,
};

type Tested = Result<(), Box<dyn Error>>;

fn back_to(version: &str) -> Result<Request> {
    Ok(Request::new(Goal::Release(Release::new(Version::new(version)?))))
}

/// Every fault at every call, up to two crashes at every boundary.
#[test]
fn no_fault_and_no_crash_breaks_it() -> Tested {
    let platform = MemoryPlatform::with_service("web", "v2");
    let report = CrashMatrix::of(&HandOver, platform, "web", &back_to("v1")?)?.run();
    println!("{report}");
    report.assert_clean();
    Ok(())
}

#[tokio::test]
async fn a_bad_verdict_gives_the_name_back() -> Tested {
    let mut verifier = MockVerifier::new();
    verifier.expect_verify().times(1).returning(|_, _| Ok(verdict(Outcome::Fail)));
    let sim = Simulated::new(MemoryPlatform::with_service("web", "v2"));
    let (plan, before) = (sim.model().plan("web", &HandOver, &back_to("v1")?)?, sim.view());
    let report = engine(&sim, verifier).run(plan).await?;
    assert_eq!((report.state, sim.view()), (Some(EndState::Restored), before));
    Ok(())
}

#[tokio::test]
async fn it_keeps_the_contract_of_strategies() -> Tested {
    let executor = Simulated::new(MemoryPlatform::with_service("web", "v2")).executor();
    let observation = executor.observe(&Target::new("memory", "test", "web")?).await?;
    check_strategy(&HandOver, &observation, &back_to("v1")?, &back_to("v2")?);
    Ok(())
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict::of(vec![Check::new("mock", outcome, "as the test says")])
}

fn engine(sim: &Simulated<MemoryPlatform>, verifier: MockVerifier) -> Engine {
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    Engine::builder(sim.executor(), Arc::new(verifier), journal, lease).build()
}
