//! Whether requests go where they shall: only to ready pods of one side.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{Check, Outcome, Result, Run, Verdict, Verifier};
use tokio::time::Instant;

use super::order::Order;
use crate::cluster::{Cluster, Object, Selection};
use crate::mirror::{Mirror, Subject};
use crate::names::{ObjectName, Uid};
use crate::object::{self, text};
use crate::resource::{DEPLOYMENTS, ENDPOINT_SLICES, PODS, SERVICES};
use crate::rollout::{hopeless_pods, is_ready, selects};
use crate::teller::Teller;
use crate::template::HASH_LABEL;

/// How long to wait for a change of the endpoints before looking all the same.
const PAUSE: Duration = Duration::from_secs(1);

/// Sees where requests go.
///
/// - Pass: the Services send to every pod of the side that shall serve, and to none of the other.
/// - Fail: every pod of it that is not ready has a cause that waiting can't help.
/// - Inconclusive: time ran out.
#[derive(Clone, Debug)]
pub struct TrafficVerifier {
    cluster: Arc<dyn Cluster>,
    teller: Teller,
}

impl TrafficVerifier {
    pub(crate) const fn new(cluster: Arc<dyn Cluster>, teller: Teller) -> Self {
        Self { cluster, teller }
    }

    async fn watch(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let order = Order::of(run)?;
        let begin = Instant::now();
        let services = self.services(&order).await?;
        if services.is_empty() {
            let why = "no Service sends to it, so nothing is proven";
            return Ok(single(Outcome::Inconclusive, why));
        }
        let mut said = String::new();
        let mut slices = self.mirror(&order, ENDPOINT_SLICES, Selection::all());
        loop {
            let pods = self.pods(&order, &order.to.hash).await?;
            let others = self.pods(&order, &order.from.hash).await?;
            let (pods, others): (Vec<_>, Vec<_>) = (
                pods.iter().map(Object::expose).collect(),
                others.iter().map(Object::expose).collect(),
            );
            let seen = slices.look().await?;
            let seen: Vec<_> = seen.values().map(Object::expose).collect();
            let missing = match judged(&services, &seen, &pods, &others) {
                Ok(count) => {
                    let names: Vec<_> = services.iter().map(ObjectName::as_str).collect();
                    let evidence = format!(
                        "{} sends to {count} ready pods of deployment/{} alone, after {:.1} s",
                        names.join(", "),
                        order.to.name,
                        begin.elapsed().as_secs_f64()
                    );
                    return Ok(single(Outcome::Pass, evidence));
                }
                Err(missing) => missing,
            };
            if let Some(why) = hopeless_pods(&pods) {
                return Ok(single(Outcome::Fail, why));
            }
            let left = time_left.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(single(Outcome::Inconclusive, format!("time ran out: {missing}")));
            }
            self.teller.changed(&mut said, missing);
            slices.changed(left.min(PAUSE)).await;
        }
    }

    /// The Services that have to send to the side that shall serve: the one that was pointed, or all that select it.
    async fn services(&self, order: &Order) -> Result<Vec<ObjectName>> {
        if let Some(pointer) = &order.pointer {
            return Ok(vec![pointer.service.clone()]);
        }
        let found = self.cluster.get(DEPLOYMENTS, &order.namespace, &order.to.name).await?;
        let Some(found) = found else { return Ok(Vec::new()) };
        let all = self.cluster.list(SERVICES, &order.namespace, &Selection::all()).await?;
        let its = all.iter().map(Object::expose).filter(|one| selects(one, found.expose()));
        its.map(|service| ObjectName::new(object::name(service))).collect()
    }

    async fn pods(&self, order: &Order, hash: &str) -> Result<Vec<Object>> {
        let selection = Selection::labels(format!("{HASH_LABEL}={hash}"));
        self.cluster.list(PODS, &order.namespace, &selection).await
    }

    fn mirror(
        &self,
        order: &Order,
        resource: crate::resource::Resource,
        selection: Selection,
    ) -> Mirror {
        let namespace = order.namespace.clone();
        Mirror::new(self.cluster.clone(), Subject { resource, namespace, selection })
    }
}

#[async_trait]
impl Verifier for TrafficVerifier {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        self.watch(run, time_left).await
    }
}

/// To how many pods the Services send, or what is not as it shall be.
fn judged(
    services: &[ObjectName],
    slices: &[&Value],
    pods: &[&Value],
    others: &[&Value],
) -> Result<usize, String> {
    let ready: Vec<_> = pods.iter().filter(|pod| is_ready(pod)).collect();
    if ready.len() < pods.len() || pods.is_empty() {
        return Err(format!("{} of {} pods are ready", ready.len(), pods.len()));
    }
    let uids = |pods: &[&Value]| pods.iter().map(|pod| object::uid(pod)).collect::<BTreeSet<_>>();
    let (pods, others) = (uids(pods), uids(others));
    for service in services {
        let sent = sent_to(service, slices);
        let missing = pods.difference(&sent).count();
        if missing > 0 {
            return Err(format!("Service {service} does not send to {missing} of the pods yet"));
        }
        let old = others.intersection(&sent).count();
        if old > 0 {
            return Err(format!("Service {service} still sends to {old} pods of the other side"));
        }
    }
    Ok(pods.len())
}

/// The pods that a Service sends new requests to.
fn sent_to(service: &ObjectName, slices: &[&Value]) -> BTreeSet<Uid> {
    let its = slices.iter().filter(|slice| {
        object::label(slice, "kubernetes.io/service-name") == Some(service.as_str())
    });
    its.filter_map(|slice| slice.pointer("/endpoints")?.as_array())
        .flatten()
        .filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)))
        .map(|endpoint| Uid::new(text(endpoint, "/targetRef/uid")))
        .collect()
}

fn single(outcome: Outcome, evidence: impl Into<String>) -> Verdict {
    Verdict::of(vec![Check::new("traffic", outcome, evidence)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, ready: bool) -> Value {
        let ready = if ready { "True" } else { "False" };
        json!({"metadata": {"uid": uid}, "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    }

    #[test]
    fn requests_go_to_one_side_or_it_is_told_where_else() {
        let web = [ObjectName::new("web").unwrap()];
        let (new, old) = (pod("new", true), pod("old", true));
        let slice = |sent: &[(&str, bool)]| {
            let endpoints: Vec<_> = sent
                .iter()
                .map(|(uid, ready)| json!({"targetRef": {"uid": uid}, "conditions": {"ready": ready}}))
                .collect();
            json!({"metadata": {"labels": {"kubernetes.io/service-name": "web"}}, "endpoints": endpoints})
        };
        for (sent, expected) in [
            (slice(&[("new", true)]), Ok(1)),
            (slice(&[("new", true), ("old", false)]), Ok(1)),
            (slice(&[("new", true), ("elsewhere", true)]), Ok(1)),
            (slice(&[("new", true), ("old", true)]), Err("still sends to 1")),
            (slice(&[("old", true)]), Err("does not send to 1")),
            (slice(&[]), Err("does not send to 1")),
        ] {
            let found = judged(&web, &[&sent], &[&new], &[&old]);
            match expected {
                Ok(count) => assert_eq!(found, Ok(count), "{sent}"),
                Err(why) => {
                    assert!(found.as_ref().is_err_and(|said| said.contains(why)), "{found:?}")
                }
            }
        }
        assert!(judged(&web, &[], &[], &[]).is_err());
        assert!(judged(&web, &[], &[&pod("new", false)], &[]).is_err());
    }
}
