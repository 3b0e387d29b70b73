//! What is wrong with a pod: typed, with what the cluster says, and whether waiting could help.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use stillme_rollback_core::Printable;

use crate::object::{number, text};

/// How long a cause that may pass is given.
pub(crate) const GRACE: Duration = Duration::from_secs(60);
/// Restarts since the beginning after which a container counts as crashing.
const CRASHES: i64 = 2;
/// The most of the cluster's words that is shown.
const MOST_WORDS: usize = 300;

/// What keeps a pod from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Its image can't be pulled, and never will be: not found, denied, or no valid name.
    NoImage {
        /// What the cluster says.
        said: String,
    },
    /// Its image can't be pulled for now.
    PullFails {
        /// What the cluster says.
        said: String,
    },
    /// A container can't be made: what it refers to is not there.
    NoConfig {
        /// What the cluster says.
        said: String,
    },
    /// A container ends again and again.
    Crashes {
        /// How often since the rollback began.
        restarts: i64,
        /// The exit code of its last end.
        exit_code: i64,
        /// Whether it was killed for want of memory.
        out_of_memory: bool,
    },
    /// No node takes it.
    Unschedulable {
        /// What the cluster says.
        said: String,
    },
    /// The pod itself has failed: evicted, or ended.
    Ended {
        /// What the cluster says.
        said: String,
    },
    /// It runs and is not ready: its readiness probe fails, or did not answer yet.
    NotReady,
    /// It is being made.
    Starting,
}

/// What follows from a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Waiting can't help.
    Hopeless,
    /// It may pass: hopeless after [`GRACE`].
    Doubtful,
    /// It is what a pod goes through.
    Usual,
}

impl Trouble {
    pub(crate) fn outlook(&self) -> Outlook {
        match self {
            Self::NoImage { .. } | Self::NoConfig { .. } | Self::Ended { .. } => Outlook::Hopeless,
            Self::Crashes { restarts, .. } if *restarts >= CRASHES => Outlook::Hopeless,
            Self::PullFails { .. } | Self::Unschedulable { .. } => Outlook::Doubtful,
            Self::Crashes { .. } | Self::NotReady | Self::Starting => Outlook::Usual,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImage { said } => write!(f, "its image can't be pulled: {}", Printable(said)),
            Self::PullFails { said } => {
                write!(f, "its image can't be pulled for now: {}", Printable(said))
            }
            Self::NoConfig { said } => write!(f, "a container can't be made: {}", Printable(said)),
            Self::Crashes { restarts, exit_code, out_of_memory } => {
                let why = if *out_of_memory { ", killed for want of memory" } else { "" };
                write!(f, "a container crashes: exit code {exit_code}, {restarts} restarts{why}")
            }
            Self::Unschedulable { said } => write!(f, "no node takes it: {}", Printable(said)),
            Self::Ended { said } => write!(f, "it has failed: {}", Printable(said)),
            Self::NotReady => f.write_str("it runs and is not ready"),
            Self::Starting => f.write_str("it is being made"),
        }
    }
}

/// Whether a pod is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
}

/// How often each container of a pod was restarted, all together.
pub(crate) fn restarts(pod: &Value) -> i64 {
    statuses(pod).map(|status| number(status, "/restartCount")).sum()
}

/// What keeps a pod from being ready, if anything does. `before`: its restarts when it was seen first, which
/// are not this rollout's.
pub(crate) fn trouble(pod: &Value, before: i64) -> Option<Trouble> {
    if is_ready(pod) {
        return None;
    }
    if text(pod, "/status/phase") == "Failed" {
        let said = words(&[text(pod, "/status/reason"), text(pod, "/status/message")]);
        return Some(Trouble::Ended { said });
    }
    let mut found: Vec<_> =
        statuses(pod).filter_map(|status| of_container(status, pod, before)).collect();
    // The most certain first; what a pod goes through anyway, last.
    found.sort_by_key(|trouble| match trouble.outlook() {
        Outlook::Hopeless => 0,
        Outlook::Doubtful => 1,
        Outlook::Usual => 2,
    });
    if let Some(first) = found.into_iter().next() {
        return Some(first);
    }
    let unscheduled = condition(pod, "PodScheduled")
        .filter(|scheduled| text(scheduled, "/reason") == "Unschedulable");
    if let Some(scheduled) = unscheduled {
        return Some(Trouble::Unschedulable { said: words(&[text(scheduled, "/message")]) });
    }
    let runs = text(pod, "/status/phase") == "Running";
    Some(if runs { Trouble::NotReady } else { Trouble::Starting })
}

