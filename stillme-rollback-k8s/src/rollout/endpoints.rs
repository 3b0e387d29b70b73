//! Where the Services of a workload send: only to pods of the version that shall run, or also elsewhere.

use std::fmt;

use serde_json::Value;
use stillme_rollback_core::{ErrorKind, Result};

use crate::cluster::{Cluster, Selection};
use crate::names::Namespace;
use crate::object::{self, text};
use crate::resource::{ENDPOINT_SLICES, SERVICES};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Requests go only to these pods, as far as it could be seen.
    Only(Services),
    /// Not yet.
    Elsewhere(String),
}

/// The Services that were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Services {
    /// These send to the pods.
    Checked(Vec<String>),
    /// None selects them.
    None,
    /// One may not look.
    NotChecked,
}

impl fmt::Display for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checked(names) => {
                write!(f, "Services that send to them alone: {}", names.join(", "))
            }
            Self::None => f.write_str("no Service selects them"),
            Self::NotChecked => f.write_str("Services not checked: no permission to list them"),
        }
    }
}

/// Looks at every Service whose selector finds the workload's pods. `pods`: the names of those of the version.
pub(crate) async fn traffic(
    cluster: &dyn Cluster,
    namespace: &Namespace,
    workload: &Value,
    pods: &[String],
) -> Result<Traffic> {
    let all = Selection::all();
    let services = match cluster.list(SERVICES, namespace, &all).await {
        Ok(services) => services,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Ok(Traffic::Only(Services::NotChecked));
        }
        Err(error) => return Err(error),
    };
    let selecting: Vec<_> = services
        .iter()
        .map(|service| service.expose())
        .filter(|service| selects(service, workload))
        .map(|service| object::name(service).to_owned())
        .collect();
    if selecting.is_empty() {
        return Ok(Traffic::Only(Services::None));
    }
    for service in &selecting {
        let selection = Selection::labels(format!("kubernetes.io/service-name={service}"));
        let slices = match cluster.list(ENDPOINT_SLICES, namespace, &selection).await {
            Ok(slices) => slices,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Ok(Traffic::Only(Services::NotChecked));
            }
            Err(error) => return Err(error),
        };
        let slices: Vec<_> = slices.iter().map(|slice| slice.expose()).collect();
        if let Some(what) = elsewhere(service, &slices, object::name(workload), pods) {
            return Ok(Traffic::Elsewhere(what));
        }
    }
    Ok(Traffic::Only(Services::Checked(selecting)))
}

/// Whether a Service's selector finds the pods of a workload.
fn selects(service: &Value, workload: &Value) -> bool {
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    let Some(selector) = selector.filter(|selector| !selector.is_empty()) else { return false };
    let labels = workload.pointer("/spec/template/metadata/labels");
    selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// What of a Service's endpoints is not as it shall be: each pod of the version a ready one, and none of another
/// version. Pods of other workloads, which may share the Service, are theirs to decide.
fn elsewhere(service: &str, slices: &[&Value], workload: &str, pods: &[String]) -> Option<String> {
    let endpoints =
        slices.iter().filter_map(|slice| slice.pointer("/endpoints")?.as_array()).flatten();
    let ready: Vec<_> = endpoints
        .filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)))
        .map(|endpoint| text(endpoint, "/targetRef/name"))
        .collect();
    let missing = pods.iter().filter(|pod| !ready.contains(&pod.as_str())).count();
    if missing > 0 {
        return Some(format!("Service {service} does not send to {missing} of the pods yet"));
    }
    let is_old = |name: &&&str| is_pod_of(workload, name) && !pods.iter().any(|pod| pod == *name);
    let old = ready.iter().filter(is_old).count();
    (old > 0).then(|| format!("Service {service} still sends to {old} pods of other versions"))
}

/// Whether a pod's name is one that a Deployment's ReplicaSets give: `web-5d4f8c7b9-x2x4q` is of `web`.
fn is_pod_of(workload: &str, pod: &str) -> bool {
    let rest = pod.strip_prefix(workload).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest.split('-').count() == 2)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(endpoints: &[(&str, Option<bool>)]) -> Value {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(name, ready)| json!({"targetRef": {"name": format!("web-1-{name}")}, "conditions": {"ready": ready}}))
            .collect();
        json!({ "endpoints": endpoints })
    }

    #[test]
    fn a_service_sends_to_the_pods_alone_or_says_what_else() {
        let pods = ["a", "b"].map(|pod| format!("web-1-{pod}"));
        for (endpoints, expected) in [
            (vec![("a", Some(true)), ("b", None)], None),
            (vec![("a", Some(true))], Some("does not send to 1")),
            (vec![("a", Some(true)), ("b", Some(false))], Some("does not send to 1")),
            (vec![("a", None), ("b", None), ("old", Some(true))], Some("sends to 1 pods")),
            (vec![("a", None), ("b", None), ("old", Some(false))], None),
            (vec![("a", None), ("b", None), ("x-1", Some(true))], None),
        ] {
            let slice = slice(&endpoints);
            let found = elsewhere("web", &[&slice], "web", &pods);
            assert_eq!(found.is_some(), expected.is_some(), "{endpoints:?} {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }

    #[test]
    fn a_service_selects_by_its_labels() {
        let workload =
            json!({"spec": {"template": {"metadata": {"labels": {"app": "web", "tier": "x"}}}}});
        for (selector, selects_it) in [
            (json!({"app": "web"}), true),
            (json!({"app": "web", "tier": "y"}), false),
            (json!({}), false),
            (json!(null), false),
        ] {
            let service = json!({"spec": {"selector": selector}});
            assert_eq!(selects(&service, &workload), selects_it, "{service}");
        }
    }
}
