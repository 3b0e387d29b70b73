//! Looks where a plan stands.

use serde_json::Value;
use stillme_rollback_core::{Facts, Foreign, Printable, Result, Run};

use super::KubernetesExecutor;
use crate::action::{Order, Version};
use crate::argo;
use crate::names::{ANNOTATION_VERIFIED, Kind, WorkloadRef};
use crate::object::{self, text};

/// The keys of the facts.
pub(crate) mod key {
    /// Whose template the workload has: `from`, `to` or `other`.
    pub(crate) const TEMPLATE: &str = "template";
    /// Whether the version that is gone back to is noted as verified: `set` or `unset`.
    pub(crate) const MARK: &str = "mark";
    /// Whether pods are left that the run has to replace: `none`, `some`, or `unknown` until the controller has seen
    /// the template.
    pub(crate) const REMAINS: &str = "remains";

    /// How a Rollout goes to the version that its template says: `full`, or `by-steps` that can hold it up.
    pub(crate) const PROMOTION: &str = "promotion";

    /// What has a place: a ready pod of `to`, one of `from`, or `none` of both.
    pub(crate) fn slot(place: &str) -> String {
        format!("pod {place}")
    }
}

impl KubernetesExecutor {
    pub(super) async fn all_facts(&self, run: &Run) -> Result<Facts> {
        let (workload, uid) = WorkloadRef::of(&run.plan.target)?;
        let order = Order::of(run)?;
        let facts = Facts::new().with(key::TEMPLATE, "other").with(key::MARK, "unset");
        let Some(live) = self.look_at(&workload, &uid).await? else {
            return Ok(facts.with_foreign(Foreign::new(format!("{workload} was deleted"))));
        };
        let live = live.expose();
        if object::uid(live) != uid {
            let since = text(live, "/metadata/creationTimestamp");
            let found = format!("{workload} was deleted and made anew at {}", Printable(since));
            return Ok(facts.with_foreign(by(Foreign::new(found), live)));
        }
        let verified = object::annotation(live, ANNOTATION_VERIFIED).unwrap_or_default();
        let is_marked = verified.split(',').any(|hash| hash == order.to.hash);
        let facts = facts.with(key::MARK, if is_marked { "set" } else { "unset" });
        let digest = self.digest_of(live);
        if order.from.is(&digest) {
            let facts = facts.with(key::TEMPLATE, "from");
            let facts = with_promotion(facts, workload.kind, live, &order.from);
            return self.pod_facts(facts, &workload, live, &order, &order.to).await;
        }
        if order.to.is(&digest) {
            let facts = facts.with(key::TEMPLATE, "to");
            let facts = with_promotion(facts, workload.kind, live, &order.to);
            return self.pod_facts(facts, &workload, live, &order, &order.from).await;
        }
        let images =
            crate::template::images(live.pointer("/spec/template").unwrap_or(&Value::Null));
        let images: Vec<_> = images.into_iter().map(|(_, image)| image).collect();
        let found = format!("{workload} now has another template ({})", images.join(", "));
        Ok(facts.with_foreign(by(Foreign::new(Printable(&found).to_string()), live)))
    }
}

/// Whether anything but its pods holds the version up that the template says.
fn with_promotion(facts: Facts, kind: Kind, live: &Value, version: &Version) -> Facts {
    if kind != Kind::Rollout {
        return facts;
    }
    let is_promoted = object::is_observed(live) && argo::is_promoted(live, &version.hash);
    facts.with(key::PROMOTION, if is_promoted { "full" } else { "by-steps" })
}

fn by(mut foreign: Foreign, live: &Value) -> Foreign {
    foreign.who = object::last_writer_of_template(live).map(|who| Printable(&who).to_string());
    foreign
}
