//! The crash matrix once more, over HTTP: the real client, executor and strategy, before a fake of an API server whose
//! connections are refused, cut, silent, or answer with a failure.
//!
//! What `crash_matrix.rs` says of errors, this says of connections: that the client makes of each what the engine of
//! ours needs to know. No port is opened: the fake takes kube's requests as they are.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

mod served;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Simulated};
use stillme_rollback_core::{Plan, Request, Strategy as _};
use stillme_rollback_k8s::cluster::{Cluster as _, Life};
use stillme_rollback_k8s::names::{Namespace, ObjectName, WorkloadRef};
use stillme_rollback_k8s::testing::{ClusterModel, ModelVerifier};
use stillme_rollback_k8s::{HttpCluster, TemplateBack, Wanted};

use self::wire::{OverHttp, with};

/// The plan, made over the wire like everything else.
fn plan(model: &ClusterModel) -> Plan {
    let (namespace, name) = (Namespace::new("default").unwrap(), ObjectName::new("web").unwrap());
    let workload = WorkloadRef::new(namespace, model.kind, name);
    let (observation, goal) = with(&Simulated::new(model.clone()), async |executor| {
        executor.observe_for(&workload, &Wanted::Previous, None).await.unwrap()
    });
    TemplateBack::new().plan(&observation, &Request::new(goal)).unwrap()
}

fn matrix(what: &str, model: ClusterModel) -> MatrixReport {
    let plan = plan(&model);
    let matrix = CrashMatrix::new(
        model,
        plan,
        |sim| Arc::new(OverHttp::new(sim)),
        |sim| Arc::new(ModelVerifier::new(sim)),
    );
    let began = Instant::now();
    let report = matrix.with_crashes(1).run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report.assert_clean();
    report
}

/// What the simulated nodes of the other tests can't show.
#[tokio::test]
async fn logs_are_asked_for_by_container_and_life_and_bounded() {
    let service = tower::service_fn(async |request: http::Request<kube_client::client::Body>| {
        let asked = request.uri().to_string();
        Ok::<_, std::io::Error>(http::Response::new(Full::new(Bytes::from(asked))))
    });
    let client = kube_client::Client::new(service, "default");
    let cluster = HttpCluster::new(client);
    let (namespace, pod) = (Namespace::new("prod").unwrap(), ObjectName::new("web-0").unwrap());
    for (life, previous) in [(Life::Current, ""), (Life::Previous, "&previous=true")] {
        let log = cluster.logs(&namespace, &pod, "app", life).await.unwrap();
        let asked = String::from_utf8(log.expose().clone()).unwrap();
        assert_eq!(
            asked,
            format!(
                "/api/v1/namespaces/prod/pods/web-0/log?container=app{previous}&timestamps=true&tailLines=200&limitBytes=65536"
            )
        );
    }
}

#[test]
fn a_deployment_survives_every_fault_of_a_connection_and_a_crash() {
    let report = matrix("Deployment", ClusterModel::with_deployment("web"));
    assert!(report.ends.contains_key("RolledBack") && report.ends.contains_key("Restored"));
    assert!(report.cases >= 2_000, "{report}");
}

#[test]
fn a_sick_target_is_undone_over_every_fault_of_a_connection() {
    let mut model = ClusterModel::with_deployment("web");
    model.sick.push("web:v1".to_owned());
    let report = matrix("Deployment, sick", model);
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
    assert!(report.cases >= 2_000, "{report}");
}

#[test]
fn a_stuck_pod_is_freed_over_every_fault_of_a_connection() {
    let report = matrix("StatefulSet", ClusterModel::with_stateful_set("web", &["web:v2"]));
    assert!(report.ends.contains_key("RolledBack"), "{report}");
    assert!(report.cases >= 2_000, "{report}");
}
