//! The crash matrices of the strategies that move requests: the real strategies and the real executor, over a model of a
//! Service and two Deployments.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Mutation, Simulated};
use stillme_rollback_core::{HashKey, Outcome, Plan, Request, Strategy as _};
use stillme_rollback_k8s::names::{Namespace, ObjectName};
use stillme_rollback_k8s::testing::{Always, SidesCluster, SidesModel};
use stillme_rollback_k8s::{BlueGreen, Canary, TrafficExecutor};

fn executor(sim: Simulated<SidesModel>) -> TrafficExecutor {
    TrafficExecutor::new(Arc::new(SidesCluster::new(sim)), HashKey::from_bytes([7; 32]))
}

fn planned(model: &SidesModel, is_canary: bool) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let executor = executor(Simulated::new(model.clone()));
        let name = |text: &str| ObjectName::new(text).unwrap();
        let namespace = Namespace::new("default").unwrap();
        let found = if is_canary {
            executor.find_canary(&namespace, &name("web-blue"), None).await
        } else {
            executor.find_blue_green(&namespace, &name("web"), None).await
        };
        let (observation, goal) = found.unwrap();
        let mut request = Request::new(goal);
        // What is not ready is looked at until the deadline, and each look is a place to crash.
        request.deadline = Duration::from_secs(3);
        if is_canary {
            Canary::new().plan(&observation, &request).unwrap()
        } else {
            BlueGreen::new().scaling_down().plan(&observation, &request).unwrap()
        }
    })
}

fn matrix(model: SidesModel, is_canary: bool, verdict: Outcome) -> CrashMatrix<SidesModel> {
    let plan = planned(&model, is_canary);
    CrashMatrix::new(model, plan, |sim| Arc::new(executor(sim)), move |_| Arc::new(Always(verdict)))
        .with_crashes(1)
}

fn timed(what: &str, matrix: &CrashMatrix<SidesModel>) -> MatrixReport {
    let began = Instant::now();
    let report = matrix.run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report
}

fn always_ends(what: &str, end: &str, matrix: &CrashMatrix<SidesModel>) {
    let report = timed(what, matrix);
    report.assert_clean();
    assert!(report.ends.contains_key(end), "{report}");
    let other = if end == "RolledBack" { None } else { report.ends.get("RolledBack") };
    assert_eq!(other, None, "{report}");
}

#[test]
fn a_service_is_pointed_to_the_other_colour() {
    let matrix = matrix(SidesModel::blue_green(), false, Outcome::Pass);
    always_ends("blue-green", "RolledBack", &matrix);
}

#[test]
fn a_bad_verdict_points_it_back() {
    let matrix = matrix(SidesModel::blue_green(), false, Outcome::Fail);
    always_ends("blue-green, a bad verdict", "Restored", &matrix);
}

#[test]
fn a_colour_that_can_not_start_never_gets_a_request() {
    let mut model = SidesModel::blue_green();
    model.sick.push("web-blue".to_owned());
    always_ends("blue-green, sick", "Restored", &matrix(model, false, Outcome::Pass));
}

#[test]
fn a_canary_gets_no_more_requests() {
    always_ends("canary", "RolledBack", &matrix(SidesModel::canary(), true, Outcome::Pass));
}

#[test]
fn a_bad_verdict_brings_the_canary_back() {
    let matrix = matrix(SidesModel::canary(), true, Outcome::Fail);
    always_ends("canary, a bad verdict", "Restored", &matrix);
}

/// The rules are not decoration: break one, and the matrix fails.
#[test]
fn a_broken_rule_is_found() {
    let matrix = matrix(SidesModel::blue_green(), false, Outcome::Pass);
    let report = timed("NoSettle", &matrix.with_mutation(Mutation::NoSettle));
    assert!(report.bad > 0, "it goes unnoticed: {report}");
}
