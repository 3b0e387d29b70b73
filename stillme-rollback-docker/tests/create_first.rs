//! The plans of `create-first`, from observations of the model engine: pure, so a table each.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    Evidence, Goal, HashKey, Observation, Phase, Plan, PlanRefusal, Release, Request, RunId,
    Secret, Strategy as _, chain,
};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine};
use stillme_rollback_docker::{ContainerName, CreateFirst, DockerExecutor};

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

/// What the executor sees of `web`, and `v1` as where to go.
fn observed(model: DockerModel) -> (Observation, Goal) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let engine = Arc::new(ModelEngine::new(Simulated::new(model)));
        let executor = DockerExecutor::new(engine, key());
        let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
        executor.observe_for(&target, &"v1".parse().unwrap()).await.unwrap()
    })
}

/// The plan when something of the engine's answers is otherwise.
fn plan_when(change: impl FnOnce(&mut Value)) -> Result<Plan, PlanRefusal> {
    let (mut observation, goal) = observed(DockerModel::with_service("web"));
    let mut detail = observation.detail.expose().clone();
    change(&mut detail);
    observation.detail = Secret::new(detail);
    CreateFirst::new(key()).plan(&observation, &Request::new(goal))
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn the_new_one_is_ready_before_the_old_one_is_touched() {
    let plan = plan_when(|_| {}).unwrap();
    assert_eq!(
        ids(&plan),
        [
            "protect-image",
            "create-new",
            "hold-old",
            "stop-old",
            "start-new",
            "verify",
            "set-aside-old",
            "take-over-name",
            "clear-strays",
        ]
    );
    let switch = plan.first_switch().unwrap();
    assert_eq!(plan.steps[switch].id.as_str(), "hold-old");
    assert!(plan.steps[..switch].iter().all(|step| step.phase == Phase::Prepare));
}

#[test]
fn the_same_observation_gives_the_same_plan() {
    let (one, two) = (plan_when(|_| {}).unwrap(), plan_when(|_| {}).unwrap());
    assert_eq!(one, two);
    assert_eq!(one.fingerprint(), two.fingerprint());
}

#[test]
fn settings_change_steps() {
    for (change, step, there) in [
        (
            (|detail: &mut Value| {
                detail["container"]["HostConfig"]["RestartPolicy"] = json!({"Name": "no"})
            }) as fn(&mut Value),
            // Its undo starts what an engine that was killed has taken down.
            "hold-old",
            true,
        ),
        (
            |detail| {
                let image = detail["images"].as_object().unwrap().keys().next().unwrap().clone();
                let tag = format!("stillme-rb/{}:web", &image["sha256:".len()..][..12]);
                detail["protected"] = json!({ tag: image });
            },
            "protect-image",
            false,
        ),
        (
            |detail| {
                detail["container"]["NetworkSettings"]["Networks"] =
                    json!({"front": {"Aliases": ["web"]}, "back": {"Aliases": ["web"]}});
                detail["container"]["HostConfig"]["NetworkMode"] = json!("front");
            },
            "connect-new.1",
            true,
        ),
    ] {
        let plan = plan_when(change).unwrap();
        assert_eq!(ids(&plan).contains(&step), there, "{step}: {:?}", ids(&plan));
    }
}

#[test]
fn what_has_no_way_back_is_refused_with_what_to_do() {
    for (change, parts) in [
        (
            (|detail: &mut Value| detail["leftovers"] = json!(["web.rbn-0000abcd"]))
                as fn(&mut Value),
            ["not finished", "rollback resume"],
        ),
        (
            |detail| {
                detail["container"]["Config"]["Labels"]["com.docker.compose.project"] =
                    json!("shop")
            },
            ["Compose project", "nothing was touched"],
        ),
        (
            |detail| detail["container"]["HostConfig"]["AutoRemove"] = json!(true),
            ["--rm", "--allow-auto-remove"],
        ),
        (
            |detail| {
                for image in detail["images"].as_object_mut().unwrap().values_mut() {
                    image["Architecture"] = json!("s390x");
                }
            },
            ["linux/s390x", "nothing was touched"],
        ),
        (
            |detail| detail["dependents"] = json!([{"name": "sidecar", "shares": ["network"]}]),
            ["sidecar (network)", "nothing was touched"],
        ),
        (|detail| detail["images"] = json!({}), ["is not on this engine", "nothing was touched"]),
    ] {
        let Err(PlanRefusal::Refused(error)) = plan_when(change) else { panic!("{parts:?}") };
        let text = chain(&error).join("; ");
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in {text}");
    }
}

/// This run's old container is the first generation; what runs is needed by somebody.
#[test]
fn generations_beyond_the_newest_are_removed_at_the_very_end() {
    let kept = |digit: &str, runs: bool| json!({"id": digit.repeat(64), "name": format!("web.rbo-0000000{digit}"), "runs": runs});
    let all = json!([kept("a", false), kept("b", true), kept("c", false), kept("d", false)]);
    for (generations, removed) in [(1, vec!["a", "c", "d"]), (2, vec!["c", "d"]), (9, vec![])] {
        let (mut observation, goal) = observed(DockerModel::with_service("web"));
        let mut detail = observation.detail.expose().clone();
        detail["kept"] = all.clone();
        observation.detail = Secret::new(detail);
        let strategy = CreateFirst::new(key()).keeping(generations);
        let plan = strategy.plan(&observation, &Request::new(goal)).unwrap();
        let found: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.id.as_str().starts_with("retire"))
            .map(|step| step.title.clone())
            .collect();
        let named = |digit: &&str| format!("remove web.rbo-0000000{digit}, of an older version");
        assert_eq!(found, removed.iter().map(named).collect::<Vec<_>>());
        assert!(ids(&plan).iter().rev().take(removed.len()).all(|id| id.starts_with("retire")));
    }
}

