use serde_json::json;

use super::*;
use crate::template::HASH_LABEL;

fn key() -> HashKey {
    HashKey::from_bytes([3; 32])
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}

fn deployment(image: &str, annotations: Value) -> Value {
    json!({
        "metadata": {"name": "web", "uid": "d", "annotations": annotations},
        "spec": {"template": template(image)},
    })
}

fn set(hash: &str, number: i64, image: &str, annotations: Value) -> Value {
    let mut template = template(image);
    template["metadata"]["labels"][HASH_LABEL] = hash.into();
    let mut set = json!({
        "metadata": {
            "name": format!("web-{hash}"), "uid": hash, "labels": {HASH_LABEL: hash},
            "creationTimestamp": format!("2026-01-0{number}T00:00:00Z"),
            "ownerReferences": [{"uid": "d", "controller": true}],
            "annotations": annotations,
        },
        "spec": {"template": template, "replicas": 0},
    });
    set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = number.to_string().into();
    set
}

fn history(deployment: &Value, sets: &[Value]) -> History {
    let sets: Vec<_> = sets.iter().collect();
    History::of(Kind::Deployment, deployment, &sets, &key()).unwrap()
}

#[test]
fn revisions_are_newest_first_and_only_its_own() {
    let mut foreign = set("x", 9, "other:9", json!({}));
    foreign["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    let sets = [set("a", 1, "web:1", json!({})), foreign, set("b", 2, "web:2", json!({}))];
    let history = history(&deployment("web:2", json!({})), &sets);
    let found: Vec<_> =
        history.revisions.iter().map(|r| (r.number, r.hash.as_str(), r.current)).collect();
    assert_eq!(found, [(2, "b", true), (1, "a", false)]);
    assert_eq!(history.current().unwrap().image().unwrap().as_str(), "web:2");
    assert_eq!(history.others().map(|r| r.hash.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_template_that_no_controller_saw_is_nobodys() {
    let history = history(&deployment("web:3", json!({})), &[set("a", 1, "web:1", json!({}))]);
    assert_eq!(history.current(), None);
}

#[test]
fn of_equal_templates_the_oldest_is_current_and_none_is_another() {
    let sets = [set("a", 1, "web:1", json!({})), set("b", 2, "web:1", json!({}))];
    let history = history(&deployment("web:1", json!({})), &sets);
    assert_eq!(history.current().unwrap().hash, "a");
    assert_eq!(history.others().count(), 0);
}

#[test]
fn verified_are_those_whose_own_hash_stands_there() {
    // The controller copies a Deployment's annotations to its newest ReplicaSet.
    let copied = json!({ANNOTATION_VERIFIED: "a"});
    let sets = [set("a", 1, "web:1", copied.clone()), set("b", 2, "web:2", copied)];
    let history = history(&deployment("web:2", json!({})), &sets);
    let verified: Vec<_> = history.revisions.iter().map(|r| r.verified).collect();
    assert_eq!(verified, [false, true]);
}

#[test]
fn what_was_left_is_left_until_it_is_deployed_again() {
    let left = json!({ANNOTATION_LEFT: "b@2"});
    let now = deployment("web:1", left);
    let sets = [set("a", 3, "web:1", json!({})), set("b", 2, "web:2", json!({}))];
    assert!(history(&now, &sets).revisions[1].left);
    let sets = [set("a", 3, "web:1", json!({})), set("b", 4, "web:2", json!({}))];
    assert!(!history(&now, &sets).revisions[0].left);
}
