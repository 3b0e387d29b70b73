use serde_json::{Value, json};
use stillme_rollback_core::{HashKey, NoteLevel};

use super::*;
use crate::detail::Preflight;
use crate::history::History;
use crate::names::{Kind, Namespace, ObjectName, Uid};

fn template(image: &str, hash: Option<&str>) -> Value {
    let mut template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    });
    if let Some(hash) = hash {
        template["metadata"]["labels"]["pod-template-hash"] = hash.into();
    }
    template
}

fn set(hash: &str, number: i64, image: &str) -> Value {
    json!({
        "metadata": {
            "name": format!("web-{hash}"), "uid": hash, "labels": {"pod-template-hash": hash},
            "ownerReferences": [{"uid": "u", "controller": true}],
            "annotations": {"deployment.kubernetes.io/revision": number.to_string()},
        },
        "spec": {"template": template(image, Some(hash))},
    })
}

fn observation(change: impl FnOnce(&mut Value, &mut Preflight)) -> Observation {
    let mut workload = json!({
        "metadata": {"name": "web", "uid": "u"},
        "spec": {"replicas": 2, "template": template("web:v2", None)},
    });
    let mut preflight = Preflight::default();
    change(&mut workload, &mut preflight);
    let sets = [set("a", 1, "web:v1"), set("b", 2, "web:v2")];
    let sets: Vec<_> = sets.iter().collect();
    let key = HashKey::from_bytes([1; 32]);
    let history = History::of(Kind::Deployment, &workload, &sets, &key).unwrap();
    let name = WorkloadRef::new(
        Namespace::new("prod").unwrap(),
        Kind::Deployment,
        ObjectName::new("web").unwrap(),
    );
    let mut observation = Observation::new(name.target(&Uid::new("u")).unwrap());
    observation.detail = Detail { workload, history, preflight, pods: Vec::new() }.into_secret();
    observation
}

fn planned(change: impl FnOnce(&mut Value, &mut Preflight)) -> Result<Plan, PlanRefusal> {
    TemplateBack::new().plan(&observation(change), &Request::new(Goal::Previous))
}

#[test]
fn the_plan_is_one_patch_a_verdict_and_a_note() {
    let plan = planned(|_, _| {}).unwrap();
    let steps: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["set-template", "verdict", "mark-verified"]);
    assert_eq!(plan.from.version.as_str(), "b");
    assert_eq!(plan.to.version.as_str(), "a");
    let shown = plan.to_string();
    assert!(shown.contains("app web:v2 → web:v1"), "{shown}");
    assert_eq!(plan.fingerprint(), planned(|_, _| {}).unwrap().fingerprint());
}

#[test]
fn what_is_verified_is_not_noted_again() {
    let verified = |workload: &mut Value, _: &mut Preflight| {
        workload["metadata"]["annotations"] = json!({"dev.stillme.rollback.verified": "a"});
    };
    assert_eq!(planned(verified).unwrap().steps.len(), 2);
}

#[test]
fn what_can_not_be_done_or_undone_is_refused_before_anything() {
    type Change = fn(&mut Value, &mut Preflight);
    let cases: [(Change, &str); 7] = [
        (|workload, _| workload["spec"]["paused"] = true.into(), "rollout resume"),
        (|workload, _| workload["spec"]["revisionHistoryLimit"] = 0.into(), "no way back"),
        (|workload, _| workload["metadata"]["deletionTimestamp"] = "now".into(), "deleted"),
        (
            |_, preflight| preflight.denied.push("patch deployments.apps web".to_owned()),
            "patch deployments.apps web",
        ),
        (
            |_, preflight| preflight.rehearsal = Some("a policy says no".to_owned()),
            "a policy says no",
        ),
        (|_, preflight| preflight.missing.push("Secret token".to_owned()), "Secret token"),
        (
            |workload, _| {
                workload["metadata"]["labels"] =
                    json!({"kustomize.toolkit.fluxcd.io/name": "apps"});
            },
            "Flux (apps)",
        ),
    ];
    for (change, why) in cases {
        match planned(change) {
            Err(PlanRefusal::Refused(error)) => {
                assert!(error.to_string().contains(why), "{why}: {error}");
                assert!(error.to_string().contains("nothing was touched"), "{error}");
            }
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn who_would_revert_it_is_told_and_gone_past_on_request() {
    let flux = |workload: &mut Value, _: &mut Preflight| {
        workload["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/name": "apps"});
    };
    let request = Request::new(Goal::Previous);
    let plan = TemplateBack::new().despite_owner().plan(&observation(flux), &request).unwrap();
    let warned = plan
        .notes
        .iter()
        .any(|note| note.level == NoteLevel::Warning && note.text.contains("Flux"));
    assert!(warned, "{plan}");
}

#[test]
fn what_no_controller_saw_is_refused() {
    let unseen = |workload: &mut Value, _: &mut Preflight| {
        workload["spec"]["template"] = template("web:v3", None);
    };
    assert!(
        matches!(planned(unseen), Err(PlanRefusal::Refused(error)) if error.to_string().contains("not seen"))
    );
}

#[test]
fn the_current_template_is_already_there() {
    let mut request = Request::new(Goal::Previous);
    let current = observation(|_, _| {});
    let detail = Detail::of(&current.detail).unwrap();
    request.to = Goal::Release(detail.history.current().unwrap().release().unwrap());
    let plan = TemplateBack::new().plan(&current, &request);
    assert!(matches!(plan, Err(PlanRefusal::AlreadyThere(_))), "{plan:?}");
}
