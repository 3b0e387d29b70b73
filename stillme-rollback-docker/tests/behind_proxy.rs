//! The plans of `behind-proxy` and their runs, on a model of an engine and a proxy: fast, and each request
//! is watched over.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::engine::{Engine as Rollback, Options};
use stillme_rollback_core::journal::MemoryJournal;
use stillme_rollback_core::lease::MemoryLease;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    EndState, ErrorKind, Goal, HashKey, Observation, Phase, Plan, PlanRefusal, Request, Secret,
    Strategy as _, chain,
};
use stillme_rollback_docker::names::LABEL_PROXY;
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelSwitch, ModelVerifier};
use stillme_rollback_docker::traffic::{PointLimits, Traffic, Upstream};
use stillme_rollback_docker::{BehindProxy, ContainerName, DockerExecutor, FnSwitch};

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn model() -> DockerModel {
    DockerModel::with_service("web").with_healthcheck().with_networks(&["front"]).with_proxy()
}

fn executor(sim: &Simulated<DockerModel>) -> DockerExecutor {
    let engine = Arc::new(ModelEngine::new(sim.clone()));
    DockerExecutor::new(engine, key()).with_traffic_switch(Arc::new(ModelSwitch::new(sim.clone())))
}

async fn observed(executor: &DockerExecutor) -> (Observation, Goal) {
    let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
    executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap()
}

async fn plan_of(sim: &Simulated<DockerModel>) -> Plan {
    let (observation, goal) = observed(&executor(sim)).await;
    BehindProxy::new(key()).plan(&observation, &Request::new(goal)).unwrap()
}

/// The plan when something of what was observed is otherwise.
async fn plan_when(
    strategy: &BehindProxy,
    change: impl FnOnce(&mut Value),
) -> Result<Plan, PlanRefusal> {
    let (mut observation, goal) = observed(&executor(&Simulated::new(model()))).await;
    let mut detail = observation.detail.expose().clone();
    change(&mut detail);
    observation.detail = Secret::new(detail);
    strategy.plan(&observation, &Request::new(goal))
}

async fn run(sim: &Simulated<DockerModel>, executor: DockerExecutor, plan: Plan) -> Report {
    let mut options = Options::default();
    options.settle = Duration::from_millis(20);
    options.backoff = Duration::from_millis(1);
    Rollback::builder(
        Arc::new(executor),
        Arc::new(ModelVerifier::new(sim.clone())),
        Arc::new(MemoryJournal::new()),
        Arc::new(MemoryLease::new()),
    )
    .options(options)
    .build()
    .run(plan)
    .await
    .unwrap()
}

#[tokio::test]
async fn who_is_stopped_has_neither_traffic_nor_requests() {
    let plan = plan_of(&Simulated::new(model())).await;
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let wanted = [
        "protect-image",
        "create-new",
        "start-new",
        "warm-up",
        "point-traffic",
        "hold-old",
        "verify",
        "set-aside-old",
        "take-over-name",
        "drain-old",
        "stop-old",
        "clear-strays",
    ];
    assert_eq!(ids, wanted);
    assert_eq!(plan.steps[plan.first_switch().unwrap()].id.as_str(), "point-traffic");
    assert_eq!(plan.steps[2].phase, Phase::Prepare, "the old one serves meanwhile");
    assert_eq!(BehindProxy::switch_of(&plan).as_deref(), Some("model"));
    let text = plan.to_string();
    assert!(text.contains("outage      none") && text.contains("both versions run"), "{text}");
}

#[tokio::test]
async fn a_run_loses_no_request_and_leaves_the_new_one_with_the_traffic() {
    let sim = Simulated::new(model());
    let report = run(&sim, executor(&sim), plan_of(&sim).await).await;
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    let model = sim.model();
    let proxy = model.proxy.as_ref().unwrap();
    assert!(!proxy.lost_requests, "{model:?}");
    let serving = model.serving().unwrap();
    assert_eq!(serving.name, "web");
    assert_eq!(serving.config["Labels"][LABEL_PROXY], "model");
}

#[tokio::test]
async fn a_version_that_fails_its_verdict_loses_the_traffic_and_no_request() {
    let mut sick = model();
    sick.sick.push(sick.image("web:v1").unwrap().to_string());
    let sim = Simulated::new(sick);
    let before = sim.view();
    let report = run(&sim, executor(&sim), plan_of(&sim).await).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    assert_eq!(sim.view(), before);
}

/// Somebody points the proxy to a container of theirs between the plan and the run.
#[tokio::test]
async fn traffic_that_somebody_else_moved_is_left_alone() {
    let sim = Simulated::new(model());
    let plan = plan_of(&sim).await;
    sim.change(|model| {
        let image = model.tags["web:v2"].clone();
        let theirs = model.add("web-theirs", image, json!({"Image": "web:v2"}), json!({}));
        model.proxy.as_mut().unwrap().to = theirs;
    });
    let before = sim.view();
    let report = run(&sim, executor(&sim), plan).await;
    assert_eq!(report.state, Some(EndState::Superseded), "{report}");
    assert!(report.to_string().contains("the traffic of model goes to"), "{report}");
    assert_eq!(sim.view(), before);
}

