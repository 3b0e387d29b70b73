//! What is particular to the Rollouts of Argo (<https://argo-rollouts.readthedocs.io>, 1.10).

use serde_json::Value;

use crate::object::{annotation, number, text};

/// The label by which the pods of a Rollout's versions differ.
pub(crate) const HASH_LABEL: &str = "rollouts-pod-template-hash";
/// The annotation that numbers its ReplicaSets.
pub(crate) const REVISION: &str = "rollout.argoproj.io/revision";
/// The annotation of a ReplicaSet that lists what the controller put into its template while it was a canary.
const EPHEMERAL: &str = "rollout.argoproj.io/ephemeral-metadata";

/// The hash of the version that the controller is at or on its way to.
pub(crate) fn current_hash(rollout: &Value) -> &str {
    text(rollout, "/status/currentPodHash")
}

/// The hash of the version that all requests went to last.
pub(crate) fn stable_hash(rollout: &Value) -> &str {
    text(rollout, "/status/stableRS")
}

/// Whether a version is promoted, or will be without a further word: no step, pause or analysis holds it up.
pub(crate) fn is_promoted(rollout: &Value, hash: &str) -> bool {
    let full = rollout.pointer("/status/promoteFull") == Some(&Value::Bool(true));
    current_hash(rollout) == hash && (stable_hash(rollout) == hash || full)
}

/// Whether the template stands in another object.
pub(crate) fn template_elsewhere(rollout: &Value) -> Option<String> {
    let reference = rollout.pointer("/spec/workloadRef")?;
    Some(format!("{} {}", text(reference, "/kind"), text(reference, "/name")))
}

/// Whether two versions of it run side by side until it is promoted.
pub(crate) fn is_blue_green(rollout: &Value) -> bool {
    rollout.pointer("/spec/strategy/blueGreen").is_some()
}

/// What holds an update up, for people.
pub(crate) fn held_up(rollout: &Value) -> Option<String> {
    if rollout.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Some("it is paused".to_owned());
    }
    let pauses = rollout.pointer("/status/pauseConditions").and_then(Value::as_array);
    let reasons: Vec<_> =
        pauses.into_iter().flatten().map(|pause| text(pause, "/reason").to_owned()).collect();
    (!reasons.is_empty()).then(|| format!("it is paused ({})", reasons.join(", ")))
}

/// Why the controller does nothing at all: what the Rollout says makes no sense to it.
pub(crate) fn invalid(rollout: &Value) -> Option<String> {
    let conditions = rollout.pointer("/status/conditions")?.as_array()?;
    let invalid = conditions.iter().find(|one| text(one, "/type") == "InvalidSpec")?;
    Some(text(invalid, "/message").chars().take(300).collect())
}

/// Takes out of a ReplicaSet's template what the controller put into it: metadata of canaries, and a rule that keeps
/// versions on different nodes. Left in, the template would be another version's.
pub(crate) fn without_injected(kept: &Value, template: &mut Value) {
    let injected = annotation(kept, EPHEMERAL).and_then(|text| serde_json::from_str(text).ok());
    let injected: Value = injected.unwrap_or_default();
    for part in ["labels", "annotations"] {
        let keys = injected.get(part).and_then(Value::as_object).into_iter().flatten();
        let path = format!("/metadata/{part}");
        let Some(there) = template.pointer_mut(&path).and_then(Value::as_object_mut) else {
            continue;
        };
        for (key, _) in keys {
            there.remove(key);
        }
        if there.is_empty()
            && let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.remove(part);
        }
    }
    without_rule(template);
}

fn without_rule(template: &mut Value) {
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let Some(affinity) = spec.get_mut("affinity").and_then(Value::as_object_mut) else { return };
    let Some(anti) = affinity.get_mut("podAntiAffinity").and_then(Value::as_object_mut) else {
        return;
    };
    let mut found = false;
    anti.retain(|_, rules| {
        let Some(rules) = rules.as_array_mut() else { return true };
        let before = rules.len();
        rules.retain(|rule| !is_injected(rule));
        found |= rules.len() < before;
        !rules.is_empty()
    });
    if !found {
        return;
    }
    if anti.is_empty() {
        affinity.remove("podAntiAffinity");
    }
    if affinity.is_empty() {
        spec.remove("affinity");
    }
}

fn is_injected(rule: &Value) -> bool {
    let term = rule.get("podAffinityTerm").unwrap_or(rule);
    let expressions = term.pointer("/labelSelector/matchExpressions").and_then(Value::as_array);
    expressions.into_iter().flatten().any(|one| text(one, "/key") == HASH_LABEL)
}

/// How far it is, for people: `step 1 of 4, 25 % of the requests at the canary`.
pub(crate) fn told(rollout: &Value) -> String {
    let steps = rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array);
    let mut told = vec![text(rollout, "/status/phase").to_lowercase()];
    if let Some(steps) = steps {
        told.push(format!(
            "step {} of {}",
            number(rollout, "/status/currentStepIndex"),
            steps.len()
        ));
    }
    if let Some(weight) = rollout.pointer("/status/canary/weights/canary/weight") {
        told.push(format!("{weight} % of the requests at the canary"));
    }
    told.extend(held_up(rollout));
    told.retain(|part| !part.is_empty());
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_controller_put_into_a_template_is_taken_out() {
        let kept = json!({"metadata": {"annotations": {
            EPHEMERAL: r#"{"labels":{"role":"canary"},"annotations":{"seen":"x"}}"#,
        }}});
        let rule = json!({"labelSelector": {"matchExpressions": [{"key": HASH_LABEL, "operator": "NotIn"}]}});
        let mine = json!({"labelSelector": {"matchExpressions": [{"key": "app"}]}});
        let mut template = json!({
            "metadata": {"labels": {"app": "web", "role": "canary"}, "annotations": {"seen": "x"}},
            "spec": {"affinity": {"podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [rule],
                "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": mine}],
            }}},
        });
        without_injected(&kept, &mut template);
        assert_eq!(
            template,
            json!({
                "metadata": {"labels": {"app": "web"}},
                "spec": {"affinity": {"podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": mine}],
                }}},
            })
        );
        let mut alone = json!({"spec": {"affinity": {"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [rule],
        }}}});
        without_injected(&json!({}), &mut alone);
        assert_eq!(alone, json!({"spec": {}}));
    }

    #[test]
    fn a_version_is_promoted_when_nothing_holds_it_up() {
        let rollout = |current: &str, stable: &str, full: bool| json!({"status": {"currentPodHash": current, "stableRS": stable, "promoteFull": full}});
        assert!(is_promoted(&rollout("a", "a", false), "a"));
        assert!(is_promoted(&rollout("a", "b", true), "a"));
        assert!(!is_promoted(&rollout("a", "b", false), "a"));
        assert!(!is_promoted(&rollout("b", "b", false), "a"));
    }

    #[test]
    fn how_far_it_is_is_told() {
        let rollout = json!({
            "spec": {"strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}},
            "status": {"phase": "Paused", "currentStepIndex": 1, "pauseConditions": [{"reason": "CanaryPauseStep"}]},
        });
        assert_eq!(told(&rollout), "paused, step 1 of 2, it is paused (CanaryPauseStep)");
    }
}
