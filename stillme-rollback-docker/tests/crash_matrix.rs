//! The crash matrices of the strategies: the real strategy and the real executor, over an engine model.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Mutation, Simulated};
use stillme_rollback_core::{HashKey, Plan, Request, Result, Strategy};
use stillme_rollback_docker::testing::{DockerModel, ModelEngine, ModelSwitch, ModelVerifier};
use stillme_rollback_docker::traffic::{PointLimits, Traffic, Upstream};
use stillme_rollback_docker::{
    BehindProxy, ContainerName, CreateFirst, DockerExecutor, TrafficSwitch, WarmSwap,
};

const LONG: Duration = Duration::from_secs(120);

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn executor(sim: Simulated<DockerModel>) -> DockerExecutor {
    let behind_proxy = sim.model().proxy.is_some();
    let executor = DockerExecutor::new(Arc::new(ModelEngine::new(sim.clone())), key());
    if behind_proxy {
        executor.with_traffic_switch(Arc::new(ModelSwitch::new(sim)))
    } else {
        executor
    }
}

fn plan(model: &DockerModel) -> Plan {
    plan_with(model, &CreateFirst::new(key()).allow_auto_remove(), LONG)
}

fn plan_with(model: &DockerModel, strategy: &dyn Strategy, deadline: Duration) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let executor = executor(Simulated::new(model.clone()));
        let target = executor.target(&ContainerName::new("web").unwrap()).await.unwrap();
        let wanted = "v1".parse().unwrap();
        let (observation, goal) = executor.observe_for(&target, &wanted).await.unwrap();
        let mut request = Request::new(goal);
        request.deadline = deadline;
        strategy.plan(&observation, &request).unwrap()
    })
}

fn matrix(model: DockerModel) -> CrashMatrix<DockerModel> {
    let plan = plan(&model);
    matrix_of(model, plan)
}

fn warm_swap(model: DockerModel) -> CrashMatrix<DockerModel> {
    let plan = plan_with(&model, &WarmSwap::new(key()), LONG);
    matrix_of(model, plan)
}

fn matrix_of(model: DockerModel, plan: Plan) -> CrashMatrix<DockerModel> {
    CrashMatrix::new(
        model,
        plan,
        |sim| Arc::new(executor(sim)),
        |sim| Arc::new(ModelVerifier::new(sim)),
    )
}

fn timed(what: &str, matrix: &CrashMatrix<DockerModel>) -> MatrixReport {
    let began = Instant::now();
    let report = matrix.run();
    println!("{what}: {report} in {:.1} s", began.elapsed().as_secs_f64());
    report
}

#[test]
fn crashes_alone() {
    timed("crashes alone", &matrix(DockerModel::with_service("web")).without_faults())
        .assert_clean();
}

#[test]
fn every_fault_and_up_to_two_crashes() {
    let report = timed("two crashes", &matrix(DockerModel::with_service("web")));
    report.assert_clean();
    assert!(report.cases >= 50_000, "{report}");
}

/// The old container is deleted by its own stop: the way back is a copy of it.
#[test]
fn a_container_that_its_stop_deletes_has_a_way_back_all_the_same() {
    let mut model = DockerModel::with_service("web").with_auto_remove();
    let report = timed("--rm", &matrix(model.clone()).with_crashes(1));
    report.assert_clean();
    assert!(report.cases >= 50_000 && report.ends.contains_key("RolledBack"), "{report}");
    model.sick.push(target_image(&model));
    never_rolled_back("--rm, the target is sick", model.clone());
    model.broken.push(target_image(&model));
    never_rolled_back("--rm, the target exits", model);
}

#[test]
fn a_target_that_fails_its_verdict_is_always_undone() {
    let mut model = DockerModel::with_service("web");
    model.sick.push(target_image(&model));
    never_rolled_back("the target is sick", model);
}

#[test]
fn a_target_that_exits_at_once_is_always_undone() {
    let mut model = DockerModel::with_service("web");
    model.broken.push(target_image(&model));
    never_rolled_back("the target exits", model);
}

fn target_image(model: &DockerModel) -> String {
    model.image("web:v1").unwrap().as_str().to_owned()
}

