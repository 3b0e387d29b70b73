//! The crash matrix once more, over HTTP: the real client, executor and strategies, before a fake of
//! an engine on a socket whose connections are refused, cut, silent, or answer with a failure.
//!
//! What the matrix of `crash_matrix.rs` says of errors, this says of connections: that the client makes
//! of each what the engine of ours needs to know.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

mod served;
mod wire;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Simulated};
use stillme_rollback_core::{HashKey, Plan, Request, Strategy};
use stillme_rollback_docker::testing::{DockerModel, ModelVerifier};
use stillme_rollback_docker::{ContainerName, CreateFirst, WarmSwap};

use wire::{OverHttp, Wires};

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

/// The plan, made over the wire like everything else.
fn plan(model: &DockerModel, strategy: &dyn Strategy, wires: &Wires) -> Plan {
    let seen = wires.with(&Simulated::new(model.clone()), |executor| {
        Box::pin(async {
            let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
            executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap()
        })
    });
    strategy.plan(&seen.0, &Request::new(seen.1)).unwrap()
}

fn matrix(what: &str, model: DockerModel, strategy: &dyn Strategy, crashes: u8) -> MatrixReport {
    let wires = Wires::new(key());
    let plan = plan(&model, strategy, &wires);
    let matrix = CrashMatrix::new(
        model,
        plan,
        move |sim| Arc::new(OverHttp::new(sim, wires.clone())),
        |sim| Arc::new(ModelVerifier::new(sim)),
    );
    // Each thread waits for its fake engine half of the time.
    let began = Instant::now();
    let report = matrix.with_crashes(crashes).with_threads(NonZeroUsize::new(6).unwrap()).run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report.assert_clean();
    report
}

#[test]
fn create_first_survives_every_fault_of_a_connection_and_a_crash() {
    let report = create_first(1);
    assert!(report.ends.contains_key("RolledBack") && report.ends.contains_key("Restored"));
    assert!(report.cases >= 50_000, "{report}");
}

#[test]
fn a_sick_target_is_undone_over_every_fault_of_a_connection() {
    let report = sick(0);
    assert!(report.cases >= 1_000, "{report}");
}

#[test]
fn a_warm_swap_survives_every_fault_of_a_connection() {
    let report = warm_swap(0);
    assert!(report.ends.contains_key("RolledBack") && report.ends.contains_key("Restored"));
    assert!(report.cases >= 2_000, "{report}");
}

#[test]
#[ignore = "takes minutes: `cargo test --test over_http -- --ignored`"]
fn the_others_survive_a_crash_as_well() {
    let cases = sick(1).cases + warm_swap(1).cases;
    assert!(cases >= 500_000, "{cases}");
}

fn create_first(crashes: u8) -> MatrixReport {
    let model = DockerModel::with_service("web");
    matrix("create-first", model, &CreateFirst::new(key()), crashes)
}

fn sick(crashes: u8) -> MatrixReport {
    let mut model = DockerModel::with_service("web");
    model.sick.push(model.image("web:v1").unwrap().as_str().to_owned());
    let report = matrix("create-first, sick", model, &CreateFirst::new(key()), crashes);
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
    report
}

fn warm_swap(crashes: u8) -> MatrixReport {
    let model = DockerModel::with_service("web").with_healthcheck().with_networks(&["bridge"]);
    matrix("warm-swap", model, &WarmSwap::new(key()), crashes)
}
