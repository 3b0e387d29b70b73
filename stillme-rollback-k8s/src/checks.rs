//! This crate's checks as a plan keeps them, and back.

use serde_json::Value;
use stillme_rollback_core::{CheckSpec, Error, ErrorKind, Result, Verifier};

use crate::executor::KubernetesExecutor;

/// The kind of the rollout itself: pods of the version, all available, and no others.
pub const ROLLOUT: &str = "kubernetes-rollout";
/// The kind of where requests go: to ready pods of one side, and to none of the other.
pub const TRAFFIC: &str = "kubernetes-traffic";

/// The rollout first, then what was asked for: a check of the service says little while pods change.
pub(crate) fn with_rollout(asked_for: &[CheckSpec]) -> Vec<CheckSpec> {
    let title = if asked_for.is_empty() {
        "WEAK: only that its pods are available by their own readiness, and no others; give a health URL for more"
    } else {
        "its pods are available by their own readiness, and no others"
    };
    let mut checks = vec![CheckSpec::new(ROLLOUT, title, Value::Null)];
    checks.extend(asked_for.iter().cloned());
    checks
}

/// Whether a kind of check is one of this crate's.
pub fn is_ours(spec: &CheckSpec) -> bool {
    matches!(spec.kind.as_str(), ROLLOUT | TRAFFIC)
}

/// Whether a check has to pass before any other is asked: what answers while pods change is not what will.
pub fn comes_first(spec: &CheckSpec) -> bool {
    is_ours(spec)
}

/// The verifier of one of this crate's checks.
///
/// # Errors
/// `Unsupported` for another kind of check.
pub fn verifier(spec: &CheckSpec, executor: &KubernetesExecutor) -> Result<Box<dyn Verifier>> {
    match spec.kind.as_str() {
        ROLLOUT => return Ok(Box::new(executor.rollout_verifier())),
        TRAFFIC => return Ok(Box::new(executor.traffic().traffic_verifier())),
        _ => {}
    }
    let what = format!("`{}` is no check of a workload of Kubernetes", spec.kind);
    Err(Error::new(ErrorKind::Unsupported, "read check", what)
        .with_hint("use the version that made the plan"))
}