#[tokio::test]
async fn a_run_is_only_done_through_the_switch_of_its_plan() {
    let sim = Simulated::new(model());
    let plan = plan_of(&sim).await;
    let other = FnSwitch::new(
        "other",
        80,
        |_: Vec<Upstream>| async { Ok(Traffic::Elsewhere("nowhere".to_owned())) },
        |_: Upstream, _: PointLimits| async { Ok(()) },
        |_: Upstream, _: Duration| async { Ok(()) },
    );
    let engine = Arc::new(ModelEngine::new(sim.clone()));
    let none = DockerExecutor::new(engine, key());
    let other = none.clone().with_traffic_switch(Arc::new(other));
    let before = sim.view();
    for (executor, part) in [(none, "was given none"), (other, "another one than the run's")] {
        let report = run(&sim, executor, plan.clone()).await;
        assert_ne!(report.state, Some(EndState::RolledBack), "{report}");
        assert!(report.to_string().contains(part), "{report}");
        assert_eq!(sim.view(), before, "nothing was touched");
    }
}

type Change = fn(&mut Value);

#[tokio::test]
async fn what_can_not_run_twice_is_refused() {
    let cases: [(Change, &str); 15] = [
        (|d| d["proxy"] = Value::Null, "no traffic switch"),
        (|d| d["proxy"]["elsewhere"] = json!("other:80"), "does not go to this container"),
        (|d| d["container"]["State"]["Status"] = json!("exited"), "does not run"),
        (|d| d["container"]["HostConfig"]["AutoRemove"] = json!(true), "--rm"),
        (|d| d["container"]["HostConfig"]["NetworkMode"] = json!("host"), "network mode is `host`"),
        (|d| d["container"]["HostConfig"]["NetworkMode"] = json!("none"), "network mode is `none`"),
        (
            |d| {
                d["container"]["HostConfig"]["PortBindings"] =
                    json!({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]});
            },
            "publishes port 8080",
        ),
        (
            |d| {
                d["container"]["NetworkSettings"]["Networks"]["front"] =
                    json!({"IPAMConfig": {"IPv4Address": "10.0.0.9"}});
            },
            "static address on network front",
        ),
        (|d| d["container"]["Config"]["MacAddress"] = json!("02:42:ac:11:00:99"), "MAC address"),
        (
            |d| {
                d["container"]["NetworkSettings"]["Networks"]["front"] =
                    json!({"Aliases": ["shop"]});
            },
            "the alias shop on network front",
        ),
        (
            |d| d["container"]["Config"]["Healthcheck"] = json!({"Test": ["NONE"]}),
            "nothing shows when",
        ),
        (
            |d| {
                d["container"]["Mounts"] =
                    json!([{"Type": "volume", "RW": true, "Destination": "/data"}]);
            },
            "same files",
        ),
        (|d| d["leftovers"] = json!(["web.rbn-12345678"]), "not finished"),
        (|d| d["dependents"] = json!([{"name": "side", "shares": ["network"]}]), "hold on to it"),
        (
            |d| d["container"]["Config"]["Labels"] = json!({"com.docker.compose.project": "shop"}),
            "Compose project",
        ),
    ];
    for (change, part) in cases {
        let refusal = plan_when(&BehindProxy::new(key()), change).await.unwrap_err();
        let PlanRefusal::Refused(error) = refusal else { panic!("{part}: {refusal}") };
        let text = chain(&error).join("; ");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{text}");
        assert!(text.contains(part) && text.contains("nothing was touched"), "{part}: {text}");
    }
}

#[tokio::test]
async fn what_is_said_to_be_harmless_is_allowed() {
    let shared: Change = |d| {
        d["container"]["Mounts"] = json!([{"Type": "volume", "RW": true, "Destination": "/data"}]);
    };
    let aliased: Change = |d| {
        d["container"]["NetworkSettings"]["Networks"]["front"] = json!({"Aliases": ["shop"]});
    };
    let labelled: Change = |d| {
        d["container"]["Mounts"] = json!([{"Type": "volume", "RW": true, "Destination": "/data"}]);
        d["container"]["Config"]["Labels"] =
            json!({"dev.stillme.rollback.strategy": "behind-proxy"});
    };
    // Ports that the engine chooses are others for each container.
    let chosen: Change = |d| {
        d["container"]["HostConfig"]["PortBindings"] =
            json!({"80/tcp": [{"HostIp": "", "HostPort": ""}]});
    };
    let strategy = BehindProxy::new(key());
    for (strategy, change) in [
        (strategy.clone().allow_shared_writes(), shared),
        (strategy.clone().allow_shared_aliases(), aliased),
        (strategy.clone(), labelled),
        (strategy, chosen),
    ] {
        plan_when(&strategy, change).await.unwrap();
    }
}

#[tokio::test]
async fn the_drain_is_as_long_as_it_is_told() {
    let strategy = BehindProxy::new(key()).draining_for(Duration::from_secs(7));
    let plan = plan_when(&strategy, |_| {}).await.unwrap();
    let drain = plan.steps.iter().find(|step| step.id.as_str() == "drain-old").unwrap();
    assert!(drain.title.contains("at most 7 s"), "{}", drain.title);
    assert!(plan.expected_outage.contains("at most 7 s"), "{}", plan.expected_outage);
}
