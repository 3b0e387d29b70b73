//! Who else writes a workload, and would take a rollback back.

use std::fmt;

use serde_json::Value;

use crate::object::{annotation, label};

/// Who keeps a workload as it is written elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// Argo CD: with self-heal it reverts what it did not write within seconds, else at its next sync.
    ArgoCd(String),
    /// Flux: it reverts at its next reconciliation, within minutes.
    Flux(String),
    /// Helm: the next upgrade of the release writes its own template again.
    Helm(String),
    /// `kubectl apply`: the next one merges with what was applied last, which is still the version that was left.
    Apply,
}

impl Owner {
    /// Whether it reverts by itself, with nobody deploying.
    pub(crate) const fn reverts_by_itself(&self) -> bool {
        matches!(self, Self::ArgoCd(_) | Self::Flux(_))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArgoCd(app) => write!(f, "Argo CD ({app}) takes the rollback back: within seconds with self-heal, else at its next sync"),
            Self::Flux(name) => write!(f, "Flux ({name}) takes the rollback back at its next reconciliation"),
            Self::Helm(release) => write!(f, "Helm (release {release}) writes its own template again at its next upgrade"),
            Self::Apply => f.write_str("the next `kubectl apply` of the old manifest brings back what it says: put the version that is gone back to into it first"),
        }
    }
}

/// The owners that a workload's labels and annotations tell of.
pub(crate) fn owners(workload: &Value) -> Vec<Owner> {
    let mut found = Vec::new();
    let tracking = annotation(workload, "argocd.argoproj.io/tracking-id");
    let instance = label(workload, "argocd.argoproj.io/instance");
    if let Some(app) = tracking.or(instance) {
        found.push(Owner::ArgoCd(app.split(':').next().unwrap_or(app).to_owned()));
    }
    for key in ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"] {
        found.extend(label(workload, key).map(|name| Owner::Flux(name.to_owned())));
    }
    if let Some(release) = annotation(workload, "meta.helm.sh/release-name") {
        found.push(Owner::Helm(release.to_owned()));
    }
    if annotation(workload, "kubectl.kubernetes.io/last-applied-configuration").is_some() {
        found.push(Owner::Apply);
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn owners_are_told_by_their_marks() {
        let workload = |labels: Value, annotations: Value| json!({"metadata": {"labels": labels, "annotations": annotations}});
        let tracking = json!({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:prod/web"});
        for (object, expected) in [
            (workload(json!({}), json!({})), vec![]),
            (workload(json!({}), tracking), vec![Owner::ArgoCd("shop".to_owned())]),
            (
                workload(json!({"kustomize.toolkit.fluxcd.io/name": "apps"}), json!({})),
                vec![Owner::Flux("apps".to_owned())],
            ),
            (
                workload(json!({}), json!({"meta.helm.sh/release-name": "web"})),
                vec![Owner::Helm("web".to_owned())],
            ),
            (
                workload(
                    json!({}),
                    json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"}),
                ),
                vec![Owner::Apply],
            ),
        ] {
            assert_eq!(owners(&object), expected, "{object}");
        }
    }
}
