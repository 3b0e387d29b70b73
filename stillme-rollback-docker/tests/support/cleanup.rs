//! Removing what tests made on an engine: at a test's end, and, for those that were killed before it, at
//! the start of the next test program.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use stillme_rollback_docker::HttpEngine;
use stillme_rollback_docker::http::Call;
use stillme_rollback_docker::names::LABEL_RUN;

use super::{IMAGES, LABEL};

const CONTAINERS: &str = "/containers/json";
const NETWORKS: &str = "/networks";
const VOLUMES: &str = "/volumes";

/// What a test, or all of them, made of one kind: containers, images, networks or volumes.
async fn list(engine: &HttpEngine, path: &'static str, label: &str) -> Vec<Value> {
    let filters = json!({"label": [label]}).to_string();
    // Of images, all would be the layers of those too that are being built.
    let all = if path == CONTAINERS { "true" } else { "false" };
    let list = Call::reading("list", path).query("filters", filters).query("all", all);
    let Ok(answer) = engine.client().call(&list).await else { return Vec::new() };
    let found: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    found.get("Volumes").unwrap_or(&found).as_array().cloned().unwrap_or_default()
}

/// Removes what has a test's label, and the networks of the runs that its containers belonged to: a run
/// that was killed leaves one.
pub(crate) async fn remove_all_of(engine: &HttpEngine, test: &str) {
    let label = format!("{LABEL}={test}");
    let mut runs = BTreeSet::new();
    for container in list(engine, CONTAINERS, &label).await {
        runs.extend(container["Labels"][LABEL_RUN].as_str().map(str::to_owned));
        let id = container["Id"].as_str().unwrap_or_default();
        let call = Call::deleting("remove container", format!("/containers/{id}"));
        let _ = engine.client().call(&call.query("force", "true").query("v", "true")).await;
    }
    // By label and id: also those whose tags were taken by others, or given by a rollback.
    let removing = IMAGES.write().await;
    for image in list(engine, "/images/json", &label).await {
        let id = image["Id"].as_str().unwrap_or_default();
        let call = Call::deleting("remove image", format!("/images/{id}"));
        let _ = engine.client().call(&call.query("force", "true")).await;
    }
    drop(removing);
    // One by one: an engine refuses a prune while another one is at work.
    let of_runs = runs.into_iter().map(|run| format!("{LABEL_RUN}={run}"));
    for label in of_runs.chain([label]) {
        for (path, key) in [(NETWORKS, "Id"), (VOLUMES, "Name")] {
            for one in list(engine, path, &label).await {
                let id = one[key].as_str().unwrap_or_default();
                let call = Call::deleting("remove", format!("{path}/{id}"));
                let _ = engine.client().call(&call).await;
            }
        }
    }
}

/// Removes what tests of processes that are gone made. An engine has addresses for some thirty networks:
/// what killed tests leave would sooner or later fail all others.
pub(crate) async fn remove_what_dead_tests_left(engine: &HttpEngine) {
    let mut tests = BTreeSet::new();
    for path in [CONTAINERS, "/images/json", NETWORKS, VOLUMES] {
        for thing in list(engine, path, LABEL).await {
            tests.extend(thing["Labels"][LABEL].as_str().map(str::to_owned));
        }
    }
    for test in tests.iter().filter(|test| is_dead(test)) {
        remove_all_of(engine, test).await;
    }
}

/// Whether the process of a test, `rbtest-PID-N`, is gone.
fn is_dead(test: &str) -> bool {
    let pid = test.strip_prefix("rbtest-").and_then(|rest| rest.split('-').next());
    pid.and_then(|pid| pid.parse::<u32>().ok())
        .is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}
