//! Asks the server, before there is a plan, whether the way there and back is free. Changes nothing.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use stillme_rollback_core::{ErrorKind, Result};

use crate::cluster::{Cluster, Mode, Permission, Selection};
use crate::detail::Preflight;
use crate::names::{Kind, ObjectName, WorkloadRef};
use crate::object::{self, text};
use crate::resource::{
    AUTOSCALERS, CONFIG_MAPS, ENDPOINT_SLICES, POD_LOGS, PODS, ROLLOUT_STATUSES, Resource, SECRETS,
    SERVICES,
};

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) workload: &'a WorkloadRef,
    /// Whether a patch would change anything.
    pub(super) is_other: bool,
    /// The template that is wanted.
    pub(super) template: Option<&'a Value>,
    /// Whether pods may have to be deleted.
    pub(super) deletes_pods: bool,
}

/// Permissions, a rehearsal of the patch, what the target's pods refer to, and who scales the workload.
pub(super) async fn ask(cluster: &dyn Cluster, question: &Question<'_>) -> Result<Preflight> {
    let workload = question.workload;
    let mut found = Preflight::default();
    permissions(cluster, question, &mut found).await?;
    if let Some(template) = question.template {
        if question.is_other {
            found.rehearsal = rehearse(cluster, workload, template).await?;
        }
        references(cluster, workload, template, &mut found).await?;
    }
    autoscalers(cluster, workload, &mut found).await?;
    Ok(found)
}

/// What every step and its undo needs must be allowed; what only adds to the verdict is said to be left out.
async fn permissions(
    cluster: &dyn Cluster,
    question: &Question<'_>,
    found: &mut Preflight,
) -> Result<()> {
    let workload = question.workload;
    let (kind, name) = (workload.kind.resource(), || workload.name.clone());
    let kept_in = workload.kind.kept_in();
    let mut needed = vec![
        Permission::one("get", kind, name()),
        Permission::one("watch", kind, name()),
        Permission::one("patch", kind, name()),
        Permission::any("list", kept_in),
        Permission::any("get", kept_in),
        Permission::any("watch", PODS),
    ];
    if workload.kind == Kind::Rollout {
        needed.push(Permission::one("patch", ROLLOUT_STATUSES, name()));
    }
    let useful = [
        (Permission::any("list", SERVICES), "where Services send"),
        (Permission::any("list", ENDPOINT_SLICES), "where Services send"),
        (Permission::any("get", POD_LOGS), "what a version that fails printed"),
    ];
    let all = needed.iter().chain(useful.iter().map(|(permission, _)| permission));
    let answers = try_join_all(all.map(|one| cluster.may(&workload.namespace, one))).await?;
    let (of_needed, of_useful) = answers.split_at(needed.len());
    let denied = needed.iter().zip(of_needed).filter(|(_, may)| !**may);
    found.denied.extend(denied.map(|(permission, _)| permission.to_string()));
    for ((permission, what), may) in useful.iter().zip(of_useful) {
        if !may {
            found.not_checked.push(format!("{what}: not allowed to {permission}"));
        }
    }
    if question.deletes_pods {
        let (list, delete) = (Permission::any("list", PODS), Permission::any("delete", PODS));
        let may = try_join_all(
            [&list, &delete].map(|permission| cluster.may(&workload.namespace, permission)),
        );
        found.may_delete_pods = may.await?.into_iter().all(|may| may);
    }
    Ok(())
}

