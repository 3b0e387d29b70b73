//! First aid on the model of an engine: what is planned, what is refused, and every crash.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::json;
use stillme_rollback_core::testing::{CrashMatrix, Simulated};
use stillme_rollback_core::{
    Executor as _, Goal, Plan, PlanRefusal, Request, Result, Strategy, Target, chain,
};
use stillme_rollback_docker::emergency::{EmergencyExecutor, Isolate, Return, Stop};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelState, ModelVerifier};

fn executor(sim: Simulated<DockerModel>) -> EmergencyExecutor {
    EmergencyExecutor::new(Arc::new(ModelEngine::new(sim)))
}

fn try_plan(model: &DockerModel, strategy: &dyn Strategy) -> Result<Plan, PlanRefusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let target = Target::new("docker", "MODEL", "web").unwrap();
        let observation = executor(Simulated::new(model.clone())).observe(&target).await?;
        strategy.plan(&observation, &Request::new(Goal::Previous))
    })
}

fn plan(model: &DockerModel, strategy: &dyn Strategy) -> Plan {
    try_plan(model, strategy).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn service() -> DockerModel {
    DockerModel::with_service("web").with_networks(&["front", "back"])
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

/// What the model is after a plan was carried out.
fn after(mut model: DockerModel, plan: &Plan) -> DockerModel {
    let stopped = plan.strategy == Stop::NAME;
    for container in model.containers_mut().values_mut() {
        container.has_port = false;
        if stopped {
            container.state = ModelState::Exited;
            container.host = container.host.with("RestartPolicy", json!({"Name": "no"}));
        } else {
            container.networks = Arc::default();
        }
    }
    model
}

#[test]
fn the_steps_and_their_way_back() {
    let model = service();
    // The primary network last, for its ports; and first on the way back.
    let isolate = plan(&model, &Isolate);
    assert_eq!(ids(&isolate), ["leave.1", "leave.2"]);
    assert!(isolate.steps[1].title.contains("off front"), "{isolate}");
    let back = plan(&after(model.clone(), &isolate), &Return::from(isolate.clone()));
    assert_eq!(ids(&back), ["join.1", "join.2"]);
    assert!(back.steps[0].title.contains("to front"), "{back}");
    let stop = plan(&model, &Stop);
    assert_eq!(ids(&stop), ["hold.1", "stop.2"]);
    let back = plan(&after(model, &stop), &Return::from(stop.clone()));
    assert_eq!(ids(&back), ["start.1", "release.2"]);
    for plan in [isolate, stop, back] {
        let text = plan.to_string();
        assert!(!text.contains("back to web"), "{text}");
        assert!(
            plan.steps.iter().all(|step| step.by_hand.is_some() && step.undo_by_hand.is_some())
        );
        let purpose = plan.purpose.unwrap();
        assert!(!purpose.done.contains("ROLLED BACK"), "{purpose:?}");
    }
}

#[test]
fn what_can_not_be_done_is_refused() {
    let other = DockerModel::with_service("web").with_networks(&["host"]);
    let mut idle = service();
    for container in idle.containers_mut().values_mut() {
        container.state = ModelState::Exited;
    }
    let done = plan(&service(), &Isolate);
    let mut another = DockerModel::default();
    another.tags = service().tags;
    another.networks = service().networks;
    let body = service().serving().unwrap().clone();
    another.add("away", body.image.clone(), (*body.config).clone(), (*body.host).clone());
    another.add("web", body.image.clone(), (*body.config).clone(), (*body.host).clone());
    for (model, strategy, part) in [
        (&other, &Isolate as &dyn Strategy, "network mode is `host`"),
        (&after(service(), &done), &Isolate, "on no network"),
        (&idle, &Stop, "does not run"),
        (&service().with_auto_remove(), &Stop, "--rm"),
        (&another, &Return::from(done.clone()), "another container"),
        (&service(), &Return::from(done), "as it was before already"),
    ] {
        let Err(PlanRefusal::Refused(error)) = try_plan(model, strategy) else { panic!("{part}") };
        let text = chain(&error).join("; ");
        assert!(text.contains(part) && text.contains("nothing was touched"), "{text}");
    }
}

/// The endpoints of a plan hold no secret, and nothing of the environment gets into it.
#[test]
fn nothing_of_the_environment_is_in_a_plan() {
    let mut model = service();
    for container in model.containers_mut().values_mut() {
        container.config = container.config.with("Env", json!(["TOKEN=canary"]));
    }
    for strategy in [&Isolate as &dyn Strategy, &Stop] {
        let plan = plan(&model, strategy);
        let text = format!("{plan}{plan:?}{}", serde_json::to_string(&plan).unwrap());
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn every_fault_and_crash_leaves_it_done_or_undone() {
    let isolate = plan(&service(), &Isolate);
    let stop = plan(&service(), &Stop);
    let isolated = after(service(), &isolate);
    let stopped = after(service(), &stop);
    let (again, up) = (
        plan(&isolated, &Return::from(isolate.clone())),
        plan(&stopped, &Return::from(stop.clone())),
    );
    for (model, plan) in [(service(), isolate), (service(), stop), (isolated, again), (stopped, up)]
    {
        let name = plan.strategy.clone();
        let report = CrashMatrix::new(
            model,
            plan,
            |sim| Arc::new(executor(sim)),
            |sim| Arc::new(ModelVerifier::new(sim)),
        )
        .run();
        println!("{name}: {report}");
        report.assert_clean();
        assert!(report.ends.contains_key("RolledBack"), "{report}");
    }
}
