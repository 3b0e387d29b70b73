//! The crash matrices of the strategies: the real strategy and the real executor, over a model of a cluster.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::sync::Arc;
use std::time::Instant;

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Mutation, Simulated};
use stillme_rollback_core::{HashKey, Plan, Request, Strategy as _};
use stillme_rollback_k8s::names::{Kind, Namespace, ObjectName, WorkloadRef};
use stillme_rollback_k8s::testing::{ClusterModel, ModelCluster, ModelVerifier};
use stillme_rollback_k8s::{KubernetesExecutor, TemplateBack, Wanted};

fn executor(sim: Simulated<ClusterModel>) -> KubernetesExecutor {
    let key = HashKey::from_bytes([7; 32]);
    KubernetesExecutor::new(Arc::new(ModelCluster::new(sim)), key)
}

fn plan(model: &ClusterModel) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let executor = executor(Simulated::new(model.clone()));
        let (namespace, name) =
            (Namespace::new("default").unwrap(), ObjectName::new("web").unwrap());
        let workload = WorkloadRef::new(namespace, Kind::Deployment, name);
        let (observation, goal) =
            executor.observe_for(&workload, &Wanted::Previous, None).await.unwrap();
        TemplateBack::new().plan(&observation, &Request::new(goal)).unwrap()
    })
}

fn matrix(model: ClusterModel) -> CrashMatrix<ClusterModel> {
    let plan = plan(&model);
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

/// The rules are not decoration: break one, and the matrix fails.
#[test]
fn a_broken_rule_is_found() {
    let matrix = matrix(ClusterModel::with_deployment("web"));
    let report = timed("NoSettle", &matrix.with_mutation(Mutation::NoSettle));
    assert!(report.bad > 0, "it goes unnoticed: {report}");
}
