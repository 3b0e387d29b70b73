//! The plans that take settings back with the image, from observations of the model engine.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{HashKey, Plan, PlanRefusal, Request, Result, Strategy, Work, chain};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelState};
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor, WarmSwap};

const KEPT: &str = "web.rbo-aaaaaaaa";

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn plan_with(model: &DockerModel, to: &str, strategy: &dyn Strategy) -> Result<Plan, PlanRefusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let engine = Arc::new(ModelEngine::new(Simulated::new(model.clone())));
        let executor = DockerExecutor::new(engine, key());
        let target = executor.target(&ContainerName::new("web")?).await?;
        let (observation, goal) = executor.observe_for(&target, &to.parse()?).await?;
        strategy.plan(&observation, &Request::new(goal))
    })
}

fn plan(model: &DockerModel, to: &str) -> Result<Plan, PlanRefusal> {
    plan_with(model, to, &CreateFirst::new(key()).with_config())
}

fn refused(planned: Result<Plan, PlanRefusal>) -> String {
    let Err(PlanRefusal::Refused(error)) = planned else { panic!("refused: {planned:?}") };
    chain(&error).join("; ")
}

/// `web` runs v2; a container of `tag` with this environment is kept.
fn model(tag: &str, env: &Value) -> DockerModel {
    let mut model = DockerModel::with_service("web");
    let image = model.tags[&format!("web:{tag}")].clone();
    let mut host = (*model.serving().unwrap().host).clone();
    host["RestartPolicy"] = json!({"Name": "no"});
    let config = json!({"Image": format!("web:{tag}"), "Env": env, "Labels": {}});
    let id = model.add(KEPT, image, config, host);
    model.containers_mut().get_mut(&id).unwrap().state = ModelState::Exited;
    model
}

fn create(plan: &Plan) -> Value {
    let is_it = |step: &&stillme_rollback_core::Step| step.id.as_str() == "create-new";
    let step = plan.steps.iter().find(is_it).unwrap();
    let Work::Apply(action) = &step.work else { panic!("it acts") };
    action.arguments.clone()
}

#[test]
fn the_plan_names_the_kept_container_and_shows_what_differs() {
    let model = model("v1", &json!(["A=0", "B=secret"]));
    let plan = plan(&model, "v1").unwrap();
    let origin = &create(&plan)["origin"];
    assert_eq!(origin["container"].as_str().unwrap().len(), 64, "{origin}");
    // Kept ones have none; the one that runs has it from the time before.
    assert_eq!(origin["restart"]["Name"], "unless-stopped");
    let shown = plan.to_string();
    for part in ["env A: #", "env B: added #", KEPT, "restart policy"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("restart policy:"), "it stays: {shown}");
    let written = serde_json::to_string(&plan).unwrap();
    assert!(!written.contains("secret") && !written.contains("A=0"), "{written}");
    assert_eq!(plan.starts.differences(&Default::default()).len(), 4, "{}", plan.starts);
    assert!(plan.starts.to_string().contains("settings is there"), "{}", plan.starts);
}

#[test]
fn the_image_alone_goes_back_unless_asked_otherwise() {
    let model = model("v1", &json!(["A=0"]));
    let plan = plan_with(&model, "v1", &CreateFirst::new(key())).unwrap();
    assert!(create(&plan).get("origin").is_none());
    assert!(!plan.to_string().contains("env A"), "{plan}");
}

#[test]
fn other_settings_of_the_same_image_are_a_change() {
    let other = model("v2", &json!(["A=0"]));
    assert!(matches!(
        plan_with(&other, "v2", &CreateFirst::new(key())),
        Err(PlanRefusal::AlreadyThere(_))
    ));
    for to in ["v2", "kept:web.rbo-aaaaaaaa"] {
        let plan = plan(&other, to).unwrap();
        assert_eq!(plan.from.version, plan.to.version);
        assert!(plan.to_string().contains("env A: #"), "{plan}");
    }
    let same = model("v2", &json!(["A=1"]));
    assert!(matches!(plan(&same, "v2"), Err(PlanRefusal::AlreadyThere(_))));
}

#[test]
fn what_can_not_be_had_is_refused() {
    let gone = DockerModel::with_service("web");
    let text = refused(plan(&gone, "v1"));
    assert!(text.contains("nothing was touched") && text.contains("only it has"), "{text}");
    let text = refused(plan(&gone, "kept:web.rbo-aaaaaaaa"));
    assert!(text.contains("nothing was touched") && text.contains("kept"), "{text}");
    let removed = model("v1", &json!([])).with_auto_remove();
    let strategy = CreateFirst::new(key()).with_config().allow_auto_remove();
    let text = refused(plan_with(&removed, "v1", &strategy));
    assert!(text.contains("--rm"), "{text}");
    let warm = model("v1", &json!([])).with_healthcheck();
    let warm = move_kept(warm);
    let text = refused(plan_with(&warm, "v1", &WarmSwap::new(key()).with_config()));
    assert!(text.contains("other networks"), "{text}");
}

/// The kept container was on another network.
fn move_kept(mut model: DockerModel) -> DockerModel {
    for container in model.containers_mut().values_mut().filter(|one| one.name == KEPT) {
        container.host = container.host.with("NetworkMode", json!("front"));
        container.networks = Arc::new(["front".to_owned()].into());
    }
    model
}

/// A plan is bound to the settings that it showed.
#[test]
fn other_settings_make_another_plan() {
    let one = plan(&model("v1", &json!(["A=0"])), "v1").unwrap();
    let same = plan(&model("v1", &json!(["A=0"])), "v1").unwrap();
    let two = plan(&model("v1", &json!(["A=2"])), "v1").unwrap();
    assert_eq!(one.fingerprint(), same.fingerprint());
    assert_ne!(one.fingerprint(), two.fingerprint());
}

/// What a release ran with stands in its record, and no value.
#[test]
fn a_release_is_recorded_with_its_settings() {
    let plan = plan(&model("v1", &json!(["A=0"])), "v1").unwrap();
    let (from, to) = (plan.from.settings.unwrap(), plan.to.settings.unwrap());
    assert!(from.instance.is_some() && to.instance.is_none());
    assert_eq!(from.differing(&to), ["Image", "env A"]);
    assert_eq!(from.values["restart policy"], "unless-stopped");
    assert_eq!(from.values["port 80/tcp"], "127.0.0.1:80");
    assert!(from.values["env A"].starts_with('#'));
}
