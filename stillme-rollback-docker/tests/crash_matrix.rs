//! The crash matrix of `create-first`: the real strategy and the real executor, over an engine model.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::sync::Arc;
use std::time::Instant;

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Simulated};
use stillme_rollback_core::{HashKey, Plan, Request, Strategy as _};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelVerifier};
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor};

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn executor(sim: Simulated<DockerModel>) -> DockerExecutor {
    DockerExecutor::new(Arc::new(ModelEngine::new(sim)), key())
}

fn plan(model: &DockerModel) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let executor = executor(Simulated::new(model.clone()));
        let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
        let wanted = "v1".parse().unwrap();
        let (observation, goal) = executor.observe_for(&target, &wanted).await.unwrap();
        CreateFirst::new(key()).plan(&observation, &Request::new(goal)).unwrap()
    })
}

fn matrix(model: DockerModel) -> CrashMatrix<DockerModel> {
    let plan = plan(&model);
    CrashMatrix::new(
        model,
        plan,
        |sim| Arc::new(executor(sim)),
        |sim| Arc::new(ModelVerifier::new(sim)),
    )
}

fn timed(what: &str, matrix: &CrashMatrix<DockerModel>) -> MatrixReport {
    let began = Instant::now();
    let report = matrix.run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report
}

#[test]
fn crashes_alone() {
    timed("crashes alone", &matrix(DockerModel::with_service("web")).without_faults())
        .assert_clean();
}

#[test]
fn every_fault_and_up_to_two_crashes() {
    let report = timed("two crashes", &matrix(DockerModel::with_service("web")));
    report.assert_clean();
}
