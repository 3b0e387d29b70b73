//! This crate's checks as a plan keeps them, and back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{CheckSpec, Error, ErrorKind, Result, Verifier};

use crate::connect::Endpoint;
use crate::engine::Engine;
use crate::health::{HealthcheckVerifier, StateVerifier};
use crate::names::ContainerId;

/// The kind of the container's own health check, run by exec.
pub const HEALTHCHECK: &str = "docker-healthcheck";
/// The kind of the container's state: it keeps running and is not restarted.
pub const STATE: &str = "docker-state";

/// The kind of the state of one container that is named by its id.
pub const RUNS: &str = "docker-runs";

/// How long the state is watched when nothing else is checked.
const ALONE: Duration = Duration::from_secs(10);
/// How long it is watched beside other checks: two crashes of a container that its engine restarts
/// at once (measured: restarts after 0.1 and 0.6 s).
const BESIDE: Duration = Duration::from_secs(2);

/// What an engine can tell by itself of a new container, to go with the checks that were asked for.
pub(crate) fn of_container(has_healthcheck: bool, asked_for: &[CheckSpec]) -> Vec<CheckSpec> {
    let mut checks = Vec::new();
    if has_healthcheck {
        let title = "the container's own health check, run at once: 3 good in a row";
        checks.push(CheckSpec::new(HEALTHCHECK, title, Value::Null));
    }
    let alone = !has_healthcheck && asked_for.is_empty();
    let window = if alone { ALONE } else { BESIDE };
    let title = if alone {
        "WEAK: only that it runs for 10 s without a restart and its ports accept; give a health URL for more"
    } else {
        "the container keeps running without a restart"
    };
    checks.push(CheckSpec::new(STATE, title, json!({ "window_ms": window.as_millis() as u64 })));
    checks
}

/// That a container which is there already keeps running for a while.
pub(crate) fn runs(container: &ContainerId, window: Duration) -> CheckSpec {
    let title = format!(
        "WEAK: only that {} runs for {} s without a restart and its ports accept",
        container.short(),
        window.as_secs()
    );
    let arguments = json!({ "container": container, "window_ms": window.as_millis() as u64 });
    CheckSpec::new(RUNS, title, arguments)
}

/// Whether a kind of check is one of this crate's.
pub fn is_ours(spec: &CheckSpec) -> bool {
    matches!(spec.kind.as_str(), HEALTHCHECK | STATE | RUNS)
}

/// The verifier of one of this crate's checks.
///
/// # Errors
/// `Unsupported` for another kind of check, `Corrupt` for arguments that are none of it.
pub fn verifier(
    spec: &CheckSpec,
    engine: &Arc<dyn Engine>,
    endpoint: &Endpoint,
) -> Result<Box<dyn Verifier>> {
    match spec.kind.as_str() {
        HEALTHCHECK => Ok(Box::new(HealthcheckVerifier::new(Arc::clone(engine)))),
        STATE => {
            let state = StateVerifier::new(Arc::clone(engine), endpoint.clone());
            Ok(Box::new(state.with_window(window(spec)?)))
        }
        RUNS => {
            let container = spec.arguments.get("container").and_then(Value::as_str);
            let container = ContainerId::new(container.unwrap_or_default())?;
            let state = StateVerifier::new(Arc::clone(engine), endpoint.clone());
            Ok(Box::new(state.of_container(container).with_window(window(spec)?)))
        }
        kind => Err(Error::new(
            ErrorKind::Unsupported,
            "read check",
            format!("`{kind}` is no check of a Docker container"),
        )
        .with_hint("use the version that made the plan")),
    }
}

fn window(spec: &CheckSpec) -> Result<Duration> {
    let window = spec.arguments.get("window_ms").and_then(Value::as_u64);
    window.map(Duration::from_millis).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "read check", "it does not say how long to watch")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_weak_only_where_nothing_else_is_known() {
        let http = CheckSpec::new("http", "GET /healthz", Value::Null);
        for (has_healthcheck, asked_for, kinds, weak) in [
            (false, vec![], vec![STATE], true),
            (true, vec![], vec![HEALTHCHECK, STATE], false),
            (false, vec![http.clone()], vec![STATE], false),
            (true, vec![http], vec![HEALTHCHECK, STATE], false),
        ] {
            let checks = of_container(has_healthcheck, &asked_for);
            let found: Vec<_> = checks.iter().map(|check| check.kind.as_str()).collect();
            assert_eq!(found, kinds);
            let state = checks.last().unwrap();
            assert_eq!(state.title.contains("WEAK"), weak);
            assert_eq!(state.arguments["window_ms"], if weak { 10_000 } else { 2_000 });
        }
    }
}
