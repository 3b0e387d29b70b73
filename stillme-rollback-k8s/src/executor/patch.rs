//! The patches: a template with its marks, and the note that a version was verified.

use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, Result, RunId, Secret};

use super::KubernetesExecutor;
use crate::action::{Order, Version};
use crate::argo;
use crate::cluster::Object;
use crate::names::{
    ANNOTATION_LEFT, ANNOTATION_RUN, ANNOTATION_VERIFIED, MOST_VERIFIED, WorkloadRef,
};
use crate::object::{self, text};
use crate::template;

/// What who deployed a version said about it. It belongs to the version: left behind, the controller would copy
/// it to the version that is gone back to.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

impl KubernetesExecutor {
    /// The patch that puts the target's template into a workload; without a run, the one that takes it back.
    /// `None` if it is there.
    ///
    /// # Errors
    /// `Mismatch` if the workload has neither template, or what keeps the template is gone.
    pub(super) async fn template_patch(
        &self,
        workload: &WorkloadRef,
        live: &Value,
        order: &Order,
        run: Option<RunId>,
    ) -> Result<Option<Value>> {
        let (away, to) = match run {
            Some(_) => (&order.from, &order.to),
            None => (&order.to, &order.from),
        };
        let now = self.digest_of(live);
        if to.is(&now) {
            return Ok(None);
        }
        if !away.is(&now) {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "set template",
                "the template is neither the one that is left nor the one that is wanted",
            )
            .with_hint("it was not touched"));
        }
        let kept = self.kept(workload, to).await?;
        let (mine, left) = match run {
            Some(run) => {
                let left = format!("{}@{}", order.from.hash, order.from.number);
                (Some(run.to_string()), Some(left))
            }
            None => (order.before.run.clone(), order.before.left.clone()),
        };
        let cause = object::annotation(kept.expose(), CHANGE_CAUSE).map(str::to_owned);
        let template = workload.kind.kept_template(kept.expose());
        let mut operations = at_version(live);
        operations.push(json!({ "op": "replace", "path": "/spec/template", "value": template }));
        if order.was_paused {
            // Paused, the controller of a Rollout would not go anywhere.
            operations.push(json!({ "op": "add", "path": "/spec/paused", "value": run.is_none() }));
        }
        annotate(
            &mut operations,
            live,
            &[(ANNOTATION_RUN, mine), (ANNOTATION_LEFT, left), (CHANGE_CAUSE, cause)],
        );
        Ok(Some(Value::Array(operations)))
    }

    /// The digest of a workload's template.
    pub(crate) fn digest_of(&self, workload: &Value) -> String {
        let template = workload.pointer("/spec/template").unwrap_or(&Value::Null);
        template::digest(&template::bare(template), &self.key)
    }

    /// What keeps a version's template. By its digest, so that it does not matter from when it is known.
    async fn kept(&self, workload: &WorkloadRef, version: &Version) -> Result<Object> {
        if let Some(known) = self.known_template(&version.digest) {
            return Ok(known);
        }
        let kept_in = workload.kind.kept_in();
        let found = self.cluster.get(kept_in, &workload.namespace, &version.kept_in).await?;
        let digest = |kept: &Object| {
            template::digest(&workload.kind.kept_template(kept.expose()), &self.key)
        };
        found.filter(|found| digest(found) == version.digest).ok_or_else(|| {
            Error::new(ErrorKind::Mismatch, "find version", "what kept it is gone, or another one")
                .with_context(kept_in.plural, version.kept_in.as_str())
                .with_hint("nothing was touched")
        })
    }

    pub(super) fn known_template(&self, digest: &str) -> Option<Object> {
        let known = self.templates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(digest).cloned()
    }

    /// Keeps what has the templates that a plan may need, so that they are not asked for again.
    pub(super) fn keep_templates(&self, sets: impl IntoIterator<Item = (String, Value)>) {
        let mut known = self.templates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Of the runs of the moment: what is not known is read.
        if known.len() > MOST_TEMPLATES {
            known.clear();
        }
        known.extend(sets.into_iter().map(|(digest, set)| (digest, Secret::new(set))));
    }
}

/// How many templates are kept before they are dropped: two for each of a few hundred runs at once.
const MOST_TEMPLATES: usize = 1024;

/// Lets the controller of a Rollout go to its template's version without steps. `None` if it does.
pub(super) fn promote(live: &Value, hash: &str) -> Option<Value> {
    if argo::is_promoted(live, hash) {
        return None;
    }
    let mut operations = at_version(live);
    operations.push(json!({ "op": "add", "path": "/status/promoteFull", "value": true }));
    Some(Value::Array(operations))
}

/// The note that a version was verified. `None` if it stands there.
pub(super) fn mark(live: &Value, hash: &str) -> Option<Value> {
    let known = object::annotation(live, ANNOTATION_VERIFIED).unwrap_or_default();
    let mut hashes = vec![hash];
    hashes.extend(known.split(',').filter(|known| !known.is_empty() && *known != hash));
    hashes.truncate(MOST_VERIFIED);
    let hashes = hashes.join(",");
    if hashes == known {
        return None;
    }
    let mut operations = at_version(live);
    annotate(&mut operations, live, &[(ANNOTATION_VERIFIED, Some(hashes))]);
    Some(Value::Array(operations))
}

/// Only if nothing changed since: the server answers 409 then.
pub(super) fn at_version(live: &Value) -> Vec<Value> {
    let version = text(live, "/metadata/resourceVersion");
    vec![json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version })]
}

/// Sets annotations, and removes those without a value; all others stay as they are.
fn annotate(operations: &mut Vec<Value>, live: &Value, wanted: &[(&str, Option<String>)]) {
    if live.pointer("/metadata/annotations").is_none_or(Value::is_null) {
        operations.push(json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
    }
    for (key, value) in wanted {
        let path = format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Some(value) => {
                operations.push(json!({ "op": "add", "path": path, "value": value }));
            }
            None if object::annotation(live, key).is_some() => {
                operations.push(json!({ "op": "remove", "path": path }));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_put_before_the_others_and_only_once() {
        let live = json!({"metadata": {"resourceVersion": "7", "annotations": {
            ANNOTATION_VERIFIED: "b,a",
        }}});
        let patch = mark(&live, "a").unwrap();
        assert_eq!(patch[0]["value"], "7");
        assert_eq!(patch[1]["value"], "a,b");
        assert_eq!(mark(&live, "b"), None);
        let many: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let live = json!({"metadata": {"annotations": {ANNOTATION_VERIFIED: many.join(",")}}});
        let patch = mark(&live, "x").unwrap();
        assert_eq!(patch[1]["value"].as_str().unwrap().split(',').count(), MOST_VERIFIED);
    }

    #[test]
    fn annotations_are_set_removed_and_made() {
        let mut operations = Vec::new();
        let wanted = [("a/b", Some("1".to_owned())), ("c", None), ("d", None)];
        annotate(&mut operations, &json!({"metadata": {"annotations": {"d": "x"}}}), &wanted);
        let expected = [
            json!({"op": "add", "path": "/metadata/annotations/a~1b", "value": "1"}),
            json!({"op": "remove", "path": "/metadata/annotations/d"}),
        ];
        assert_eq!(operations, expected);
        let mut operations = Vec::new();
        annotate(&mut operations, &json!({"metadata": {}}), &[("a", Some("1".to_owned()))]);
        assert_eq!(operations[0]["path"], "/metadata/annotations");
    }
}
