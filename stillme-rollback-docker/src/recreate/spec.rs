//! The hash of what is asked for, by which a run sees that it is still what the plan showed.

use serde_json::{Value, json};
use stillme_rollback_core::{Fingerprint, HashKey};

use super::raw::{EMPTY, Object};
use super::{Recreated, labels};

impl Recreated {
    /// The keyed hash of the requests, without our own labels: the same in every run that asks for
    /// the same container, and useless to who does not have the key.
    pub fn spec_hash(&self, key: &HashKey) -> String {
        let connects: Vec<_> = self
            .connects
            .iter()
            .map(|connect| json!([connect.network, connect.endpoint.expose()]))
            .collect();
        let mut body: Object = self.body.expose().as_object().unwrap_or(&EMPTY).clone();
        labels::remove_ours(&mut body);
        sort_ulimits(&mut body);
        let spec = json!({"body": Value::Object(body), "connects": connects});
        // The inner hash brings the JSON into one form; the outer one is what may be stored.
        key.long_hash(Fingerprint::of(&spec).as_str().as_bytes())
    }
}

/// Engines mix limits of their own into the list in any order, and the order means nothing.
pub(super) fn sort_ulimits(body: &mut Object) {
    let host = body.get_mut("HostConfig").and_then(Value::as_object_mut);
    if let Some(Value::Array(ulimits)) = host.and_then(|host| host.get_mut("Ulimits")) {
        ulimits.sort_by_cached_key(|limit| {
            let name = limit.get("Name").and_then(Value::as_str);
            name.unwrap_or_default().to_owned()
        });
    }
}
