//! The crash matrix of the testing kit's own strategy, and that it bites.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use stillme_rollback_core::testing::{
    CrashMatrix, MatrixReport, MemoryExecutor, MemoryPlatform, Mutation, Replace, Simulated,
};
use stillme_rollback_core::{Goal, Plan, Release, Request, Strategy as _, Target, Version};

fn plan(platform: &MemoryPlatform, strategy: Replace) -> Plan {
    let target = Target::new("memory", "test", "web").unwrap();
    let sim = Simulated::new(platform.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let observation = runtime.block_on(sim.executor().observe(&target)).unwrap();
    let to = Release::new(Version::new("v1").unwrap());
    strategy.plan(&observation, &Request::new(Goal::Release(to))).unwrap()
}

fn matrix(platform: MemoryPlatform, strategy: Replace) -> CrashMatrix<MemoryPlatform> {
    let plan = plan(&platform, strategy);
    CrashMatrix::new(platform, plan, |sim| sim.executor(), |sim| sim.verifier())
}

fn timed(what: &str, matrix: &CrashMatrix<MemoryPlatform>) -> MatrixReport {
    let began = Instant::now();
    let report = matrix.run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report
}

fn two_versions() -> MemoryPlatform {
    MemoryPlatform::with_service("web", "v2")
}

#[test]
fn every_fault_and_two_crashes_leave_a_named_end_state() {
    let report = timed("the target works", &matrix(two_versions(), Replace::default()));
    report.assert_clean();
    assert!(report.cases >= 50_000, "{report}");
}

#[test]
fn a_target_that_fails_its_verdict_is_always_undone() {
    let mut platform = two_versions();
    platform.sick.push(String::from("v1"));
    let report = timed("the target is sick", &matrix(platform, Replace::default()).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn a_target_that_exits_at_once_is_always_undone() {
    let mut platform = two_versions();
    platform.broken.push(String::from("v1"));
    let report = timed("the target exits", &matrix(platform, Replace::default()).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn what_can_not_be_undone_comes_last_and_is_finished() {
    let strategy = {
        let mut strategy = Replace::default();
        strategy.forget_old = true;
        strategy
    };
    let report =
        timed("the old one is forgotten", &matrix(two_versions(), strategy).with_crashes(1));
    report.assert_clean();
}

/// The rules are not decoration: break one, and the matrix fails.
#[test]
fn a_broken_rule_is_found() {
    for mutation in [Mutation::SkipIntent, Mutation::NoSettle] {
        let matrix =
            matrix(two_versions(), Replace::default()).with_crashes(1).with_mutation(mutation);
        let report = timed(&format!("{mutation:?}"), &matrix);
        assert!(report.bad > 0, "{mutation:?} goes unnoticed: {report}");
    }
    let platform = two_versions();
    let plan = plan(&platform, Replace::default());
    let by_name = CrashMatrix::new(
        platform,
        plan,
        |sim| Arc::new(MemoryExecutor::new(sim).acting_by_name()),
        |sim: Simulated<MemoryPlatform>| sim.verifier(),
    );
    let report = timed("acting by name", &by_name.with_crashes(1));
    assert!(report.bad > 0, "acting by name goes unnoticed: {report}");
}

/// Not even in what is told of the bad cases.
#[test]
fn the_number_of_threads_changes_nothing() {
    let on = |threads| {
        let matrix = matrix(two_versions(), Replace::default()).with_crashes(1);
        let matrix = matrix.with_mutation(Mutation::NoSettle);
        matrix.with_threads(NonZeroUsize::new(threads).unwrap()).run()
    };
    let alone = on(1);
    assert!(!alone.examples.is_empty(), "{alone}");
    for threads in [2, 3, 16] {
        assert_eq!(on(threads), alone, "{threads} threads");
    }
}
