//! The crash matrix of `compose-up`: the real strategy and the real executor, over a model of an engine
//! and of the compose command, which can be killed with the tool between any two of its requests.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Mutation, Simulated};
use stillme_rollback_core::{HashKey, Plan, Request, Strategy};
use stillme_rollback_docker::compose::{
    ComposeExecutor, ComposeOptions, ComposeUp, ServiceName, Services,
};
use stillme_rollback_docker::testing::{DockerModel, ModelVerifier};

thread_local! {
    /// The executor's own folder: its lock is one of files, and each walk is alone with it.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
}

fn executor(sim: Simulated<DockerModel>) -> ComposeExecutor {
    let folder = FOLDER.with(|folder| folder.path().join("compose"));
    ComposeExecutor::on_model(sim, HashKey::from_bytes([7; 32]), folder)
}

fn plan(model: &DockerModel) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let executor = executor(Simulated::new(model.clone()));
        let services = Services::new([ServiceName::new("web").unwrap()]).unwrap();
        let target = executor.target(None, &services).await.unwrap();
        let (options, wanted) = (ComposeOptions::default(), "v1".parse().unwrap());
        let (observation, goal) = executor.observe_for(&target, &options, &wanted).await.unwrap();
        ComposeUp.plan(&observation, &Request::new(goal)).unwrap()
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

/// The service, and the tag that protects its image: that one is put there by the first run and stays
/// whatever becomes of it, so an earlier run has put it there.
fn service(dir: &Path) -> DockerModel {
    let mut model = DockerModel::with_compose_service(dir).unwrap();
    let image = model.tags["shop:v2"].clone();
    let tag = format!("stillme-rb/{}:shop_web", model.image("shop:v2").unwrap().short());
    Arc::make_mut(&mut model.tags).insert(tag, image);
    model
}

#[test]
fn a_service_goes_back_or_stays_whatever_fails() {
    let dir = tempfile::tempdir().unwrap();
    let report = timed("compose-up", &matrix(service(dir.path())).with_crashes(1));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn a_service_whose_target_fails_is_always_undone() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = service(dir.path());
    let target = model.image("shop:v1").unwrap().as_str().to_owned();
    model.sick.push(target.clone());
    never_gone_to("compose-up, sick", &matrix(model.clone()).with_crashes(1));
    model.sick.clear();
    model.broken.push(target);
    // Up to the verdict it is the same.
    never_gone_to("compose-up, exits", &matrix(model).without_faults());
}

fn never_gone_to(what: &str, matrix: &CrashMatrix<DockerModel>) {
    let report = timed(what, matrix);
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

/// The rules hold here, too: break one, and the matrix fails.
#[test]
fn a_broken_rule_is_found() {
    let dir = tempfile::tempdir().unwrap();
    for mutation in [Mutation::SkipIntent, Mutation::NoSettle] {
        let matrix = matrix(service(dir.path())).with_crashes(1).with_mutation(mutation);
        let report = timed(&format!("{mutation:?}"), &matrix);
        assert!(report.bad > 0, "{mutation:?} goes unnoticed: {report}");
    }
}
