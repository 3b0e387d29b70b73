//! The kinds of workloads: what each is called, and where it keeps its versions.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::argo;
use crate::object::{self, number, text};
use crate::resource::{
    CONTROLLER_REVISIONS, DAEMON_SETS, DEPLOYMENTS, REPLICA_SETS, ROLLOUTS, Resource, STATEFUL_SETS,
};
use crate::template;

/// The annotation that numbers a ReplicaSet.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// A Deployment: its versions are ReplicaSets.
    Deployment,
    /// A StatefulSet: its versions are ControllerRevisions, and its pods have numbers.
    StatefulSet,
    /// A DaemonSet: its versions are ControllerRevisions, and its pods have a node each.
    DaemonSet,
    /// A Rollout of Argo: its versions are ReplicaSets, and it moves between them by steps or by colours.
    Rollout,
}

const ALL: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout];

impl Kind {
    /// Its word in targets and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Rollout => "rollout",
        }
    }

    /// The kind that a word names.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its objects.
    pub const fn resource(self) -> Resource {
        match self {
            Self::Deployment => DEPLOYMENTS,
            Self::StatefulSet => STATEFUL_SETS,
            Self::DaemonSet => DAEMON_SETS,
            Self::Rollout => ROLLOUTS,
        }
    }

    /// What keeps its versions.
    pub const fn kept_in(self) -> Resource {
        match self {
            Self::Deployment | Self::Rollout => REPLICA_SETS,
            Self::StatefulSet | Self::DaemonSet => CONTROLLER_REVISIONS,
        }
    }

    /// The label of its pods that tells their version.
    pub(crate) const fn pod_label(self) -> &'static str {
        match self {
            Self::Deployment => template::HASH_LABEL,
            Self::Rollout => argo::HASH_LABEL,
            Self::StatefulSet | Self::DaemonSet => "controller-revision-hash",
        }
    }

    /// That label's value in the pods of a version: a StatefulSet names what keeps it.
    pub(crate) fn pod_label_of<'a>(self, hash: &'a str, kept_as: &'a str) -> &'a str {
        match self {
            Self::StatefulSet => kept_as,
            Self::Deployment | Self::DaemonSet | Self::Rollout => hash,
        }
    }

    /// The template that a ReplicaSet or a ControllerRevision keeps, as it stood in the workload.
    pub(crate) fn kept_template(self, kept: &Value) -> Value {
        let path = match self {
            Self::Deployment | Self::Rollout => "/spec/template",
            Self::StatefulSet | Self::DaemonSet => "/data/spec/template",
        };
        let mut template = template::bare(kept.pointer(path).unwrap_or(&Value::Null));
        if self == Self::Rollout {
            argo::without_injected(kept, &mut template);
        }
        template
    }

    /// The number of a kept version; 0 where it has none.
    pub(crate) fn kept_number(self, kept: &Value) -> i64 {
        match self {
            Self::Deployment => numbered(kept, REVISION),
            Self::Rollout => numbered(kept, argo::REVISION),
            Self::StatefulSet | Self::DaemonSet => number(kept, "/revision"),
        }
    }

    /// The hash that names a kept version among those of its workload.
    pub(crate) fn kept_hash(self, workload: &str, kept: &Value) -> String {
        let label = match self {
            Self::Deployment | Self::Rollout => object::label(kept, self.pod_label()),
            Self::StatefulSet | Self::DaemonSet => None,
        };
        let by_name = || object::name(kept).strip_prefix(workload)?.strip_prefix('-');
        label.or_else(by_name).unwrap_or_default().to_owned()
    }

    /// Whether a kept version is what a workload's template says. `is_same`: whether the templates are equal. A Rollout's
    /// own lacks the defaults that its ReplicaSets' have, so that only its controller can tell.
    pub(crate) fn is_current(self, workload: &Value, hash: &str, is_same: bool) -> bool {
        match self {
            Self::Rollout => is_same || argo::current_hash(workload) == hash,
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => is_same,
        }
    }

    /// How many pods of a kept version there shall be, and how many are available, as far as it is known without
    /// looking at pods.
    pub(crate) fn kept_counts(
        self,
        workload: &Value,
        kept: &Value,
        is_current: bool,
    ) -> (i64, i64) {
        match self {
            Self::Deployment | Self::Rollout => {
                (number(kept, "/spec/replicas"), number(kept, "/status/availableReplicas"))
            }
            Self::StatefulSet if is_current => {
                let updated = number(workload, "/status/updatedReplicas");
                (updated, number(workload, "/status/availableReplicas").min(updated))
            }
            Self::StatefulSet
                if text(workload, "/status/currentRevision") == object::name(kept) =>
            {
                (number(workload, "/status/currentReplicas"), 0)
            }
            Self::DaemonSet if is_current => {
                let updated = number(workload, "/status/updatedNumberScheduled");
                (updated, number(workload, "/status/numberAvailable").min(updated))
            }
            Self::StatefulSet | Self::DaemonSet => (0, 0),
        }
    }

    /// How many pods a workload shall have.
    pub(crate) fn wanted_pods(self, workload: &Value) -> i64 {
        match self {
            Self::Deployment | Self::StatefulSet | Self::Rollout => {
                workload.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
            }
            Self::DaemonSet => number(workload, "/status/desiredNumberScheduled"),
        }
    }

    /// Whether its controller replaces pods by itself.
    pub(crate) fn replaces_pods(self, workload: &Value) -> bool {
        let path = match self {
            Self::Deployment | Self::Rollout => return true,
            Self::StatefulSet | Self::DaemonSet => "/spec/updateStrategy/type",
        };
        text(workload, path) != "OnDelete"
    }

    /// The number of a StatefulSet's first pod that gets new templates; pods below it stay as they are.
    pub(crate) fn partition(self, workload: &Value) -> i64 {
        match self {
            Self::StatefulSet => number(workload, "/spec/updateStrategy/rollingUpdate/partition"),
            Self::Deployment | Self::DaemonSet | Self::Rollout => 0,
        }
    }

    /// Whether a name is one that a workload of this kind gives to its pods.
    pub(crate) fn names_pod(self, workload: &str, pod: &str) -> bool {
        let Some(rest) = pod.strip_prefix(workload).and_then(|rest| rest.strip_prefix('-')) else {
            return false;
        };
        let is_random = |part: &str| part.len() == 5;
        match self {
            // `web-5d4f8c7b9-x2x4q`
            Self::Deployment | Self::Rollout => rest
                .split_once('-')
                .is_some_and(|(_, random)| is_random(random) && !random.contains('-')),
            Self::StatefulSet => !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()),
            Self::DaemonSet => is_random(rest) && !rest.contains('-'),
        }
    }
}

