//! The crash matrices of the strategies: the real strategy and the real executor, over a model of a cluster.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Mutation, Simulated};
use stillme_rollback_core::{HashKey, Plan, Request, Strategy as _};
use stillme_rollback_k8s::names::{Namespace, ObjectName, WorkloadRef};
use stillme_rollback_k8s::testing::{ClusterModel, ModelCluster, ModelVerifier};
use stillme_rollback_k8s::{KubernetesExecutor, TemplateBack, Wanted};

fn executor(sim: Simulated<ClusterModel>) -> KubernetesExecutor {
    let key = HashKey::from_bytes([7; 32]);
    KubernetesExecutor::new(Arc::new(ModelCluster::new(sim)), key)
}

fn plan(model: &ClusterModel, strategy: TemplateBack, deadline: Duration) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let executor = executor(Simulated::new(model.clone()));
        let (namespace, name) =
            (Namespace::new("default").unwrap(), ObjectName::new("web").unwrap());
        let workload = WorkloadRef::new(namespace, model.kind, name);
        let (observation, goal) =
            executor.observe_for(&workload, &Wanted::Previous, None).await.unwrap();
        let mut request = Request::new(goal);
        request.deadline = deadline;
        strategy.plan(&observation, &request).unwrap()
    })
}

fn matrix(model: ClusterModel) -> CrashMatrix<ClusterModel> {
    matrix_within(Duration::from_secs(300), model)
}

fn matrix_within(deadline: Duration, model: ClusterModel) -> CrashMatrix<ClusterModel> {
    // Where no controller replaces pods, the run does.
    matrix_of(TemplateBack::new().replacing_pods(), deadline, model)
}

fn matrix_of(
    strategy: TemplateBack,
    deadline: Duration,
    model: ClusterModel,
) -> CrashMatrix<ClusterModel> {
    let plan = plan(&model, strategy, deadline);
    CrashMatrix::new(
        model,
        plan,
        |sim| Arc::new(executor(sim)),
        |sim| Arc::new(ModelVerifier::new(sim)),
    )
}

fn timed(what: &str, matrix: &CrashMatrix<ClusterModel>) -> MatrixReport {
    let began = Instant::now();
    let report = matrix.run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report
}

#[test]
fn every_fault_and_up_to_two_crashes() {
    let report = timed("two crashes", &matrix(ClusterModel::with_deployment("web")));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn a_target_that_fails_its_verdict_is_always_undone() {
    let mut model = ClusterModel::with_deployment("web");
    model.sick.push("web:v1".to_owned());
    let report = timed("the target is sick", &matrix(model));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn pods_of_a_stateful_set_that_are_stuck_are_freed() {
    let model = ClusterModel::with_stateful_set("web", &["web:v2"]);
    let report = timed("a pod is stuck", &matrix(model));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn a_target_whose_pods_get_stuck_is_undone_and_they_are_freed() {
    let mut model = ClusterModel::with_stateful_set("web", &[]);
    model.sick.push("web:v1".to_owned());
    let report = timed("pods get stuck", &matrix(model).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn pods_that_no_controller_replaces_are_replaced_one_by_one() {
    let model = ClusterModel::with_stateful_set_on_delete("web");
    let report = timed("OnDelete", &matrix(model).with_crashes(1));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn pods_that_were_replaced_in_vain_are_replaced_again() {
    let mut model = ClusterModel::with_stateful_set_on_delete("web");
    model.sick.push("web:v1".to_owned());
    // A pod that never gets ready is looked at until the deadline, and each look is a place to crash.
    let matrix = matrix_within(Duration::from_secs(2), model).with_crashes(1);
    let report = timed("OnDelete, the target is sick", &matrix);
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn a_rollout_goes_back_in_the_middle_of_its_update() {
    let report = timed("mid-update", &matrix(ClusterModel::with_rollout("web")).with_crashes(1));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn a_rollout_that_was_promoted_goes_back_without_its_steps() {
    let model = ClusterModel::with_rollout_promoted("web");
    let report = timed("promoted", &matrix(model.clone()).with_crashes(1));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
    let mut sick = model;
    sick.sick.push("web:v1".to_owned());
    let report = timed("promoted, the target is sick", &matrix(sick).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn in_an_emergency_nothing_is_proven_and_nothing_is_half_done() {
    let model = ClusterModel::with_stateful_set("web", &["web:v2"]);
    let strategy = TemplateBack::new().in_emergency();
    let matrix = matrix_of(strategy, Duration::from_secs(60), model).with_crashes(1);
    let report = timed("emergency", &matrix);
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

/// The rules are not decoration: break one, and the matrix fails.
#[test]
fn a_broken_rule_is_found() {
    let matrix = matrix(ClusterModel::with_deployment("web"));
    let report = timed("NoSettle", &matrix.with_mutation(Mutation::NoSettle));
    assert!(report.bad > 0, "it goes unnoticed: {report}");
}
