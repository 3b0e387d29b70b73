//! What is read of any object.

use serde_json::Value;

use crate::names::Uid;

/// A text, or an empty one.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number, or 0: the API leaves zeros out.
pub(crate) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The name.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The uid.
pub(crate) fn uid(object: &Value) -> Uid {
    Uid::new(text(object, "/metadata/uid"))
}

/// An annotation.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// A label.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// Whether it is controlled by the object with this uid: labels alone can be anybody's.
pub(crate) fn is_controlled_by(object: &Value, owner: &Uid) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|reference| {
        reference.get("controller") == Some(&Value::Bool(true))
            && text(reference, "/uid") == owner.as_str()
    })
}

/// Whether it is being deleted.
pub(crate) fn is_ending(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// Whether the controller has seen the newest wish.
pub(crate) fn is_observed(object: &Value) -> bool {
    // Argo writes it as a text.
    let seen = text(object, "/status/observedGeneration").parse::<i64>().ok();
    let seen = seen.unwrap_or_else(|| number(object, "/status/observedGeneration"));
    seen >= number(object, "/metadata/generation")
}

/// Which of two resource versions is newer, as far as they are numbers.
pub(crate) fn is_newer(one: &Value, other: &Value) -> bool {
    let version = |object| text(object, "/metadata/resourceVersion").parse::<u64>().unwrap_or(0);
    version(one) > version(other)
}

/// Who wrote the pod template last, by the server's own books: manager, way and time.
pub(crate) fn last_writer_of_template(object: &Value) -> Option<String> {
    last_writer(object, "/fieldsV1/f:spec/f:template")
}

/// Who wrote a field last, likewise. `field`: where it stands in an entry of the server's books.
pub(crate) fn last_writer(object: &Value, field: &str) -> Option<String> {
    let fields = object.pointer("/metadata/managedFields")?.as_array()?;
    let writers = fields
        .iter()
        .filter(|entry| entry.pointer(field).is_some() && text(entry, "/subresource").is_empty());
    // The API's times are RFC 3339 in UTC, which sort as they are.
    let last = writers.max_by_key(|entry| text(entry, "/time"))?;
    Some(format!(
        "{} ({}) at {}",
        text(last, "/manager"),
        text(last, "/operation"),
        text(last, "/time")
    ))
}

/// A label selector as a query has it.
pub(crate) fn selector(object: &Value) -> String {
    let mut parts = Vec::new();
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    let expressions = object.pointer("/spec/selector/matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let key = text(expression, "/key");
        let values = expression.get("values").and_then(Value::as_array);
        let values: Vec<_> = values.into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_queries() {
        let object = json!({"spec": {"selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "new", "operator": "Exists"},
            ],
        }}});
        assert_eq!(selector(&object), "app=web,tier in (a,b),!old,new");
    }

    #[test]
    fn a_controller_is_told_by_its_uid() {
        let owned = json!({"metadata": {"ownerReferences": [
            {"uid": "1", "controller": true}, {"uid": "2"},
        ]}});
        assert!(is_controlled_by(&owned, &Uid::new("1")));
        assert!(!is_controlled_by(&owned, &Uid::new("2")));
    }

    #[test]
    fn the_last_writer_of_a_template_is_named() {
        let object = json!({"metadata": {"managedFields": [
            {"manager": "helm", "operation": "Update", "time": "2026-01-01T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": "kubectl", "operation": "Apply", "time": "2026-01-02T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": "kcm", "operation": "Update", "time": "2026-01-03T00:00:00Z",
             "subresource": "status", "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": "hpa", "operation": "Update", "time": "2026-01-04T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]}});
        let who = last_writer_of_template(&object);
        assert_eq!(who.as_deref(), Some("kubectl (Apply) at 2026-01-02T00:00:00Z"));
    }
}
