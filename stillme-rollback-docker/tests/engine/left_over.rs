//! What killed tests leave on an engine does not stay there.

use std::process::Command;

use serde_json::json;
use stillme_rollback_docker::http::Call;

use crate::real::{LABEL, Testbed, cleanup, testbed};

async fn network_of(bed: &Testbed, test: &str) -> String {
    let name = format!("{}-of-{test}", bed.repository());
    let body = json!({"Name": name, "Labels": {LABEL: test}});
    let call = Call::posting("create network", "/networks/create").json(&body);
    bed.engine.client().call(&call).await.unwrap();
    name
}

async fn is_there(bed: &Testbed, network: &str) -> bool {
    let call = Call::reading("inspect network", format!("/networks/{network}"));
    bed.engine.client().call(&call).await.is_ok()
}

#[tokio::test]
async fn what_tests_of_dead_processes_made_is_removed_and_nothing_else() {
    let Some(bed) = testbed().await else { return };
    let mut process = Command::new("true").spawn().unwrap();
    process.wait().unwrap();
    let dead = network_of(&bed, &format!("rbtest-{}-0", process.id())).await;
    let alive = network_of(&bed, bed.repository()).await;
    let foreign = network_of(&bed, "of-somebody-else").await;
    cleanup::remove_what_dead_tests_left(&bed.engine).await;
    assert!(!is_there(&bed, &dead).await);
    assert!(is_there(&bed, &alive).await);
    assert!(is_there(&bed, &foreign).await);
    cleanup::remove_all_of(&bed.engine, "of-somebody-else").await;
    assert!(!is_there(&bed, &foreign).await);
}