#[test]
fn what_runs_already_is_said_so() {
    let (observation, _) = observed(DockerModel::with_service("web"));
    let running = observation.running.clone().unwrap();
    let request = Request::new(Goal::Release(running));
    let refusal = CreateFirst::new(key()).plan(&observation, &request).unwrap_err();
    assert!(matches!(refusal, PlanRefusal::AlreadyThere(_)), "{refusal}");
}

#[test]
fn going_back_to_what_a_run_left_is_warned_of() {
    let (observation, goal) = observed(DockerModel::with_service("web"));
    let Goal::Release(release) = goal else { panic!("a release was named") };
    let run = RunId::from_parts(std::time::SystemTime::UNIX_EPOCH, 3);
    let left: Release = release.with_evidence(Evidence::LeftBy { run });
    let request = Request::new(Goal::Release(left));
    let plan = CreateFirst::new(key()).plan(&observation, &request).unwrap();
    assert!(plan.to_string().contains("takes that rollback back"), "{plan}");
}

/// A first process that does not hear its stop signal is not waited for.
#[test]
fn the_deaf_are_killed_at_once() {
    for (deaf, grace) in [(false, 10), (true, 0)] {
        let plan = plan_when(|detail| detail["deaf"] = json!(deaf)).unwrap();
        let stop = plan.steps.iter().find(|step| step.id.as_str() == "stop-old").unwrap();
        let json = serde_json::to_value(stop).unwrap();
        assert_eq!(json["work"]["apply"]["arguments"]["grace_seconds"], grace, "{json}");
        assert_eq!(plan.to_string().contains("killed at once"), deaf, "{plan}");
    }
}

#[test]
fn a_plan_holds_no_value_of_the_environment() {
    let canary = "canary-1d7";
    let plan = plan_when(|detail| {
        detail["container"]["Config"]["Env"] = json!([format!("TOKEN={canary}")]);
        detail["container"]["Config"]["Labels"]["who"] = json!(canary);
    })
    .unwrap();
    let all = format!("{plan} {plan:?} {}", serde_json::to_string(&plan).unwrap());
    assert!(!all.contains(canary), "{all}");
}
