//! Where the Services of a workload send: only to pods of the version that shall run, or also elsewhere.

use std::fmt;

use serde_json::Value;
use stillme_rollback_core::{ErrorKind, Result};

use crate::argo;
use crate::cluster::{Cluster, Selection};
use crate::names::{Uid, WorkloadRef};
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

/// Looks at every Service whose selector finds the workload's pods. `pods`: those of the version.
pub(crate) async fn traffic(
    cluster: &dyn Cluster,
    name: &WorkloadRef,
    workload: &Value,
    pods: &[Uid],
) -> Result<Traffic> {
    let namespace = &name.namespace;
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
        if let Some(what) = elsewhere(service, &slices, name, pods) {
            return Ok(Traffic::Elsewhere(what));
        }
    }
    Ok(Traffic::Only(Services::Checked(selecting)))
}

/// Whether a Service's selector finds the pods of a workload.
pub(crate) fn selects(service: &Value, workload: &Value) -> bool {
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    let Some(selector) = selector.filter(|selector| !selector.is_empty()) else { return false };
    let labels = workload.pointer("/spec/template/metadata/labels");
    let is_its = |key: &str, value: &Value| {
        // Argo's controller adds this one to the Services that it points.
        key == argo::HASH_LABEL || labels.and_then(|labels| labels.get(key)) == Some(value)
    };
    selector.iter().all(|(key, value)| is_its(key, value))
}

/// What of a Service's endpoints is not as it shall be: each pod of the version a ready one, and none of another
/// version. Pods of other workloads, which may share the Service, are theirs to decide.
fn elsewhere(
    service: &str,
    slices: &[&Value],
    workload: &WorkloadRef,
    pods: &[Uid],
) -> Option<String> {
    let endpoints =
        slices.iter().filter_map(|slice| slice.pointer("/endpoints")?.as_array()).flatten();
    let ready: Vec<_> = endpoints
        .filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)))
        .collect();
    let is = |endpoint: &Value, pod: &Uid| text(endpoint, "/targetRef/uid") == pod.as_str();
    let missing = pods.iter().filter(|pod| !ready.iter().any(|one| is(one, pod))).count();
    if missing > 0 {
        return Some(format!("Service {service} does not send to {missing} of the pods yet"));
    }
    let is_old = |endpoint: &&&Value| {
        workload.kind.names_pod(workload.name.as_str(), text(endpoint, "/targetRef/name"))
            && !pods.iter().any(|pod| is(endpoint, pod))
    };
    let old = ready.iter().filter(is_old).count();
    (old > 0).then(|| format!("Service {service} still sends to {old} pods of other versions"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::{Kind, Namespace, ObjectName};

    fn slice(endpoints: &[(&str, Option<bool>)]) -> Value {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(name, ready)| json!({"targetRef": {"name": name, "uid": name}, "conditions": {"ready": ready}}))
            .collect();
        json!({ "endpoints": endpoints })
    }

    #[test]
    fn a_service_sends_to_the_pods_alone_or_says_what_else() {
        let [a, b, old] = ["web-1-aaaaa", "web-1-bbbbb", "web-2-ccccc"];
        let pods = [a, b].map(Uid::new);
        let workload = WorkloadRef::new(
            Namespace::new("prod").unwrap(),
            Kind::Deployment,
            ObjectName::new("web").unwrap(),
        );
        for (endpoints, expected) in [
            (vec![(a, Some(true)), (b, None)], None),
            (vec![(a, Some(true))], Some("does not send to 1")),
            (vec![(a, Some(true)), (b, Some(false))], Some("does not send to 1")),
            (vec![(a, None), (b, None), (old, Some(true))], Some("sends to 1 pods")),
            (vec![(a, None), (b, None), (old, Some(false))], None),
            (vec![(a, None), (b, None), ("web-x-1-aaaaa", Some(true))], None),
        ] {
            let slice = slice(&endpoints);
            let found = elsewhere("web", &[&slice], &workload, &pods);
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
