//! Everything that a killed run of `create-first` can leave, put in order from the engine alone: what
//! is planned, how it ends, and what happens when the recovery is killed as well.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::json;
use stillme_rollback_core::testing::{CrashMatrix, Simulated};
use stillme_rollback_core::{Executor as _, Goal, Plan, PlanRefusal, Request, Strategy as _};
use stillme_rollback_docker::names::{LABEL_FROM, LABEL_RUN, LABEL_STANDS_FOR};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelState, ModelVerifier};
use stillme_rollback_docker::{ContainerName, DockerExecutor, Recover, RecoverExecutor};

const WAITING: &str = "web.rbn-1a2b3c4d";
const ASIDE: &str = "web.rbo-1a2b3c4d";

/// What is left: the new container's state, the old one's, and whether the old one was put aside.
#[derive(Clone, Copy, Debug)]
struct Case {
    new: ModelState,
    old: ModelState,
    aside: bool,
    steps: &'static [&'static str],
    /// What serves in the end.
    serves: &'static str,
}

const CREATED: ModelState = ModelState::Created;
const RUNNING: ModelState = ModelState::Running;
const EXITED: ModelState = ModelState::Exited;

/// In the order in which a run gets there.
const CASES: &[Case] = &[
    Case {
        new: CREATED,
        old: RUNNING,
        aside: false,
        steps: &["release-old", "verify", "remove-new"],
        serves: "v2",
    },
    Case {
        new: CREATED,
        old: EXITED,
        aside: false,
        steps: &["start-old", "release-old", "verify", "remove-new"],
        serves: "v2",
    },
    Case {
        new: RUNNING,
        old: EXITED,
        aside: false,
        steps: &["stop-new", "start-old", "release-old", "verify", "remove-new"],
        serves: "v2",
    },
    Case {
        new: EXITED,
        old: EXITED,
        aside: false,
        steps: &["start-old", "release-old", "verify", "remove-new"],
        serves: "v2",
    },
    Case { new: RUNNING, old: EXITED, aside: true, steps: &["verify", "name-new"], serves: "v1" },
    Case {
        new: EXITED,
        old: EXITED,
        aside: true,
        steps: &["name-old", "start-old", "release-old", "verify", "remove-new"],
        serves: "v2",
    },
];

fn model(case: &Case) -> DockerModel {
    let mut model = DockerModel::with_service("web");
    let old = model.containers.keys().next().unwrap().clone();
    let container = model.containers_mut().get_mut(&old).unwrap();
    container.state = case.old;
    container.has_port = case.old == RUNNING;
    container.host = container.host.with("RestartPolicy", json!({"Name": "no"}));
    if case.aside {
        container.name = ASIDE.to_owned();
    }
    let image = model.tags["web:v1"].clone();
    let labels = json!({LABEL_RUN: "01ARZ3NDEKTSV4RRFFQ69G5FAV", LABEL_FROM: &*old});
    let config = json!({"Image": "web:v1", "Labels": labels});
    let host = json!({"RestartPolicy": {"Name": "unless-stopped"}});
    let new = model.add(WAITING, image, config, host);
    let container = model.containers_mut().get_mut(&new).unwrap();
    container.state = case.new;
    container.has_port = case.new == RUNNING;
    model
}

/// A run of a container that was started with `--rm` died behind the stop: only its copy is left.
fn model_of_a_deleted_one(new: ModelState) -> DockerModel {
    let gone = "ab".repeat(32);
    let mut model = DockerModel::with_service("web").with_auto_remove();
    let stand_in = model.containers.keys().next().unwrap().clone();
    let container = model.containers_mut().get_mut(&stand_in).unwrap();
    container.name = ASIDE.to_owned();
    container.state = CREATED;
    let labels = json!({LABEL_STANDS_FOR: gone});
    container.config = container.config.with("Labels", labels);
    let host = (*container.host).clone();
    let image = model.tags["web:v1"].clone();
    let labels = json!({LABEL_RUN: "01ARZ3NDEKTSV4RRFFQ69G5FAV", LABEL_FROM: gone});
    let new_id = model.add(WAITING, image, json!({"Image": "web:v1", "Labels": labels}), host);
    model.containers_mut().get_mut(&new_id).unwrap().state = new;
    model
}

#[test]
fn what_stands_in_for_a_deleted_container_is_for_a_person() {
    for new in [CREATED, RUNNING] {
        let refusal = plan_of(&model_of_a_deleted_one(new), Recover::new()).unwrap_err();
        let text = stillme_rollback_core::chain(&refusal).join("; ");
        assert!(text.contains("--rm") && text.contains("docker rename"), "{text}");
    }
}

fn plan_of(model: &DockerModel, strategy: Recover) -> Result<Plan, PlanRefusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let engine = Arc::new(ModelEngine::new(Simulated::new(model.clone())));
        let key = stillme_rollback_core::HashKey::from_bytes([7; 32]);
        let name = ContainerName::new("web").unwrap();
        let target = DockerExecutor::new(engine.clone(), key).target(&name).await.unwrap();
        let observation = RecoverExecutor::new(engine).observe(&target).await.unwrap();
        strategy.plan(&observation, &Request::new(Goal::Previous))
    })
}

fn matrix(model: DockerModel, plan: Plan) -> CrashMatrix<DockerModel> {
    CrashMatrix::new(
        model,
        plan,
        |sim| Arc::new(RecoverExecutor::new(Arc::new(ModelEngine::new(sim)))),
        |sim| Arc::new(ModelVerifier::new(sim)),
    )
}

#[test]
fn every_crash_state_has_its_plan() {
    for case in CASES {
        let plan = plan_of(&model(case), Recover::new()).unwrap();
        let steps: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(steps, case.steps, "{case:?}");
        assert!(plan.to.to_string().contains(case.serves), "{case:?}: {}", plan.to);
        // Pure: the same again.
        assert_eq!(plan_of(&model(case), Recover::new()).unwrap(), plan);
    }
}

/// The same cases, with every fault and a crash of the recovery itself; the longest one with two.
#[test]
fn a_recovery_that_is_killed_is_resumed_like_any_run() {
    let longest = CASES.iter().map(|case| case.steps.len()).max();
    for case in CASES {
        let model = model(case);
        let plan = plan_of(&model, Recover::new()).unwrap();
        let crashes = if Some(case.steps.len()) == longest && !case.aside { 2 } else { 1 };
        let report = matrix(model, plan).with_crashes(crashes).run();
        println!("{case:?}, {crashes} crashes: {report}");
        report.assert_clean();
    }
}

#[test]
fn a_new_container_that_could_stay_can_be_taken_back_as_well() {
    let case = CASES.iter().find(|case| case.serves == "v1").unwrap();
    let plan = plan_of(&model(case), Recover::taking_back()).unwrap();
    let steps: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["stop-new", "name-old", "start-old", "release-old", "verify", "remove-new"]);
    matrix(model(case), plan).run().assert_clean();
}

#[test]
fn where_nothing_is_left_nothing_is_done() {
    let refusal = plan_of(&DockerModel::with_service("web"), Recover::new()).unwrap_err();
    assert!(matches!(refusal, PlanRefusal::AlreadyThere(_)), "{refusal}");
}

/// Nothing that a plan says is an environment value, and every step can be done by hand.
#[test]
fn every_step_has_its_command() {
    for case in CASES {
        let plan = plan_of(&model(case), Recover::new()).unwrap();
        for step in plan.steps.iter().filter(|step| !step.is_verdict()) {
            assert!(step.by_hand.as_ref().unwrap().starts_with("docker "), "{}", step.id);
        }
    }
}
