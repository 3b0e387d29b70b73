//! Threats of `SECURITY.md` that need an engine to be deceived, on the model: each with the number that
//! it has there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::json;
use stillme_rollback_core::engine::Engine as Rollback;
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    EndState, Executor as _, Goal, HashKey, Observation, Plan, Request, Secret, Strategy,
};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelVerifier};
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor, WarmSwap};

type Sim = Simulated<DockerModel>;

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn executor(sim: &Sim) -> DockerExecutor {
    DockerExecutor::new(Arc::new(ModelEngine::new(sim.clone())), key())
}

fn service() -> Sim {
    Simulated::new(DockerModel::with_service("web").with_healthcheck())
}

fn strategies() -> [Box<dyn Strategy>; 2] {
    [Box::new(CreateFirst::new(key())), Box::new(WarmSwap::new(key()))]
}

async fn observed(sim: &Sim) -> (Observation, Goal) {
    let executor = executor(sim);
    let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
    assert!(executor.observe(&target).await.unwrap().running.is_some());
    executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap()
}

async fn plan(sim: &Sim, strategy: &dyn Strategy) -> Plan {
    let (observation, goal) = observed(sim).await;
    strategy.plan(&observation, &Request::new(goal)).unwrap()
}

async fn run(sim: &Sim, plan: Plan) -> Report {
    let (journal, lease) = (Arc::new(MemoryJournal::new()), Arc::new(MemoryLease::new()));
    let verifier = Arc::new(ModelVerifier::new(sim.clone()));
    let engine = Rollback::builder(Arc::new(executor(sim)), verifier, journal, lease).build();
    engine.run(plan).await.unwrap()
}

/// The tag is pointed at another image after the plan was approved: that one never serves.
#[tokio::test(start_paused = true)]
async fn t1_a_tag_that_is_re_pointed_is_not_followed() {
    for strategy in strategies() {
        let sim = service();
        let before = sim.view();
        let plan = plan(&sim, strategy.as_ref()).await;
        let other = sim.model().tags["web:v2"].clone();
        sim.change(|model| {
            Arc::make_mut(&mut model.tags).insert("web:v1".to_owned(), other);
        });
        let report = run(&sim, plan).await;
        assert_eq!(report.state, Some(EndState::Restored), "{report}");
        assert!(report.to_string().contains("tag moved"), "{report}");
        let moved = before.replace(
            &format!("web:v1 sha256:{}", "01".repeat(32)),
            &format!("web:v1 sha256:{}", "02".repeat(32)),
        );
        assert_eq!(sim.view(), moved, "{}", strategy.name());
    }
}

/// The image is pruned after the plan was made: nothing is pulled, and what serves serves on.
#[tokio::test(start_paused = true)]
async fn t2_an_image_that_was_pruned_is_missed_before_anything_stops() {
    for strategy in strategies() {
        let sim = service();
        let plan = plan(&sim, strategy.as_ref()).await;
        sim.change(|model| {
            Arc::make_mut(&mut model.tags).remove("web:v1");
        });
        let old = sim.model().serving().unwrap().clone();
        let report = run(&sim, plan).await;
        // A tag of ours may keep what was left of it.
        assert_eq!(report.state, Some(EndState::Restored), "{report}");
        let model = sim.model();
        assert_eq!(model.serving(), Some(&old), "{}", strategy.name());
        assert_eq!(model.containers.len(), 1, "{}", sim.view());
    }
}

/// Names that an image or container brings along steer no terminal that a plan is shown on.
#[tokio::test(start_paused = true)]
async fn t13_what_an_image_is_called_steers_no_terminal() {
    let hostile = "x\r\n\u{1b}]0;owned\u{7}\u{202e}gpj\u{200b}";
    let sim = service();
    let (mut observation, goal) = observed(&sim).await;
    let mut detail = observation.detail.expose().clone();
    let config = &mut detail["container"]["Config"];
    config["Labels"] = json!({ hostile: hostile });
    config["Env"] = json!([format!("{hostile}={hostile}")]);
    config["User"] = hostile.into();
    config["WorkingDir"] = hostile.into();
    config["ExposedPorts"] = json!({ hostile: {} });
    for image in detail["images"].as_object_mut().unwrap().values_mut() {
        image["Config"] = json!({
            "Labels": {hostile: "other"}, "Env": [format!("{hostile}=other")], "User": "",
            "Volumes": {hostile: {}}, "Healthcheck": {hostile: 7},
        });
    }
    observation.detail = Secret::new(detail);
    for strategy in strategies() {
        let plan = strategy.plan(&observation, &Request::new(goal.clone())).unwrap();
        let shown = plan.to_string();
        assert!(shown.contains("owned"), "or it shows nothing: {shown}");
        let steers = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        };
        assert!(!shown.chars().any(steers), "{shown:?}");
    }
}