fn of_container(status: &Value, pod: &Value, before: i64) -> Option<Trouble> {
    let waiting = status.pointer("/state/waiting")?;
    let (reason, message) = (text(waiting, "/reason"), text(waiting, "/message"));
    let said = words(&[reason, message]);
    match reason {
        "InvalidImageName" | "ErrImageNeverPull" => Some(Trouble::NoImage { said }),
        "ErrImagePull" | "ImagePullBackOff" if is_for_good(message) => {
            Some(Trouble::NoImage { said })
        }
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" | "ImageInspectError" => {
            Some(Trouble::PullFails { said })
        }
        // The kubelet's own cache catches up by itself.
        "CreateContainerConfigError" if !message.contains("cache") => {
            Some(Trouble::NoConfig { said })
        }
        "CrashLoopBackOff" => Some(Trouble::Crashes {
            restarts: restarts(pod) - before,
            exit_code: number(status, "/lastState/terminated/exitCode"),
            out_of_memory: text(status, "/lastState/terminated/reason") == "OOMKilled",
        }),
        _ => None,
    }
}

/// Whether a registry's words say that trying again gives the same.
fn is_for_good(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not found", "manifest unknown", "denied", "unauthorized", "invalid reference"]
        .iter()
        .any(|words| message.contains(words))
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|path| pod.pointer(path)?.as_array())
        .flatten()
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|condition| text(condition, "/type") == kind)
}

fn words(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    let all = parts.join(": ");
    if all.is_empty() {
        return "without a reason".to_owned();
    }
    all.chars().take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(reason: &str, message: &str, restarts: i64) -> Value {
        json!({"status": {"phase": "Pending", "containerStatuses": [{
            "restartCount": restarts,
            "state": {"waiting": {"reason": reason, "message": message}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        }]}})
    }

    #[test]
    fn troubles_are_told_by_reason_and_words() {
        for (reason, message, restarts, outlook) in [
            ("InvalidImageName", "", 0, Outlook::Hopeless),
            ("ErrImagePull", "failed to resolve reference: not found", 0, Outlook::Hopeless),
            ("ImagePullBackOff", "Back-off pulling: pull access denied", 0, Outlook::Hopeless),
            ("ErrImagePull", "dial tcp: i/o timeout", 0, Outlook::Doubtful),
            ("ImagePullBackOff", "Back-off pulling image", 0, Outlook::Doubtful),
            ("CreateContainerConfigError", "configmap \"x\" not found", 0, Outlook::Hopeless),
            ("CreateContainerConfigError", "failed to sync configmap cache", 0, Outlook::Usual),
            ("CrashLoopBackOff", "back-off", 1, Outlook::Usual),
            ("CrashLoopBackOff", "back-off", 2, Outlook::Hopeless),
            ("ContainerCreating", "", 0, Outlook::Usual),
        ] {
            let found = trouble(&waiting(reason, message, restarts), 0).unwrap();
            assert_eq!(found.outlook(), outlook, "{reason} {message} {restarts}: {found}");
        }
    }

    #[test]
    fn restarts_from_before_do_not_count() {
        let pod = waiting("CrashLoopBackOff", "", 7);
        assert_eq!(trouble(&pod, 6).unwrap().outlook(), Outlook::Usual);
        let found = trouble(&pod, 5).unwrap();
        assert_eq!(found.outlook(), Outlook::Hopeless);
        assert_eq!(
            found.to_string(),
            "a container crashes: exit code 137, 2 restarts, killed for want of memory"
        );
    }

    #[test]
    fn a_ready_pod_has_none_and_one_that_runs_is_not_ready() {
        let pod = |ready: &str| {
            json!({"status": {
                "phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
            }})
        };
        assert_eq!(trouble(&pod("True"), 0), None);
        assert_eq!(trouble(&pod("False"), 0), Some(Trouble::NotReady));
        let unschedulable = json!({"status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"},
        ]}});
        assert_eq!(trouble(&unschedulable, 0).unwrap().to_string(), "no node takes it: 0/3 nodes");
        let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
        assert_eq!(trouble(&evicted, 0).unwrap().outlook(), Outlook::Hopeless);
    }
}
