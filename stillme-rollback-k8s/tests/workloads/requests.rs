//! What a rollback costs the API server.

use stillme_rollback_core::EndState;

use crate::Stage;

#[tokio::test]
async fn an_undo_and_its_wait_take_four_requests_and_two_for_the_pods() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    cluster.deployment("web", "registry.test/web:v1", 2).await;
    cluster.deploy("web", "registry.test/web:v2-unready").await;
    let Some(before) = cluster.requests() else {
        println!("left out: counting requests, this cluster's books can't be read");
        return;
    };

    let report = stage.go_back("web", "previous").await;

    assert_eq!(report.state, Some(EndState::RolledBack), "{report:?}");
    let mut counted = Vec::new();
    // A watch is written down when it ends; whatever has ended by then counts.
    let all = cluster.requests().unwrap();
    for request in &all[before.len()..] {
        // Counted apart: preflight, and where Services send.
        let apart =
            ["selfsubjectaccessreviews", "horizontalpodautoscalers", "services", "endpointslices"];
        if !apart.iter().any(|resource| request.ends_with(resource)) {
            counted.push(request.as_str());
        }
    }
    println!("{counted:?}");
    let patches = counted.iter().filter(|request| **request == "patch deployments").count();
    // The rehearsal, the undo, and the note that it was verified.
    assert_eq!(patches, 3, "{counted:?}");
    let reads =
        counted.iter().filter(|request| request.starts_with("get") || request.starts_with("list"));
    // How it is, and its history.
    assert_eq!(reads.count(), 2, "{counted:?}");
}
