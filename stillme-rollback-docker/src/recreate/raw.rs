//! Reading raw JSON of the engine, which writes an absent value in three ways: no key, `null`, and
//! an empty string, list or object.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The empty object, for what an engine left out.
pub(super) static EMPTY: LazyLock<Object> = LazyLock::new(Object::new);

/// The object under `key`.
pub(super) fn object<'a>(parent: &'a Object, key: &str) -> &'a Object {
    parent.get(key).and_then(Value::as_object).unwrap_or(&EMPTY)
}

/// The list of strings under `key`; `None` for no key and `null`.
pub(super) fn strings(parent: &Object, key: &str) -> Option<Vec<String>> {
    let items = parent.get(key)?.as_array()?;
    Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

/// The text under `key`; empty for none.
pub(super) fn text<'a>(parent: &'a Object, key: &str) -> &'a str {
    parent.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Whether an engine reads the value as "not set".
pub(crate) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

/// Sets a list of strings, or removes the key for `None`.
pub(super) fn set_strings(parent: &mut Object, key: &str, value: Option<Vec<String>>) {
    match value {
        Some(items) => parent.insert(key.to_owned(), Value::from(items)),
        None => parent.remove(key),
    };
}

/// Sets an object, or removes the key if it is empty.
pub(super) fn set_object(parent: &mut Object, key: &str, value: Object) {
    if value.is_empty() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), Value::Object(value));
    }
}
