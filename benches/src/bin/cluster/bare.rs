//! The floor: the requests that a rollback can't do without, and the wait for its end, with nothing decided, written down
//! or proven.

use serde_json::{Value, json};
use stillme_rollback_k8s::KubernetesExecutor;
use stillme_rollback_k8s::cluster::{Change, Mode, Selection};
use stillme_rollback_k8s::resource::{DEPLOYMENTS, PODS, REPLICA_SETS};

use crate::Failure;
use crate::ours::Ours;

/// GET, LIST, PATCH, and a watch of the Deployment and of its pods until only pods of the old version are there.
pub(crate) async fn go_back(executor: &KubernetesExecutor, name: &str) -> Result<(), Failure> {
    let workload = Ours::named(name)?;
    let cluster = executor.cluster().as_ref();
    let found = cluster.get(DEPLOYMENTS, &workload.namespace, &workload.name).await?;
    let live = found.ok_or("it is gone")?;
    let labels = Selection::labels(format!("app={name}"));
    let sets = cluster.list(REPLICA_SETS, &workload.namespace, &labels).await?;
    let number = |set: &Value| -> i64 {
        let number = &set["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        number.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    let mut sets: Vec<_> = sets.iter().map(|set| set.expose().clone()).collect();
    sets.sort_by_key(|set| std::cmp::Reverse(number(set)));
    let old = sets.get(1).ok_or("no other revision")?;
    let hash = old["metadata"]["labels"]["pod-template-hash"].clone();
    let mut template = old["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    let patch = json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live.expose()["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]);
    let patched =
        cluster.patch(DEPLOYMENTS, &workload.namespace, &workload.name, &patch, Mode::Real).await?;
    let wanted = patched.expose()["metadata"]["generation"].clone();
    let named = Selection::named(&workload.name);
    let mut watch = cluster.watch(DEPLOYMENTS, &workload.namespace, &named).await?;
    while let Some(change) = watch.next().await? {
        let Change::Is(object) = change else { continue };
        if is_complete(object.expose(), &wanted) {
            break;
        }
    }
    let mut pods = cluster.watch(PODS, &workload.namespace, &labels).await?;
    let (mut others, mut synced) = (std::collections::BTreeSet::new(), false);
    while !synced || !others.is_empty() {
        match pods.next().await?.ok_or("the watch ended")? {
            Change::Is(pod) if pod.expose()["metadata"]["labels"]["pod-template-hash"] != hash => {
                others.insert(pod.expose()["metadata"]["name"].to_string());
            }
            Change::Gone(pod) => {
                others.remove(&pod.expose()["metadata"]["name"].to_string());
            }
            Change::Synced => synced = true,
            _ => {}
        }
    }
    Ok(())
}

fn is_complete(object: &Value, generation: &Value) -> bool {
    let (wanted, status) = (&object["spec"]["replicas"], &object["status"]);
    status["observedGeneration"].as_i64() >= generation.as_i64()
        && ["updatedReplicas", "replicas", "availableReplicas"]
            .iter()
            .all(|count| status[*count] == *wanted)
}
