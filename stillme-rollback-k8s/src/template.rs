//! Pod templates: raw, compared whole, named by a keyed digest.

use std::collections::BTreeMap;

use serde_json::Value;
use stillme_rollback_core::HashKey;

use crate::argo;

/// The label by which a ReplicaSet's template differs from its Deployment's.
pub(crate) const HASH_LABEL: &str = "pod-template-hash";

/// A template as it stands in a workload, of one as a ReplicaSet or a ControllerRevision keeps it: without the label
/// of the one and the patch directive of the other.
pub(crate) fn bare(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    let labels = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
    if let Some(labels) = labels {
        labels.remove(HASH_LABEL);
        labels.remove(argo::HASH_LABEL);
    }
    template
}

/// A keyed digest of a template: templates hold environment values. Equal for equal templates, whatever the
/// order of their keys; an explicit null and an empty creation time are the same as none.
pub(crate) fn digest(template: &Value, key: &HashKey) -> String {
    key.long_hash(canonical(template).to_string().as_bytes())
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            // Sorted here, as a map of serde_json may keep the order in which it was filled.
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            let sorted: BTreeMap<_, _> =
                kept.map(|(key, value)| (key.clone(), canonical(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// The images of a template: each container's name with its image, in their order, init containers last.
pub(crate) fn images(template: &Value) -> Vec<(String, String)> {
    ["/spec/containers", "/spec/initContainers"]
        .iter()
        .filter_map(|path| template.pointer(path)?.as_array())
        .flatten()
        .filter_map(|container| {
            let text = |key| container.get(key).and_then(Value::as_str).map(str::to_owned);
            Some((text("name")?, text("image")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_replica_sets_template_is_its_deployments_but_for_the_hash() {
        let plain = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
        let mut hashed = plain.clone();
        hashed["metadata"]["labels"][HASH_LABEL] = "5d4f".into();
        assert_eq!(bare(&hashed), plain);
        assert_eq!(bare(&json!({})), json!({}));
    }

    #[test]
    fn digests_are_of_the_meaning_and_keyed() {
        let (one, two) = (HashKey::from_bytes([1; 32]), HashKey::from_bytes([2; 32]));
        let template = json!({"metadata": {"creationTimestamp": null}, "spec": {"a": 1, "b": [0]}});
        let same = json!({"spec": {"b": [0], "a": 1}, "metadata": {}});
        assert_eq!(digest(&template, &one), digest(&same, &one));
        assert_ne!(digest(&template, &one), digest(&template, &two));
        assert_ne!(digest(&template, &one), digest(&json!({"spec": {"a": 1, "b": [1]}}), &one));
    }

    #[test]
    fn images_come_with_their_containers() {
        let template = json!({"spec": {
            "initContainers": [{"name": "init", "image": "i:1"}],
            "containers": [{"name": "app", "image": "a:1"}, {"name": "side"}],
        }});
        let expected = [("app", "a:1"), ("init", "i:1")];
        let found = images(&template);
        let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, expected);
    }
}