fn never_rolled_back(what: &str, model: DockerModel) {
    let report = timed(what, &matrix(model).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

/// The rules are not decoration: break one, and the matrix fails.
#[test]
fn a_broken_rule_is_found() {
    for mutation in [Mutation::SkipIntent, Mutation::NoSettle] {
        let matrix =
            matrix(DockerModel::with_service("web")).with_crashes(1).with_mutation(mutation);
        let report = timed(&format!("{mutation:?}"), &matrix);
        assert!(report.bad > 0, "{mutation:?} goes unnoticed: {report}");
    }
}

/// What earlier runs put aside: the older one of the two is removed in the end.
#[test]
fn old_generations_are_removed_whatever_fails() {
    let mut model = DockerModel::with_service("web");
    let (image, config) = (model.tags["web:v1"].clone(), serde_json::json!({"Image": "web:v1"}));
    for name in ["web.rbo-aaaaaaaa", "web.rbo-bbbbbbbb"] {
        model.add(name, image.clone(), config.clone(), serde_json::json!({}));
    }
    let report = timed("old generations", &matrix(model).with_crashes(1));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

fn warm_service(networks: &[&str]) -> DockerModel {
    DockerModel::with_service("web").with_healthcheck().with_networks(networks)
}

#[test]
fn places_are_changed_and_changed_back_whatever_fails() {
    for networks in [&["bridge"][..], &["front", "back"]] {
        let matrix = warm_swap(warm_service(networks)).with_crashes(1);
        let report = timed(&format!("warm swap on {networks:?}"), &matrix);
        report.assert_clean();
        assert!(report.cases >= 50_000 && report.ends.contains_key("RolledBack"), "{report}");
    }
}

#[test]
fn a_warm_target_that_is_not_ready_never_gets_the_place() {
    let mut model = warm_service(&["front", "back"]);
    model.unready.push(target_image(&model));
    // It is looked at over and over until then.
    let plan = plan_with(&model, &WarmSwap::new(key()), Duration::from_secs(10));
    let report = timed("warm swap, not ready", &matrix_of(model.clone(), plan).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
    model.unready.clear();
    model.sick.push(target_image(&model));
    let report = timed("warm swap, sick", &warm_swap(model).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

/// `web` runs v2, and a container of v1 with other settings is kept.
fn with_kept(mut model: DockerModel) -> DockerModel {
    let mut config = (*model.serving().unwrap().config).clone();
    let mut host = (*model.serving().unwrap().host).clone();
    config["Image"] = serde_json::json!("web:v1");
    config["Env"] = serde_json::json!(["A=0"]);
    host["RestartPolicy"] = serde_json::json!({"Name": "no"});
    let image = model.tags["web:v1"].clone();
    model.add("web.rbo-aaaaaaaa", image, config, host);
    model
}

#[test]
fn settings_go_back_and_come_again_whatever_fails() {
    let model = with_kept(DockerModel::with_service("web"));
    let strategy = CreateFirst::new(key()).with_config();
    let plan = plan_with(&model, &strategy, LONG);
    let report = timed("with config", &matrix_of(model.clone(), plan).with_crashes(1));
    report.assert_clean();
    assert!(report.cases >= 50_000 && report.ends.contains_key("RolledBack"), "{report}");
    let mut sick = model;
    sick.sick.push(target_image(&sick));
    let plan = plan_with(&sick, &strategy, LONG);
    let report = timed("with config, sick", &matrix_of(sick, plan).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

#[test]
fn settings_go_back_by_a_change_of_places() {
    let model = with_kept(warm_service(&["bridge"]));
    let plan = plan_with(&model, &WarmSwap::new(key()).with_config(), LONG);
    let report = timed("with config, warm", &matrix_of(model, plan).with_crashes(1));
    report.assert_clean();
    assert!(report.cases >= 50_000 && report.ends.contains_key("RolledBack"), "{report}");
}

/// The verdict of the model fails for a container whose namespace is gone.
#[test]
fn dependents_come_along_and_come_back_whatever_fails() {
    let model = DockerModel::with_service("web").with_dependent("sidecar");
    let strategy = CreateFirst::new(key()).recreate_dependents();
    let plan = plan_with(&model, &strategy, LONG);
    let report = timed("a dependent", &matrix_of(model.clone(), plan).with_crashes(1));
    report.assert_clean();
    assert!(report.cases >= 50_000 && report.ends.contains_key("RolledBack"), "{report}");
    let mut sick = model;
    sick.sick.push(target_image(&sick));
    let plan = plan_with(&sick, &strategy, LONG);
    let report = timed("a dependent, sick", &matrix_of(sick.clone(), plan).with_crashes(1));
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
    let two = sick.with_dependent("watcher");
    let plan = plan_with(&two, &strategy, LONG);
    let report = timed("two dependents, sick", &matrix_of(two, plan).without_faults());
    report.assert_clean();
}

/// The tag that protected the image of a container which is removed goes with it.
#[test]
fn old_tags_are_removed_whatever_fails() {
    let mut model = DockerModel::with_service("web");
    let oldest: Arc<str> = format!("sha256:{}", "03".repeat(32)).into();
    for (name, tag) in [("web.rbo-aaaaaaaa", "web:v0"), ("web.rbo-bbbbbbbb", "web:v1")] {
        let image = model.tags.get(tag).unwrap_or(&oldest).clone();
        let (config, host) = (serde_json::json!({"Image": tag}), serde_json::json!({}));
        Arc::make_mut(&mut model.tags).insert(tag.to_owned(), image.clone());
        model.add(name, image, config, host);
    }
    let tag = "stillme-rb/030303030303:web".to_owned();
    Arc::make_mut(&mut model.tags).insert(tag.clone(), oldest);
    // The list is the newest first; the model's is the oldest first, so all are asked to go.
    let plan = plan_with(&model, &CreateFirst::new(key()).keeping(1), LONG);
    assert!(plan.steps.iter().any(|step| step.id.as_str() == "unprotect.3"), "{plan}");
    let report = timed("old tags", &matrix_of(model, plan).with_crashes(1));
    report.assert_clean();
    assert!(report.ends.contains_key("RolledBack"), "{report}");
}

/// Beside the ends, the model watches over every request: nobody who has traffic, or a request under way,
/// is ever stopped.
#[test]
fn no_request_is_lost_whatever_fails() {
    for networks in [&["bridge"][..], &["front", "back"]] {
        let matrix = behind_proxy(warm_service(networks).with_proxy(), LONG).with_crashes(1);
        let report = timed(&format!("behind a proxy on {networks:?}"), &matrix);
        report.assert_clean();
        assert!(report.cases >= 50_000 && report.ends.contains_key("RolledBack"), "{report}");
    }
}

#[test]
fn a_target_behind_a_proxy_that_fails_costs_no_request() {
    let mut model = warm_service(&["bridge"]).with_proxy();
    model.unready.push(target_image(&model));
    // It is looked at over and over until then.
    let matrix = behind_proxy(model.clone(), Duration::from_secs(10)).with_crashes(1);
    never_gone_to("behind a proxy, not ready", &matrix);
    model.unready.clear();
    model.sick.push(target_image(&model));
    never_gone_to("behind a proxy, sick", &behind_proxy(model.clone(), LONG).with_crashes(1));
    model.sick.clear();
    model.broken.push(target_image(&model));
    never_gone_to("behind a proxy, exits", &behind_proxy(model, LONG).with_crashes(1));
}

fn never_gone_to(what: &str, matrix: &CrashMatrix<DockerModel>) {
    let report = timed(what, matrix);
    report.assert_clean();
    assert!(!report.ends.contains_key("RolledBack"), "{report}");
}

fn behind_proxy(model: DockerModel, deadline: Duration) -> CrashMatrix<DockerModel> {
    let plan = plan_with(&model, &BehindProxy::new(key()), deadline);
    matrix_of(model, plan)
}

/// The same rules, broken in the switch: what waits for no request is found.
#[test]
fn a_switch_that_does_not_drain_is_found() {
    #[derive(Debug)]
    struct Impatient(ModelSwitch);

    #[async_trait::async_trait]
    impl TrafficSwitch for Impatient {
        fn name(&self) -> String {
            self.0.name()
        }

        fn port(&self) -> u16 {
            self.0.port()
        }

        async fn confirm(&self, among: &[Upstream]) -> Result<Traffic> {
            self.0.confirm(among).await
        }

        async fn point(&self, to: &Upstream, limits: PointLimits) -> Result<()> {
            self.0.point(to, limits).await
        }

        async fn drain(&self, _from: &Upstream, _limit: Duration) -> Result<()> {
            Ok(())
        }
    }

    let model = warm_service(&["bridge"]).with_proxy();
    let plan = plan_with(&model, &BehindProxy::new(key()), LONG);
    let matrix = CrashMatrix::new(
        model.clone(),
        plan,
        |sim| {
            let engine = Arc::new(ModelEngine::new(sim.clone()));
            let switch = Arc::new(Impatient(ModelSwitch::new(sim)));
            Arc::new(DockerExecutor::new(engine, key()).with_traffic_switch(switch))
        },
        |sim| Arc::new(ModelVerifier::new(sim)),
    );
    // What an unperturbed run leaves is the measure of all others: it is looked at by itself.
    let report = timed("no drain", &matrix.with_crashes(0));
    assert!(report.bad > 0, "it goes unnoticed: {report}");
}
