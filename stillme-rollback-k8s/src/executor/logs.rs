//! What the containers of a failed version printed, in this life and the one before.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use stillme_rollback_core::{ErrorKind, Exhibit};

use crate::cluster::{Cluster, Life, Object};
use crate::names::{Namespace, ObjectName};
use crate::object::{self, number, text};
use crate::rollout::is_ready;

const NAME: &str = "logs.txt";
/// How long all of it may take. The service waits for its way back meanwhile.
const LIMIT: Duration = Duration::from_secs(3);
/// The most pods whose logs are kept: those of one version say much the same.
const MOST_PODS: usize = 4;

/// One life of one container of a pod.
struct Part<'a> {
    pod: &'a str,
    container: String,
    life: Life,
}

/// The logs of some pods, those first that are not ready.
pub(super) async fn of(cluster: &dyn Cluster, namespace: &Namespace, pods: &[Object]) -> Exhibit {
    let parts = parts(pods);
    let asked = parts.iter().map(|part| async move {
        let pod = ObjectName::new(part.pod)?;
        cluster.logs(namespace, &pod, &part.container, part.life).await
    });
    let Ok(answers) = tokio::time::timeout(LIMIT, join_all(asked)).await else {
        return Exhibit::new(NAME, "no logs: the server did not answer in time", Vec::new());
    };
    let (mut content, mut lines, mut refused) = (Vec::new(), 0, None);
    for (part, answer) in parts.iter().zip(answers) {
        let life = if part.life == Life::Previous { ", before its last restart" } else { "" };
        let mut head = String::new();
        // Writing into a text never fails.
        let _ = writeln!(head, "== pod {}, container {}{life}", part.pod, part.container);
        match answer {
            Ok(log) => {
                lines += log
                    .expose()
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .count();
                content.extend_from_slice(head.as_bytes());
                content.extend_from_slice(log.expose());
                content.push(b'\n');
            }
            Err(error) => {
                content.extend_from_slice(format!("{head}not had: {error}\n\n").as_bytes());
                // What may not be read of one may be read of none.
                if error.kind() == ErrorKind::PermissionDenied {
                    refused = Some(error.to_string());
                }
            }
        }
    }
    let summary = match refused {
        Some(why) => format!("no logs: {why}"),
        None => format!("{lines} lines of {} containers", parts.len()),
    };
    Exhibit::new(NAME, summary, content)
}

fn parts(pods: &[Object]) -> Vec<Part<'_>> {
    let mut pods: Vec<_> = pods.iter().map(Object::expose).collect();
    pods.sort_by_key(|pod| is_ready(pod));
    pods.into_iter().take(MOST_PODS).flat_map(lives).collect()
}

/// The lives of a pod's containers that there can be logs of.
fn lives(pod: &Value) -> Vec<Part<'_>> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let statuses = statuses.iter().filter_map(|path| pod.pointer(path)?.as_array()).flatten();
    let mut found = Vec::new();
    for status in statuses {
        let part = |life| Part {
            pod: object::name(pod),
            container: text(status, "/name").to_owned(),
            life,
        };
        if number(status, "/restartCount") > 0 {
            found.push(part(Life::Previous));
        }
        let never = text(status, "/state/waiting/reason");
        // One that was never made has printed nothing; one that waits for its next start has.
        if never.is_empty() || never == "CrashLoopBackOff" {
            found.push(part(Life::Current));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stillme_rollback_core::Secret;

    use super::*;

    fn pod(name: &str, ready: bool, waiting: Option<&str>, restarts: i64) -> Object {
        let state =
            waiting.map_or(json!({"running": {}}), |reason| json!({"waiting": {"reason": reason}}));
        Secret::new(json!({"metadata": {"name": name}, "status": {
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [{"name": "app", "restartCount": restarts, "state": state}],
        }}))
    }

    #[test]
    fn the_lives_that_printed_something_are_asked_for_and_the_sick_come_first() {
        let pods = [
            pod("a", true, None, 0),
            pod("b", false, Some("CrashLoopBackOff"), 3),
            pod("c", false, Some("ErrImagePull"), 0),
        ];
        let found: Vec<_> =
            parts(&pods).into_iter().map(|part| (part.pod.to_owned(), part.life)).collect();
        let expected = [("b", Life::Previous), ("b", Life::Current), ("a", Life::Current)];
        assert_eq!(found, expected.map(|(pod, life)| (pod.to_owned(), life)));
    }
}
