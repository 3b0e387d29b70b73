//! The commands, once through.

use serde_json::json;

use crate::tool::{Bench, bench};

async fn bad_release() -> Option<Bench> {
    let bench = bench().await?;
    bench.cluster.deployment("web", "registry.test/web:v1", 2).await;
    bench.cluster.deploy("web", "registry.test/web:v2-not-found").await;
    Some(bench)
}

#[tokio::test]
async fn a_deployment_is_planned_approved_and_taken_back() {
    let Some(bench) = bad_release().await else { return };
    let namespace = bench.namespace();
    let planned = bench
        .rollback(&["deployment", "web", "-n", namespace, "--plan", "--output", "json"])
        .await
        .ended_with(0)
        .json();
    let plan = planned.iter().find_map(|line| line["fingerprint"].as_str()).expect("a fingerprint");
    assert_eq!(bench.cluster.image("web").await, "registry.test/web:v2-not-found");

    let ran = bench.rollback(&["deployment", "web", "-n", namespace, "--approve", plan]).await;
    let ran = ran.ended_with(0);
    assert!(ran.err.contains("waits: ") && ran.err.contains("of 2 pods are ready"), "{}", ran.err);
    assert_eq!(bench.cluster.image("web").await, "registry.test/web:v1");

    let listed = bench.rollback(&["versions", "deployment", "web", "-n", namespace]).await;
    let listed = listed.ended_with(0).out;
    assert!(listed.contains("verified") && listed.contains("a rollback left it"), "{listed}");
    // As reports name it.
    let name = format!("{namespace}/deployment/web");
    let again = bench.rollback(&["versions", "kubernetes", &name]).await.ended_with(0).out;
    assert_eq!(again, listed);
    bench.rollback(&["versions", "kubernetes", "web"]).await.ended_with(2);
}

#[tokio::test]
async fn what_is_not_there_is_named_and_nothing_is_touched() {
    let Some(bench) = bad_release().await else { return };
    let namespace = bench.namespace();
    for (arguments, said) in [
        (
            vec!["deployment", "web", "-n", namespace, "--to", "99", "--yes"],
            "there is no such revision",
        ),
        (vec!["deployment", "none", "-n", namespace, "--yes"], "there is no deployment/none"),
        (
            vec!["deployment", "web", "-n", "nowhere", "--yes"],
            "there is no deployment/web in nowhere",
        ),
        (vec!["statefulset", "web", "-n", namespace, "--yes"], "there is no statefulset/web"),
        (vec!["rollout", "web", "-n", namespace, "--yes"], "there is no rollout/web"),
        (vec!["blue-green", "web", "-n", namespace, "--yes"], "there is no service/web"),
        (vec!["canary", "web", "-n", namespace, "--yes"], "no other Deployment"),
        (vec!["deployment", "Web", "-n", namespace, "--yes"], "`Web` is not 1 to 253"),
        (vec!["deployment", "web", "-n", namespace, "--context", "none", "--yes"], "none"),
    ] {
        let ran = bench.rollback(&arguments).await;
        assert!(ran.code.is_some_and(|code| code != 0), "{arguments:?}: {}", ran.out);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains(said), "{arguments:?}: {all}");
    }
    assert_eq!(bench.cluster.image("web").await, "registry.test/web:v2-not-found");
}

