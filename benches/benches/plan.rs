//! How long it takes to make a plan, and its fingerprint.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use stillme_rollback_benches::docker;
use stillme_rollback_core::Strategy as _;
use stillme_rollback_docker::testing::DockerModel;

fn plan(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let model = DockerModel::with_service("web");
    let observed = runtime.block_on(docker::observed(&model));
    let (observation, request) = observed.expect("an observation");
    let strategy = docker::strategy();
    let plan = || strategy.plan(&observation, &request).expect("a plan");
    criterion.bench_function("plan/create-first", |bencher| bencher.iter(plan));
    let made = plan();
    criterion.bench_function("plan/fingerprint", |bencher| bencher.iter(|| made.fingerprint()));
}

criterion_group!(benches, plan);
criterion_main!(benches);
