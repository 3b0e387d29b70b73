//! The tool, killed with `kill -9` at every record of its journal, and each time gone on with: the workload is at the
//! version that was wanted, or where it was, and nothing is half done.

use serde_json::json;

use crate::cluster::Cluster;
use crate::tool::{Bench, bench};

/// More records than any of these runs has.
const TOO_MANY: usize = 60;

/// A workload to take back, again and again under other names.
trait Scenario {
    /// Makes it, in a state to be taken back from.
    async fn prepare(cluster: &Cluster, name: &str);
    /// The command.
    fn command(name: &str) -> Vec<String>;
    /// Whether it is taken back, and whole.
    async fn is_back(cluster: &Cluster, name: &str) -> bool;
}

async fn kill_and_resume<S: Scenario>(bench: &Bench, at: usize, when: &str) -> bool {
    let name = format!("web-{when}-{at}");
    S::prepare(&bench.cluster, &name).await;
    let command = S::command(&name);
    let mut arguments: Vec<_> = command.iter().map(String::as_str).collect();
    let rest = ["-n", bench.namespace(), "--yes", "--settle", "1s", "--deadline", "60s"];
    arguments.extend(rest);
    let number = at.to_string();
    let env = [("STILLME_TEST_KILL_AT", number.as_str()), ("STILLME_TEST_KILL_WHEN", when)];
    let ran = bench.rollback_with(&arguments, &env).await;
    if ran.code.is_some() {
        ran.ended_with(0);
        return false;
    }
    let what = format!("{command:?} killed {when} record {at}");
    let runs = bench.rollback(&["runs", "--output", "json"]).await.ended_with(0).json();
    let unfinished: Vec<_> = runs.iter().filter(|run| run["state"].is_null()).collect();
    match unfinished.as_slice() {
        // Nothing was durable: nothing was done. What is durable at last is the end.
        [] if (at, when) == (1, "before") => {
            assert!(!S::is_back(&bench.cluster, &name).await, "{what}");
        }
        [] => assert!(S::is_back(&bench.cluster, &name).await, "{what}"),
        [run] => {
            let run = run["run"].as_str().expect("its id");
            bench.rollback(&["resume", run, "--settle", "1s"]).await.ended_with(0);
            assert!(S::is_back(&bench.cluster, &name).await, "{what}");
            bench.rollback(&["show", run]).await.ended_with(0);
            // A second one changes nothing.
            bench.rollback(&["resume", run]).await.ended_with(0);
            assert!(S::is_back(&bench.cluster, &name).await, "{what}");
        }
        several => panic!("{what}: {} runs are unfinished", several.len()),
    }
    true
}

async fn at_every_record<S: Scenario>(whens: &[&str], least: usize) {
    let Some(bench) = bench().await else { return };
    let mut kills = 0;
    for when in whens {
        for at in 1..TOO_MANY {
            if !kill_and_resume::<S>(&bench, at, when).await {
                break;
            }
            kills += 1;
        }
    }
    let kind = &S::command("web")[0];
    crate::say(&format!("{kind}: killed {kills} times, each time resumed"));
    assert!(kills >= least, "{kind}: {kills}");
}

async fn all_of(cluster: &Cluster, name: &str, image: &str, pods: usize) -> bool {
    let found = cluster.pods(name).await;
    found.len() == pods && found.iter().all(|(_, _, one, ready)| one.ends_with(image) && *ready)
}

struct Deployment;

impl Scenario for Deployment {
    async fn prepare(cluster: &Cluster, name: &str) {
        cluster.deployment(name, "registry.test/web:v1", 1).await;
        cluster.deploy(name, "registry.test/web:v2-unready").await;
    }

    fn command(name: &str) -> Vec<String> {
        vec!["deployment".to_owned(), name.to_owned()]
    }

    async fn is_back(cluster: &Cluster, name: &str) -> bool {
        all_of(cluster, name, ":v1", 1).await
            && cluster.get("deployments", name).await["metadata"]["annotations"]["example.com/kept"]
                == "as it is"
    }
}

#[tokio::test]
async fn of_a_deployment() {
    at_every_record::<Deployment>(&["before", "after"], 12).await;
}

struct StatefulSet;

impl Scenario for StatefulSet {
    async fn prepare(cluster: &Cluster, name: &str) {
        let strategy = json!({"type": "RollingUpdate"});
        cluster.stateful_set(name, "registry.test/db:v1", 2, strategy).await;
        cluster.deploy_to("statefulsets", name, "registry.test/db:v2-crash").await;
        cluster
            .until("its last pod is stuck", async || {
                let pods = cluster.pods(name).await;
                pods.last().is_some_and(|(_, _, image, ready)| image.ends_with("crash") && !ready)
            })
            .await;
    }

    fn command(name: &str) -> Vec<String> {
        vec!["statefulset".to_owned(), name.to_owned()]
    }

    async fn is_back(cluster: &Cluster, name: &str) -> bool {
        all_of(cluster, name, ":v1", 2).await
    }
}

#[tokio::test]
async fn of_a_stateful_set_with_a_stuck_pod() {
    at_every_record::<StatefulSet>(&["before", "after"], 16).await;
}

struct Rollout;

impl Scenario for Rollout {
    async fn prepare(cluster: &Cluster, name: &str) {
        let steps = json!({"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}});
        let spec = json!({"replicas": 2, "strategy": steps});
        cluster.create_workload("rollouts", name, "registry.test/web:v1", spec).await;
        let before = cluster.get("rollouts", name).await["status"]["currentPodHash"].clone();
        cluster.deploy_to("rollouts", name, "registry.test/web:v2").await;
        cluster
            .until("its controller is on its way", async || {
                cluster.get("rollouts", name).await["status"]["currentPodHash"] != before
            })
            .await;
        let full = json!({"status": {"promoteFull": true}});
        cluster.merge("rollouts", &format!("{name}/status"), &full).await;
        cluster.rolled_out_of("rollouts", name).await;
    }

    fn command(name: &str) -> Vec<String> {
        vec!["rollout".to_owned(), name.to_owned()]
    }

    async fn is_back(cluster: &Cluster, name: &str) -> bool {
        all_of(cluster, name, ":v1", 2).await
    }
}

#[tokio::test]
async fn of_a_rollout_that_was_promoted() {
    at_every_record::<Rollout>(&["before", "after"], 18).await;
}

struct BlueGreen;

impl Scenario for BlueGreen {
    async fn prepare(cluster: &Cluster, name: &str) {
        cluster.deployment_of(name, ("version", "green"), "registry.test/web:v2", 1).await;
        cluster.deployment_of(name, ("version", "blue"), "registry.test/web:v1", 0).await;
        cluster.service(name, &json!({"app": name, "version": "green"})).await;
        cluster.rolled_out(&format!("{name}-green")).await;
    }

    fn command(name: &str) -> Vec<String> {
        ["blue-green", name, "--scale-down"].map(str::to_owned).to_vec()
    }

    async fn is_back(cluster: &Cluster, name: &str) -> bool {
        let service = cluster.get("services", name).await;
        service["spec"]["selector"]["version"] == "blue" && all_of(cluster, name, ":v1", 1).await
    }
}

#[tokio::test]
async fn of_a_service_that_is_pointed_to_the_other_colour() {
    at_every_record::<BlueGreen>(&["before", "after"], 20).await;
}
