//! The verdict on Compose services: every replica, and nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stillme_rollback_core::{
    Check, CheckSpec, Error, ErrorKind, Outcome, Result, Run, Verdict, Verifier,
};

use super::labels::{self, Replica};
use super::names::{Project, ServiceName};
use crate::connect::Endpoint;
use crate::engine::{ContainerFilter, Engine};
use crate::health::{HealthcheckVerifier, StateVerifier};
use crate::names::{ContainerId, ImageId};

/// The kind of the check of every replica.
pub const REPLICAS: &str = "compose-replicas";

/// How long the replicas are watched when nothing else is checked, in milliseconds.
const ALONE: u64 = 10_000;
/// How long they are watched beside other checks.
const BESIDE: u64 = 2_000;

/// What is wanted of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) image: ImageId,
    pub(super) replicas: usize,
    /// Whether its containers have a health check of their own.
    pub(super) healthcheck: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Arguments {
    project: Project,
    services: BTreeMap<ServiceName, Wanted>,
    /// The containers of the project's other services, which must be there still.
    others: Vec<ContainerId>,
    window_ms: u64,
}

/// The check of some services, beside those that were asked for.
pub(super) fn of_services(
    project: &Project,
    services: BTreeMap<ServiceName, Wanted>,
    others: Vec<ContainerId>,
    asked_for: &[CheckSpec],
) -> CheckSpec {
    let has_healthcheck = services.values().all(|wanted| wanted.healthcheck);
    let is_alone = asked_for.is_empty() && !has_healthcheck;
    let count: usize = services.values().map(|wanted| wanted.replicas).sum();
    let all =
        if count == 1 { "the replica".to_owned() } else { format!("each of {count} replicas") };
    let title = if is_alone {
        format!(
            "WEAK: only that {all} runs the target for 10 s without a restart and its ports accept; give a health URL for more"
        )
    } else if has_healthcheck {
        format!("{all} runs the target, and its own health check is good 3 times in a row")
    } else {
        format!("{all} runs the target without a restart")
    };
    let window_ms = if is_alone { ALONE } else { BESIDE };
    let arguments = Arguments { project: project.clone(), services, others, window_ms };
    // Plain data always becomes JSON.
    CheckSpec::new(REPLICAS, title, serde_json::to_value(arguments).unwrap_or_default())
}

/// Whether a kind of check is one of Compose.
pub fn is_ours(spec: &CheckSpec) -> bool {
    spec.kind == REPLICAS
}

/// The verifier of a check of Compose.
///
/// # Errors
/// `Unsupported` for another kind of check, `Corrupt` for arguments that are none of it.
pub fn verifier(
    spec: &CheckSpec,
    engine: &Arc<dyn Engine>,
    endpoint: &Endpoint,
) -> Result<Box<dyn Verifier>> {
    if !is_ours(spec) {
        let message = format!("`{}` is no check of Compose services", spec.kind);
        return Err(Error::new(ErrorKind::Unsupported, "read check", message)
            .with_hint("use the version that made the plan"));
    }
    let arguments = Arguments::deserialize(&spec.arguments).map_err(|_| {
        Error::new(
            ErrorKind::Corrupt,
            "read check",
            "it does not say what is wanted of the services",
        )
    })?;
    Ok(Box::new(ReplicasVerifier {
        engine: Arc::clone(engine),
        endpoint: endpoint.clone(),
        arguments,
    }))
}

/// Every replica runs the target image, never restarted, with ports that accept and its own health
/// check good; there are as many as there were; and no container of another service was replaced.
#[derive(Debug)]
struct ReplicasVerifier {
    engine: Arc<dyn Engine>,
    endpoint: Endpoint,
    arguments: Arguments,
}

impl ReplicasVerifier {
    async fn list(&self) -> Result<Vec<Replica>> {
        let filter = ContainerFilter::all().label(labels::PROJECT, self.arguments.project.as_str());
        let all = self.engine.list_containers(&filter).await?;
        Ok(all.iter().filter_map(Replica::of).collect())
    }

    /// One replica over the window.
    async fn watch(
        &self,
        run: &Run,
        replica: &Replica,
        wanted: &Wanted,
        time_left: Duration,
    ) -> Result<Vec<Check>> {
        let window = Duration::from_millis(self.arguments.window_ms);
        let state = StateVerifier::new(Arc::clone(&self.engine), self.endpoint.clone())
            .of_container(replica.id.clone())
            .with_window(window);
        let (state, health) = tokio::join!(state.verify(run, time_left), async {
            if !wanted.healthcheck {
                return Ok(Verdict::of(Vec::new()));
            }
            let health = HealthcheckVerifier::new(Arc::clone(&self.engine));
            health.of_container(replica.id.clone()).verify(run, time_left).await
        });
        let named = |mut check: Check| {
            check.name = format!("{} {}: {}", replica.service, replica.number, check.name);
            check
        };
        Ok(state?.checks.into_iter().chain(health?.checks).map(named).collect())
    }
}

