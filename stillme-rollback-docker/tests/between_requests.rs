//! What happens behind a run's back before each of its requests: somebody else deploys, and theirs is never
//! touched; or the engine is killed and started again, and nothing is lost.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::json;
use stillme_rollback_core::engine::Engine as Rollback;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    Capabilities, EndState, Executor, Exhibit, Facts, HashKey, Observation, Plan, Request, Result,
    Run, Step, StepContext, Strategy, Target,
};
use stillme_rollback_docker::testing::{
    DockerModel, ModelContainer, ModelEngine, ModelState, ModelSwitch, ModelVerifier,
};
use stillme_rollback_docker::{BehindProxy, ContainerName, CreateFirst, DockerExecutor, WarmSwap};

type Sim = Simulated<DockerModel>;

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn executor(sim: &Sim) -> DockerExecutor {
    let executor = DockerExecutor::new(Arc::new(ModelEngine::new(sim.clone())), key());
    match sim.model().proxy {
        Some(_) => executor.with_traffic_switch(Arc::new(ModelSwitch::new(sim.clone()))),
        None => executor,
    }
}

/// Somebody removes what has the name and runs their own, and points the proxy to it if there is one.
fn deploy(model: &mut DockerModel) {
    let image = model.tags["web:v2"].clone();
    model.containers_mut().retain(|_, container| container.name != "web");
    let behind_proxy = model.proxy.is_some();
    let is_free = behind_proxy || model.serving().is_none();
    let config = json!({"Image": "web:theirs", "Labels": {}});
    let id = model.add("web", image, config, json!({"RestartPolicy": {"Name": "always"}}));
    if let Some(proxy) = &mut model.proxy {
        proxy.to = Arc::clone(&id);
    }
    let theirs = model.containers_mut().get_mut(&id).unwrap();
    theirs.state = if is_free { ModelState::Running } else { ModelState::Created };
    theirs.has_port = is_free && !behind_proxy;
}

fn theirs(model: &DockerModel) -> Option<ModelContainer> {
    let is_it = |container: &&ModelContainer| container.config["Image"] == "web:theirs";
    model.containers.values().find(is_it).cloned()
}

/// An engine that is killed takes its containers down, and starts again those with a policy that says so.
fn kill_and_start(model: &mut DockerModel) {
    for container in model.containers_mut().values_mut() {
        if container.state == ModelState::Running && container.host["RestartPolicy"]["Name"] == "no"
        {
            container.state = ModelState::Exited;
            container.has_port = false;
        }
    }
}

/// An engine that was killed, and at its start found the port taken by what it started before, starts a container
/// later without its port, as seen on API 1.56.
fn lose_ports(model: &mut DockerModel) {
    for container in model.containers_mut().values_mut() {
        if container.name == "web" && container.state == ModelState::Running {
            container.has_port = false;
        }
    }
}

/// An executor before whose request with this number something happens.
#[derive(Debug)]
struct Overtaken {
    inner: DockerExecutor,
    sim: Sim,
    what: fn(&mut DockerModel),
    at: usize,
    also_back: bool,
    requests: AtomicUsize,
}

#[async_trait]
impl Executor for Overtaken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        self.inner.observe(target).await
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        self.inner.facts(run).await
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        if self.requests.fetch_add(1, Ordering::Relaxed) == self.at {
            self.sim.change(self.what);
        }
        self.inner.apply(context, step).await
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        // Theirs and the engine's end are tried on the way there.
        if self.also_back && self.requests.fetch_add(1, Ordering::Relaxed) == self.at {
            self.sim.change(self.what);
        }
        self.inner.undo(context, step).await
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        self.inner.evidence(run).await
    }
}

async fn plan(model: &DockerModel, strategy: &dyn Strategy) -> Plan {
    let executor = executor(&Simulated::new(model.clone()));
    let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
    let (observation, goal) = executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap();
    strategy.plan(&observation, &Request::new(goal)).unwrap()
}

/// Runs a plan, and something happens before request `at`. `None` if there was no such request.
async fn overtaken(
    model: &DockerModel,
    plan: &Plan,
    at: usize,
    what: fn(&mut DockerModel),
) -> Option<(EndState, Sim)> {
    overtaken_on_the_way(model, plan, at, what, false).await
}

/// The same, with `also_back` before the requests on its way back as well.
async fn overtaken_on_the_way(
    model: &DockerModel,
    plan: &Plan,
    at: usize,
    what: fn(&mut DockerModel),
    also_back: bool,
) -> Option<(EndState, Sim)> {
    let sim = Simulated::new(model.clone());
    let executor = Arc::new(Overtaken {
        inner: executor(&sim),
        sim: sim.clone(),
        what,
        at,
        also_back,
        requests: AtomicUsize::new(0),
    });
    let engine = Rollback::builder(
        Arc::clone(&executor) as Arc<_>,
        Arc::new(ModelVerifier::new(sim.clone())),
        Arc::new(MemoryJournal::new()),
        Arc::new(MemoryLease::new()),
    )
    .build();
    let report = engine.run(plan.clone()).await.unwrap();
    let happened = executor.requests.load(Ordering::Relaxed) > at;
    happened.then(|| (report.state.unwrap(), sim))
}

