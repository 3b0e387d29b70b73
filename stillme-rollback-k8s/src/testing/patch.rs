//! JSON Patch (RFC 6902), as far as this crate sends it.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result};

/// Applies a patch to a copy of an object.
pub(super) fn applied(object: &Value, patch: &Value) -> Result<Value> {
    let mut object = object.clone();
    for operation in patch.as_array().into_iter().flatten() {
        let text = |key: &str| operation.get(key).and_then(Value::as_str).unwrap_or_default();
        let (parent, key) = text("path").rsplit_once('/').unwrap_or_default();
        let key = key.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
        let parent = parent.ok_or_else(|| invalid(text("path")))?;
        let value = operation.get("value").cloned().unwrap_or_default();
        match text("op") {
            "replace" if !parent.contains_key(&key) => return Err(invalid(text("path"))),
            "add" | "replace" => drop(parent.insert(key, value)),
            "remove" => drop(parent.remove(&key).ok_or_else(|| invalid(text("path")))?),
            _ => return Err(invalid(text("op"))),
        }
    }
    Ok(object)
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::Rejected, "patch", format!("the patch does not fit at `{what}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_are_applied_in_order_or_not_at_all() {
        let object = json!({"a": {"b/c": 1}});
        let patch = json!([
            {"op": "replace", "path": "/a/b~1c", "value": 2},
            {"op": "add", "path": "/a/d", "value": 3},
        ]);
        assert_eq!(applied(&object, &patch).unwrap(), json!({"a": {"b/c": 2, "d": 3}}));
        let misfit = json!([{"op": "replace", "path": "/x", "value": 2}]);
        assert!(applied(&object, &misfit).is_err());
        let misfit = json!([{"op": "remove", "path": "/a/x"}]);
        assert!(applied(&object, &misfit).is_err());
    }
}