fn numbered(kept: &Value, key: &str) -> i64 {
    object::annotation(kept, key).and_then(|text| text.parse().ok()).unwrap_or_default()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_controller_revision_is_read_like_a_replica_set() {
        let kept = json!({
            "metadata": {"name": "db-5d4f8c7b9"},
            "revision": 3,
            "data": {"spec": {"template": {
                "$patch": "replace",
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": []},
            }}},
        });
        assert_eq!(Kind::StatefulSet.kept_number(&kept), 3);
        assert_eq!(Kind::StatefulSet.kept_hash("db", &kept), "5d4f8c7b9");
        assert_eq!(Kind::StatefulSet.pod_label_of("5d4f8c7b9", "db-5d4f8c7b9"), "db-5d4f8c7b9");
        assert_eq!(Kind::DaemonSet.pod_label_of("5d4f8c7b9", "db-5d4f8c7b9"), "5d4f8c7b9");
        let template = json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}});
        assert_eq!(Kind::DaemonSet.kept_template(&kept), template);
    }

    #[test]
    fn pods_are_told_by_their_names() {
        for (kind, pod, is_its) in [
            (Kind::Deployment, "web-5d4f8c7b9-x2x4q", true),
            (Kind::Deployment, "web-x-0", false),
            (Kind::Deployment, "web-x2x4q", false),
            (Kind::Deployment, "webb-5d4f8c7b9-x2x4q", false),
            (Kind::StatefulSet, "web-0", true),
            (Kind::StatefulSet, "web-12", true),
            (Kind::StatefulSet, "web-x-0", false),
            (Kind::StatefulSet, "web-", false),
            (Kind::DaemonSet, "web-x2x4q", true),
            (Kind::DaemonSet, "web-5d4f8c7b9-x2x4q", false),
        ] {
            assert_eq!(kind.names_pod("web", pod), is_its, "{kind} {pod}");
        }
    }

    #[test]
    fn words_are_read_back() {
        for kind in ALL {
            assert_eq!(Kind::of_word(kind.word()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.word()));
        }
        assert_eq!(Kind::of_word("pod"), None);
    }
}