#[tokio::test(start_paused = true)]
async fn theirs_is_never_touched_whenever_they_come() {
    let model = DockerModel::with_service("web").with_healthcheck().with_networks(&["a", "b"]);
    let cases: [(DockerModel, &dyn Strategy); 3] = [
        (model.clone(), &CreateFirst::new(key())),
        (model.clone(), &WarmSwap::new(key())),
        (model.with_proxy(), &BehindProxy::new(key())),
    ];
    for (model, strategy) in cases {
        let plan = plan(&model, strategy).await;
        let mut times = 0;
        for at in 0.. {
            let Some((state, sim)) = overtaken(&model, &plan, at, deploy).await else { break };
            times += 1;
            let what = format!("{}, before request {at}", strategy.name());
            assert_eq!(state, EndState::Superseded, "{what}\n{}", sim.view());
            let mut untouched = model.clone();
            // What they would have had without us, but for the port if we had it by then.
            deploy(&mut untouched);
            let (found, expected) = (theirs(&sim.model()).unwrap(), theirs(&untouched).unwrap());
            assert_eq!(
                (&found.name, &found.config, &found.host, &found.networks),
                (&expected.name, &expected.config, &expected.host, &expected.networks),
                "{what}"
            );
            let pointed = |model: &DockerModel| model.serving().map(|c| c.config["Image"].clone());
            if model.proxy.is_some() {
                assert_eq!(pointed(&sim.model()), Some(json!("web:theirs")), "{what}");
            }
        }
        assert!(times >= 7, "{}: {times} requests", strategy.name());
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_killed_leaves_a_service_whenever_it_is() {
    let model = DockerModel::with_service("web").with_healthcheck().with_networks(&["a", "b"]);
    let create_first = CreateFirst::new(key()).recreate_dependents();
    let cases: [(DockerModel, &dyn Strategy); 4] = [
        (model.clone(), &create_first),
        (model.clone().with_dependent("sidecar"), &create_first),
        (model.clone(), &WarmSwap::new(key())),
        (model.with_proxy(), &BehindProxy::new(key())),
    ];
    let sick = |(model, strategy): &(DockerModel, _)| {
        let mut model = model.clone();
        model.sick.push(model.tags["web:v1"].as_ref().to_owned());
        (model, *strategy)
    };
    let with_sick_targets: Vec<_> = cases.iter().map(sick).collect();
    for (model, strategy) in cases.into_iter().chain(with_sick_targets) {
        let plan = plan(&model, strategy).await;
        for at in 0.. {
            let Some((state, sim)) = overtaken(&model, &plan, at, kill_and_start).await else {
                break;
            };
            let what = format!("{}, before request {at}: {state:?}", strategy.name());
            let expected = match state {
                EndState::RolledBack => "web:v1",
                EndState::Restored => "web:v2",
                _ => panic!("{what}\n{}", sim.view()),
            };
            let found = sim.model();
            let serving = found.serving().unwrap_or_else(|| panic!("{what}\n{}", sim.view()));
            assert_eq!(*serving.image, *model.tags[expected], "{what}\n{}", sim.view());
            let adrift =
                |c: &&ModelContainer| c.name == "sidecar" && c.state != ModelState::Running;
            assert_eq!(found.containers.values().find(adrift), None, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_runs_without_its_port_is_not_called_restored() {
    let mut model = DockerModel::with_service("web").with_healthcheck().with_networks(&["a", "b"]);
    model.sick.push(model.tags["web:v1"].as_ref().to_owned());
    let strategies: [&dyn Strategy; 2] = [&CreateFirst::new(key()), &WarmSwap::new(key())];
    for strategy in strategies {
        let plan = plan(&model, strategy).await;
        for at in 0.. {
            let taken = overtaken_on_the_way(&model, &plan, at, lose_ports, true).await;
            let Some((state, sim)) = taken else {
                assert!(at > 8, "{}: {at} requests", strategy.name());
                break;
            };
            let what = format!("{}, before request {at}", strategy.name());
            assert_eq!(state, EndState::Restored, "{what}\n{}", sim.view());
            let found = sim.model();
            let serving = found.serving().unwrap_or_else(|| panic!("{what}\n{}", sim.view()));
            assert_eq!(*serving.image, *model.tags["web:v2"], "{what}\n{}", sim.view());
        }
    }
}