#[async_trait]
impl Verifier for ReplicasVerifier {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let replicas = self.list().await?;
        let mut checks = standing(&self.arguments, &replicas);
        if checks.iter().any(|check| check.outcome != Outcome::Pass) {
            return Ok(Verdict::of(checks));
        }
        let mut restarts = Vec::new();
        for replica in &replicas {
            let Some(wanted) = self.arguments.services.get(&replica.service) else { continue };
            // They were made by the run, so one restart is a crash.
            if let Some(found) = self.engine.inspect_container(&(&replica.id).into()).await?
                && let Some(count) =
                    found.expose()["RestartCount"].as_u64().filter(|count| *count > 0)
            {
                restarts.push(crashed(replica, count));
            }
            checks.extend(self.watch(run, replica, wanted, time_left).await?);
        }
        checks.extend(restarts);
        // A look at the end: what was watched one after the other must still be so together.
        let last = standing(&self.arguments, &self.list().await?);
        checks.extend(last.into_iter().filter(|check| check.outcome != Outcome::Pass));
        Ok(Verdict::of(checks))
    }
}

fn crashed(replica: &Replica, count: u64) -> Check {
    let name = format!("{} {}", replica.service, replica.number);
    Check::new(name, Outcome::Fail, format!("it crashed and was restarted {count} times"))
}

/// What the list alone says. Pure.
fn standing(arguments: &Arguments, replicas: &[Replica]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (service, wanted) in &arguments.services {
        let own: Vec<_> = replicas.iter().filter(|replica| replica.service == *service).collect();
        let good = own
            .iter()
            .filter(|replica| replica.image.as_ref() == Some(&wanted.image))
            .filter(|replica| replica.state == "running")
            .count();
        let is_so = good == wanted.replicas && own.len() == wanted.replicas;
        let evidence = if is_so {
            format!("{good} of {good} run {}", wanted.image.short())
        } else {
            let states: Vec<_> = own.iter().map(|replica| replica.state.as_str()).collect();
            format!(
                "{good} run {}, {} should; its containers are: {}",
                wanted.image.short(),
                wanted.replicas,
                if states.is_empty() { "none".to_owned() } else { states.join(", ") }
            )
        };
        let outcome = if is_so { Outcome::Pass } else { Outcome::Fail };
        checks.push(Check::new(format!("replicas of {service}"), outcome, evidence));
    }
    let there: BTreeSet<_> = replicas.iter().map(|replica| &replica.id).collect();
    let gone = arguments.others.iter().filter(|id| !there.contains(id)).count();
    let (outcome, evidence) = match (arguments.others.len(), gone) {
        (0, _) => return checks,
        (n, 0) => (Outcome::Pass, format!("all {n} containers are the same")),
        (n, gone) => (Outcome::Fail, format!("{gone} of {n} containers are gone or were replaced")),
    };
    checks.push(Check::new("other services", outcome, evidence));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(digit: &str) -> ImageId {
        ImageId::new(format!("sha256:{}", digit.repeat(64))).unwrap()
    }

    fn replica(service: &str, digit: &str, state: &str) -> Replica {
        Replica {
            id: ContainerId::new(digit.repeat(64)).unwrap(),
            name: String::new(),
            service: ServiceName::new(service).unwrap(),
            number: "1".to_owned(),
            image: Some(image(digit)),
            state: state.to_owned(),
            hash: String::new(),
            version: String::new(),
            dir: None,
            files: Vec::new(),
            env_files: Vec::new(),
        }
    }

    #[test]
    fn every_replica_counts_and_so_does_everybody_else() {
        let db = replica("db", "d", "running");
        let web = ServiceName::new("web").unwrap();
        let wanted = Wanted { image: image("a"), replicas: 2, healthcheck: false };
        let arguments = Arguments {
            project: Project::new("shop").unwrap(),
            services: BTreeMap::from([(web, wanted)]),
            others: vec![db.id.clone()],
            window_ms: 0,
        };
        let (good, bad) = (replica("web", "a", "running"), replica("web", "b", "running"));
        let exited = replica("web", "a", "exited");
        for (replicas, outcome) in [
            (vec![good.clone(), good.clone(), db.clone()], Outcome::Pass),
            (vec![good.clone(), db.clone()], Outcome::Fail),
            (vec![good.clone(), good.clone(), good.clone(), db.clone()], Outcome::Fail),
            (vec![good.clone(), bad, db.clone()], Outcome::Fail),
            (vec![good.clone(), exited, db.clone()], Outcome::Fail),
            (vec![good.clone(), good.clone()], Outcome::Fail),
            (vec![good.clone(), good, replica("db", "e", "running")], Outcome::Fail),
        ] {
            assert_eq!(
                Verdict::of(standing(&arguments, &replicas)).outcome,
                outcome,
                "{replicas:?}"
            );
        }
    }

    #[test]
    fn the_verdict_is_weak_only_where_nothing_else_is_known() {
        let http = CheckSpec::new("http", "GET /healthz", serde_json::Value::Null);
        for (healthcheck, asked_for, is_weak) in
            [(false, vec![], true), (true, vec![], false), (false, vec![http], false)]
        {
            let wanted = Wanted { image: image("a"), replicas: 2, healthcheck };
            let services = BTreeMap::from([(ServiceName::new("web").unwrap(), wanted)]);
            let check =
                of_services(&Project::new("shop").unwrap(), services, Vec::new(), &asked_for);
            assert_eq!(check.title.contains("WEAK"), is_weak, "{check:?}");
            assert!(is_ours(&check) && check.arguments["window_ms"].is_u64());
        }
    }
}