#[tokio::test]
async fn sets_sides_and_rollouts_are_taken_back() {
    let Some(bench) = bench().await else { return };
    let (cluster, namespace) = (&bench.cluster, bench.namespace());
    cluster.stateful_set("db", "registry.test/db:v1", 2, json!({"type": "RollingUpdate"})).await;
    cluster.deploy_to("statefulsets", "db", "registry.test/db:v2-crash").await;
    cluster.daemon_set("agent", "registry.test/agent:v1", json!({"type": "RollingUpdate"})).await;
    cluster.deploy_to("daemonsets", "agent", "registry.test/agent:v2").await;
    let steps = json!({"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}});
    let spec = json!({"replicas": 2, "strategy": steps});
    cluster.create_workload("rollouts", "shop", "registry.test/shop:v1", spec).await;
    cluster.deploy_to("rollouts", "shop", "registry.test/shop:v2").await;
    cluster.deployment_of("web", ("version", "green"), "registry.test/web:v2", 1).await;
    cluster.deployment_of("web", ("version", "blue"), "registry.test/web:v1", 0).await;
    cluster.service("web", &json!({"app": "web", "version": "green"})).await;
    cluster.rolled_out("web-green").await;
    for arguments in [
        vec!["statefulset", "db"],
        vec!["daemonset", "agent"],
        vec!["rollout", "shop"],
        vec!["blue-green", "web", "--to", "blue", "--scale-down"],
    ] {
        let mut all = arguments.clone();
        all.extend(["-n", namespace, "--yes", "--settle", "1s", "--deadline", "60s"]);
        bench.rollback(&all).await.ended_with(0);
    }
    for app in ["db", "agent", "shop", "web"] {
        let pods = cluster.pods(app).await;
        assert!(!pods.is_empty(), "{app}");
        for (_, _, image, _) in pods {
            assert!(image.ends_with(":v1"), "{app}: {image}");
        }
    }
}

/// What the guide writes as three commands of kubectl, none of which does it.
#[tokio::test]
async fn a_rollout_is_paused_looked_at_and_taken_back() {
    let Some(bench) = bench().await else { return };
    let (cluster, namespace) = (&bench.cluster, bench.namespace());
    let steps = json!({"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "1h"}}]}});
    let spec = json!({"replicas": 2, "strategy": steps});
    cluster.create_workload("rollouts", "web", "registry.test/web:v1", spec).await;
    let told = bench.rollback(&["status", "rollout", "web", "-n", namespace]).await.ended_with(0);
    assert!(told.out.contains("2 pods are available, and no others"), "{}", told.out);
    cluster.deploy_to("rollouts", "web", "registry.test/web:v2").await;

    bench.rollback(&["pause", "rollout", "web", "-n", namespace]).await.ended_with(0);
    assert_eq!(cluster.get("rollouts", "web").await["spec"]["paused"], true);
    let told = bench.rollback(&["status", "rollout", "web", "-n", namespace]).await.ended_with(3);
    assert!(told.out.contains("it is paused"), "{}", told.out);

    let settle = ["--settle", "1s", "--yes"];
    let command = ["rollout", "web", "-n", namespace];
    bench.rollback(&[&command[..], &settle[..]].concat()).await.ended_with(0);
    bench.rollback(&["status", "rollout", "web", "-n", namespace]).await.ended_with(0);
    let refused = bench.rollback(&["pause", "deployment", "none", "-n", namespace]).await;
    assert!(refused.err.contains("there is no deployment/none"), "{}", refused.err);
}

#[tokio::test]
async fn a_workload_that_will_not_get_there_says_which_pod_and_why() {
    let Some(bench) = bad_release().await else { return };
    let namespace = bench.namespace();
    bench
        .cluster
        .until("its pod can't be pulled", async || {
            let ran = bench.rollback(&["status", "deployment", "web", "-n", namespace]).await;
            ran.code == Some(4) && ran.out.contains("its image can't be pulled")
        })
        .await;
    let ran = bench.rollback(&["pause", "daemonset", "web", "-n", namespace]).await;
    assert!(ran.err.contains("a daemonset can't be paused"), "{}", ran.err);
}

#[tokio::test]
async fn a_run_is_given_up_on_a_cluster_that_is_named() {
    let Some(bench) = bench().await else { return };
    let (cluster, namespace) = (&bench.cluster, bench.namespace());
    cluster.deployment("web", "registry.test/web:v1-unready", 0).await;
    cluster.deploy("web", "registry.test/web:v2").await;
    cluster.merge("deployments", "web", &json!({"spec": {"replicas": 1}})).await;
    cluster.rolled_out("web").await;
    // It may yet get ready, so that the run pauses.
    let command = ["deployment", "web", "-n", namespace, "--yes", "--settle", "1s"];
    bench.rollback(&[&command[..], &["--deadline", "4s"]].concat()).await.ended_with(15);
    let runs = bench.rollback(&["runs", "--output", "json"]).await.ended_with(0).json();
    let run = runs[0]["run"].as_str().expect("its id");
    let kubeconfig = cluster.kubeconfig().to_str().expect("a path").to_owned();
    let nowhere = [("KUBECONFIG", "/nonexistent")];
    let refused = bench.rollback_with(&["abort", run], &nowhere).await.ended_with(1);
    assert!(refused.err.contains("/nonexistent"), "{}", refused.err);
    let named = ["abort", run, "--settle", "1s", "--kubeconfig", &kubeconfig];
    bench.rollback_with(&named, &nowhere).await.ended_with(11);
    assert_eq!(cluster.image("web").await, "registry.test/web:v2");
}

#[tokio::test]
async fn in_an_emergency_the_template_is_put_back_and_nothing_is_claimed() {
    let Some(bench) = bad_release().await else { return };
    let namespace = bench.namespace();
    let command = ["emergency", "deployment", "web", "-n", namespace];
    let planned = bench.rollback(&[&command[..], &["--plan"]].concat()).await.ended_with(0).out;
    assert!(planned.contains("no verdict") && !planned.contains("verify"), "{planned}");
    let ran = bench.rollback(&[&command[..], &["--yes"]].concat()).await.ended_with(0);
    assert!(ran.out.contains("NOTHING IS VERIFIED"), "{}", ran.out);
    assert!(ran.out.contains("rollback deployment web -n"), "{}", ran.out);
    assert_eq!(bench.cluster.image("web").await, "registry.test/web:v1");

    // The script, with the tool that these tests use.
    bench.cluster.deploy("web", "registry.test/web:v3-not-found").await;
    let ran = bench.script(&["-n", namespace, "-s", "web", "--", "--yes"]).await;
    let ran = ran.ended_with(0);
    assert!(ran.out.contains("NOTHING IS VERIFIED") && ran.out.contains("POD"), "{}", ran.out);
    assert_eq!(bench.cluster.image("web").await, "registry.test/web:v1");
    for hostile in ["$(touch x)", "web;id", "-rf", "Web", "a\nb"] {
        bench.script(&["-n", namespace, "-s", hostile]).await.ended_with(2);
    }
}