/// What admission and validation say of the patch, if they refuse it.
async fn rehearse(
    cluster: &dyn Cluster,
    workload: &WorkloadRef,
    template: &Value,
) -> Result<Option<String>> {
    // Without our marks, and without the version that a run decides on: a status that is written meanwhile would be
    // all that the server has to say.
    let patch = json!([{ "op": "replace", "path": "/spec/template", "value": template }]);
    let (kind, namespace) = (workload.kind.resource(), &workload.namespace);
    match cluster.patch(kind, namespace, &workload.name, &patch, Mode::DryRun).await {
        Ok(_) => Ok(None),
        // Somebody wrote it meanwhile: the run's own look will tell who.
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::PermissionDenied) => {
            Ok(Some(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// The ConfigMaps and Secrets that a template's pods can't start without.
async fn references(
    cluster: &dyn Cluster,
    workload: &WorkloadRef,
    template: &Value,
    found: &mut Preflight,
) -> Result<()> {
    let wanted = needed(template.get("spec").unwrap_or(&Value::Null));
    let asked = wanted.iter().map(|(resource, name)| async move {
        let name = ObjectName::new(name.clone())?;
        cluster.get(*resource, &workload.namespace, &name).await
    });
    for ((resource, name), answer) in wanted.iter().zip(join_all(asked).await) {
        let what = format!("{} {name}", singular(*resource));
        match answer {
            Ok(Some(_)) => {}
            Ok(None) => found.missing.push(what),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                found.not_checked.push(format!("whether {what} is there: not allowed to read it"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn singular(resource: Resource) -> &'static str {
    if resource == SECRETS { "Secret" } else { "ConfigMap" }
}

/// What a pod's spec refers to and is not optional.
fn needed(spec: &Value) -> BTreeSet<(Resource, String)> {
    let mut wanted = BTreeSet::new();
    let mut add = |resource: Resource, reference: Option<&Value>, key: &str| {
        let Some(reference) = reference else { return };
        let name = reference.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
        if reference.get("optional") != Some(&Value::Bool(true)) {
            wanted.extend(name.map(|name| (resource, name.to_owned())));
        }
    };
    let items =
        |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    for volume in items(spec.get("volumes")) {
        add(CONFIG_MAPS, volume.get("configMap"), "name");
        add(SECRETS, volume.get("secret"), "secretName");
        for source in items(volume.pointer("/projected/sources")) {
            add(CONFIG_MAPS, source.get("configMap"), "name");
            add(SECRETS, source.get("secret"), "name");
        }
    }
    for kind in ["containers", "initContainers"] {
        for container in items(spec.get(kind)) {
            for source in items(container.get("envFrom")) {
                add(CONFIG_MAPS, source.get("configMapRef"), "name");
                add(SECRETS, source.get("secretRef"), "name");
            }
            for variable in items(container.get("env")) {
                add(CONFIG_MAPS, variable.pointer("/valueFrom/configMapKeyRef"), "name");
                add(SECRETS, variable.pointer("/valueFrom/secretKeyRef"), "name");
            }
        }
    }
    wanted
}

async fn autoscalers(
    cluster: &dyn Cluster,
    workload: &WorkloadRef,
    found: &mut Preflight,
) -> Result<()> {
    let all = match cluster.list(AUTOSCALERS, &workload.namespace, &Selection::all()).await {
        Ok(all) => all,
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
            found.not_checked.push("autoscalers: not allowed to list them".to_owned());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let scales = |scaler: &&Value| {
        text(scaler, "/spec/scaleTargetRef/kind").eq_ignore_ascii_case(workload.kind.word())
            && text(scaler, "/spec/scaleTargetRef/name") == workload.name.as_str()
    };
    let names = all.iter().map(|scaler| scaler.expose()).filter(scales).map(object::name);
    found.autoscalers.extend(names.map(str::to_owned));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pods_need_is_found_and_what_is_optional_is_not() {
        let spec = json!({
            "volumes": [
                {"configMap": {"name": "a"}},
                {"secret": {"secretName": "b"}},
                {"projected": {"sources": [{"secret": {"name": "c", "optional": true}}, {"configMap": {"name": "d"}}]}},
                {"emptyDir": {}},
            ],
            "containers": [{
                "envFrom": [{"secretRef": {"name": "e"}}],
                "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "f", "key": "k"}}}, {"name": "Y", "value": "1"}],
            }],
            "initContainers": [{"envFrom": [{"configMapRef": {"name": "g", "optional": true}}]}],
        });
        let found = needed(&spec);
        let found: Vec<_> =
            found.iter().map(|(kind, name)| (singular(*kind), name.as_str())).collect();
        let expected = [
            ("ConfigMap", "a"),
            ("ConfigMap", "d"),
            ("ConfigMap", "f"),
            ("Secret", "b"),
            ("Secret", "e"),
        ];
        assert_eq!(found, expected);
    }
}
