//! Somebody deploys right before each write of ours: theirs is never touched, whichever write it was.

use std::sync::Arc;

use serde_json::{Value, json};
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{EndState, Executor, HashKey, Outcome, Plan, Verifier};
use stillme_rollback_k8s::names::Kind;
use stillme_rollback_k8s::testing::Always;
use stillme_rollback_k8s::{BlueGreen, KubernetesExecutor, TemplateBack};

use crate::Stage;
use crate::cluster::Cluster;
use crate::interposed::Interposed;

/// More writes than any of these runs has.
const TOO_MANY: u32 = 12;

fn key() -> HashKey {
    HashKey::from_bytes([5; 32])
}

async fn run(
    executor: Arc<dyn Executor>,
    verdict: Option<Outcome>,
    real: Arc<dyn Verifier>,
    plan: Plan,
) -> Report {
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    let verifier = match verdict {
        Some(always) => Arc::new(Always(always)),
        None => real,
    };
    Engine::builder(executor, verifier, journal, lease).build().run(plan).await.expect("a report")
}

/// Before each write of a rollback of a workload: `true` as long as there was one.
async fn before_write(
    stage: &Stage,
    kind: Kind,
    plural: &'static str,
    at: u32,
    verdict: Option<Outcome>,
) -> bool {
    let name = format!("web-{at}");
    let plan = stage.plan_of(kind, &name, "previous", TemplateBack::new()).await.expect("a plan");
    let user = Arc::new(stage.cluster.again());
    let theirs: Arc<std::sync::Mutex<Value>> = Arc::default();
    let (seen, deployed) = (theirs.clone(), name.clone());
    let interposed = Interposed::new(Arc::new(stage.cluster.api()), at, move || {
        let (user, seen, name) = (user.clone(), seen.clone(), deployed.clone());
        async move {
            let container = json!({"name": "app", "image": "registry.test/web:v9"});
            let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
            *seen.lock().expect("nobody panicked") =
                user.merge(plural, &name, &patch).await["spec"].clone();
        }
    });
    let executor = KubernetesExecutor::new(Arc::new(interposed.clone()), key());
    let real = Arc::new(executor.rollout_verifier());
    let report = run(Arc::new(executor), verdict, real, plan).await;
    if interposed.writes() < at {
        return false;
    }
    assert_eq!(report.state, Some(EndState::Superseded), "{kind} before write {at}: {report}");
    let after = stage.cluster.get(plural, &name).await;
    assert_eq!(after["spec"], *theirs.lock().expect("nobody panicked"), "{kind} before write {at}");
    true
}

async fn deployment(cluster: &Cluster, name: &str) {
    cluster.deployment(name, "registry.test/web:v1", 1).await;
    cluster.deploy(name, "registry.test/web:v2-unready").await;
}

#[tokio::test]
async fn of_a_deployment_on_the_way_there_and_back() {
    let Some(stage) = Stage::new().await else { return };
    for (verdict, least) in [(None, 2), (Some(Outcome::Fail), 2)] {
        let mut writes = 0;
        for at in 1..TOO_MANY {
            deployment(&stage.cluster, &format!("web-{at}")).await;
            if !before_write(&stage, Kind::Deployment, "deployments", at, verdict).await {
                break;
            }
            writes = at;
            stage.cluster.delete("deployments", &format!("web-{at}")).await;
        }
        stage.cluster.remove_all("deployments").await;
        println!("Deployment, verdict {verdict:?}: before each of {writes} writes");
        assert!(writes >= least, "{verdict:?}: {writes}");
    }
}

#[tokio::test]
async fn of_a_stateful_set_whose_pod_is_stuck() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    let mut writes = 0;
    for at in 1..TOO_MANY {
        let name = format!("web-{at}");
        let strategy = json!({"type": "RollingUpdate"});
        cluster.stateful_set(&name, "registry.test/web:v1", 2, strategy).await;
        cluster.deploy_to("statefulsets", &name, "registry.test/web:v2-crash").await;
        cluster
            .until("its last pod is stuck", async || {
                let pods = cluster.pods(&name).await;
                pods.last().is_some_and(|(_, _, image, _)| image.ends_with("v2-crash"))
            })
            .await;
        if !before_write(&stage, Kind::StatefulSet, "statefulsets", at, None).await {
            break;
        }
        writes = at;
    }
    println!("StatefulSet: before each of {writes} writes");
    // The template, the pod, and the note.
    assert!(writes >= 3, "{writes}");
}

#[tokio::test]
async fn of_a_service_that_is_pointed_to_another_colour() {
    let Some(stage) = Stage::new().await else { return };
    let cluster = &stage.cluster;
    let mut writes = 0;
    for at in 1..TOO_MANY {
        let name = format!("web-{at}");
        cluster.deployment_of(&name, ("version", "green"), "registry.test/web:v2", 1).await;
        cluster.deployment_of(&name, ("version", "blue"), "registry.test/web:v1", 0).await;
        cluster.service(&name, &json!({"app": name, "version": "green"})).await;
        cluster.rolled_out(&format!("{name}-green")).await;
        let service = stillme_rollback_k8s::names::ObjectName::new(&name).expect("a name");
        let traffic = stage.executor.traffic();
        let found = traffic.find_blue_green(&cluster.namespace, &service, None).await;
        let (observation, goal) = found.expect("two colours");
        let request = stillme_rollback_core::Request::new(goal);
        let strategy = BlueGreen::new().scaling_down();
        let plan = stillme_rollback_core::Strategy::plan(&strategy, &observation, &request);
        let user = Arc::new(cluster.again());
        let theirs: Arc<std::sync::Mutex<Value>> = Arc::default();
        let (seen, pointed) = (theirs.clone(), name.clone());
        let interposed = Interposed::new(Arc::new(cluster.api()), at, move || {
            let (user, seen, name) = (user.clone(), seen.clone(), pointed.clone());
            async move {
                let red = json!({"spec": {"selector": {"version": "red"}}});
                *seen.lock().expect("nobody panicked") =
                    user.merge("services", &name, &red).await["spec"].clone();
            }
        });
        let executor = KubernetesExecutor::new(Arc::new(interposed.clone()), key()).traffic();
        let real = Arc::new(executor.traffic_verifier());
        let report = run(Arc::new(executor), None, real, plan.expect("a plan")).await;
        if interposed.writes() < at {
            break;
        }
        assert_eq!(report.state, Some(EndState::Superseded), "before write {at}: {report}");
        let after = cluster.get("services", &name).await;
        assert_eq!(after["spec"], *theirs.lock().expect("nobody panicked"), "before write {at}");
        writes = at;
    }
    println!("blue-green: before each of {writes} writes");
    // Up, to the other colour, down.
    assert!(writes >= 3, "{writes}");
}
