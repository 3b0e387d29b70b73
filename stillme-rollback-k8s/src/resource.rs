//! The resources of the API that this crate uses, and their paths.

use crate::names::{Namespace, ObjectName};

/// A resource: what stands in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The plural, as RBAC has it.
    pub plural: &'static str,
}

impl Resource {
    const fn new(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { group, version, plural }
    }

    /// The path of all objects in a namespace.
    pub(crate) fn path(&self, namespace: &Namespace) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let group = if self.group.is_empty() { "" } else { "/" };
        format!(
            "{root}{group}{}/{}/namespaces/{namespace}/{}",
            self.group, self.version, self.plural
        )
    }

    /// The path of one object, or of a part of it: `deployments/scale`.
    pub(crate) fn path_of(&self, namespace: &Namespace, name: &ObjectName) -> String {
        // The name is checked: nothing in it could leave the path.
        match self.plural.split_once('/') {
            Some((plural, part)) => {
                let whole = Self { plural, ..*self };
                format!("{}/{name}/{part}", whole.path(namespace))
            }
            None => format!("{}/{name}", self.path(namespace)),
        }
    }
}

/// Deployments.
pub const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments");
/// How many pods a Deployment shall have, by itself: one can be allowed to scale and nothing else.
pub const DEPLOYMENT_SCALES: Resource = Resource::new("apps", "v1", "deployments/scale");
/// StatefulSets.
pub const STATEFUL_SETS: Resource = Resource::new("apps", "v1", "statefulsets");
/// DaemonSets.
pub const DAEMON_SETS: Resource = Resource::new("apps", "v1", "daemonsets");
/// What keeps the versions of StatefulSets and DaemonSets.
pub const CONTROLLER_REVISIONS: Resource = Resource::new("apps", "v1", "controllerrevisions");
/// ReplicaSets.
pub const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
/// Pods.
pub const PODS: Resource = Resource::new("", "v1", "pods");
/// What containers of pods printed.
pub const POD_LOGS: Resource = Resource::new("", "v1", "pods/log");
/// Services.
pub const SERVICES: Resource = Resource::new("", "v1", "services");
/// Events.
pub const EVENTS: Resource = Resource::new("", "v1", "events");
/// ConfigMaps.
pub const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps");
/// Secrets.
pub const SECRETS: Resource = Resource::new("", "v1", "secrets");
/// Resource quotas.
pub const RESOURCE_QUOTAS: Resource = Resource::new("", "v1", "resourcequotas");
/// Where a Service's requests go.
pub const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
/// Rollouts of Argo.
pub const ROLLOUTS: Resource = Resource::new("argoproj.io", "v1alpha1", "rollouts");
/// What their controller and its tools tell each other.
pub const ROLLOUT_STATUSES: Resource = Resource::new("argoproj.io", "v1alpha1", "rollouts/status");
/// Autoscalers.
pub const AUTOSCALERS: Resource = Resource::new("autoscaling", "v2", "horizontalpodautoscalers");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let (namespace, name) = (Namespace::new("prod").unwrap(), ObjectName::new("web").unwrap());
        for (resource, path) in [
            (DEPLOYMENTS, "/apis/apps/v1/namespaces/prod/deployments/web"),
            (PODS, "/api/v1/namespaces/prod/pods/web"),
            (DEPLOYMENT_SCALES, "/apis/apps/v1/namespaces/prod/deployments/web/scale"),
            (ENDPOINT_SLICES, "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices/web"),
        ] {
            assert_eq!(resource.path_of(&namespace, &name), path);
        }
    }
}
