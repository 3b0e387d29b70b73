//! The strategy and the executor keep the contracts of their traits, on the model of an engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::testing::conformance::{
    ExecutorCase, VerifierCase, check_executor, check_strategy, check_verifier,
};
use stillme_rollback_core::{
    CheckSpec, Goal, HashKey, Observation, Plan, Request, Run, RunId, Strategy,
};
use stillme_rollback_docker::health::HealthcheckVerifier;
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelState, ModelSwitch};
use stillme_rollback_docker::{BehindProxy, ContainerName, CreateFirst, DockerExecutor};

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn executor(sim: &Simulated<DockerModel>) -> DockerExecutor {
    let executor = DockerExecutor::new(Arc::new(ModelEngine::new(sim.clone())), key());
    match sim.model().proxy {
        Some(_) => executor.with_traffic_switch(Arc::new(ModelSwitch::new(sim.clone()))),
        None => executor,
    }
}

async fn observe(sim: &Simulated<DockerModel>) -> (Observation, Goal) {
    let executor = executor(sim);
    let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
    executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap()
}

async fn plan(sim: &Simulated<DockerModel>) -> Plan {
    let (observation, goal) = observe(sim).await;
    CreateFirst::new(key()).plan(&observation, &Request::new(goal)).unwrap()
}

fn simulated() -> Simulated<DockerModel> {
    Simulated::new(DockerModel::with_service("web"))
}

fn behind_proxy() -> Simulated<DockerModel> {
    Simulated::new(DockerModel::with_service("web").with_healthcheck().with_proxy())
}

#[tokio::test]
async fn create_first_as_a_strategy() {
    keeps_the_contract(&CreateFirst::new(key()), &simulated()).await;
}

#[tokio::test]
async fn behind_proxy_as_a_strategy() {
    keeps_the_contract(&BehindProxy::new(key()), &behind_proxy()).await;
}

async fn keeps_the_contract(strategy: &dyn Strategy, sim: &Simulated<DockerModel>) {
    let (observation, goal) = observe(sim).await;
    let mut request = Request::new(goal);
    request.deadline = Duration::from_secs(77);
    request.checks = vec![CheckSpec::new("http", "GET /healthz", serde_json::Value::Null)];
    let already = Request::new(Goal::Release(observation.running.clone().unwrap()));
    check_strategy(strategy, &observation, &request, &already);
}

#[tokio::test]
async fn create_first_with_everything_as_a_strategy() {
    let model = DockerModel::with_service("web").with_dependent("sidecar");
    let mut kept = (*model.serving().unwrap().config).clone();
    kept["Image"] = serde_json::json!("web:v1");
    let (mut model, image) = (model.clone(), model.tags["web:v1"].clone());
    model.add("web.rbo-aaaaaaaa", image, kept, serde_json::json!({"NetworkMode": "default"}));
    let executor = executor(&Simulated::new(model));
    let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
    let (observation, goal) = executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap();
    let strategy = CreateFirst::new(key()).with_config().recreate_dependents();
    let plan = strategy.plan(&observation, &Request::new(goal)).unwrap();
    plan.check().unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!((read.fingerprint(), read), (plan.fingerprint(), plan));
}

/// Somebody else's `docker rm -f web && docker run --name web app:v3`.
fn intrude(sim: &Simulated<DockerModel>) {
    sim.change(|model| {
        let named = model.containers.iter().find(|(_, container)| container.name == "web");
        let (id, theirs) = named.map(|(id, theirs)| (id.clone(), theirs.clone())).unwrap();
        model.containers_mut().remove(&id);
        let new = model.add("web", theirs.image, (*theirs.config).clone(), (*theirs.host).clone());
        model.containers_mut().get_mut(&new).unwrap().state = ModelState::Running;
    });
}

#[tokio::test]
async fn the_executor() {
    check_executor(|| async {
        let sim = simulated();
        let theirs = sim.clone();
        ExecutorCase::new(Arc::new(executor(&sim)), plan(&sim).await)
            .restarted_as(Arc::new(executor(&sim)))
            .with_intruder(async move { intrude(&theirs) })
    })
    .await;
}

/// What the run should have made is not there. (The model has no health checks to run: a real engine
/// is needed for those.)
#[tokio::test]
async fn the_verifier_of_health_checks() {
    let sim = simulated();
    let verifier = HealthcheckVerifier::new(Arc::new(ModelEngine::new(sim.clone())));
    let id = RunId::from_parts(std::time::UNIX_EPOCH, 7);
    let run = Run { id, plan: Arc::new(plan(&sim).await) };
    let case = VerifierCase::failing(Arc::new(verifier), run);
    check_verifier(case.watching(move || sim.view())).await;
}
