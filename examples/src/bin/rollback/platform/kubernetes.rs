//! A Kubernetes cluster.

use std::sync::Arc;

use stillme_rollback_core::{
    CheckSpec, Error, ErrorKind, Executor, HashKey, Plan, Result, Strategy as _, Target, Verifier,
};
use stillme_rollback_k8s::connect::{Access, Connected};
use stillme_rollback_k8s::names::{Kind, Namespace, ObjectName, WorkloadRef};
use stillme_rollback_k8s::{BlueGreen, Canary, KubernetesExecutor, checks};

use super::{Platform, Told};
use crate::cli;
use crate::state_dir::StateDir;

/// The cluster that kubectl would use.
pub(crate) struct Kubernetes {
    executor: KubernetesExecutor,
    namespace: Namespace,
    server: String,
    told: Told,
}

impl Kubernetes {
    /// Connects to it as the command line says. The key of digests will be that of the folder.
    pub(crate) async fn connect(options: &cli::Kubernetes, state: &StateDir) -> Result<Self> {
        let namespace = options.namespace.as_deref().map(Namespace::new).transpose()?;
        Ok(Self::on(access(&options.access).connect().await?, namespace, state.hash_key()?))
    }

    /// Connects to it for a run, whose target has its namespace.
    pub(super) async fn connect_for_run(options: &cli::Access, state: &StateDir) -> Result<Self> {
        Ok(Self::on(access(options).connect().await?, None, state.hash_key()?))
    }

    fn on(connected: Connected, namespace: Option<Namespace>, key: HashKey) -> Self {
        let (tell, told) = tokio::sync::watch::channel(String::new());
        let executor = KubernetesExecutor::new(Arc::new(connected.cluster), key)
            .telling(move |text| drop(tell.send_replace(text.to_owned())));
        Self {
            executor,
            namespace: namespace.unwrap_or(connected.namespace),
            server: connected.server,
            told,
        }
    }

    /// A workload in the namespace that is meant.
    pub(crate) fn workload(&self, kind: Kind, name: &str) -> Result<WorkloadRef> {
        let name = ObjectName::new(name)?;
        Ok(WorkloadRef::new(self.namespace.clone(), kind, name))
    }

    /// The namespace that is meant.
    pub(crate) const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The executor.
    pub(crate) fn workloads(&self) -> &KubernetesExecutor {
        &self.executor
    }

    /// Goes on if a run's target is a workload of this cluster.
    pub(super) async fn check_target(&self, target: &Target) -> Result<()> {
        let here = match WorkloadRef::of(target) {
            Ok((workload, _)) => self.executor.target(&workload).await?,
            Err(_) => self.executor.traffic().target_like(target).await?,
        };
        if here == *target {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            "find target",
            "the run is of another object than the one of that name that is here",
        )
        .with_context("server here", self.server.as_str())
        .with_hint(
            "nothing was touched; it was made anew since, or --kubeconfig, KUBECONFIG or --context name another cluster",
        ))
    }
}

fn access(options: &cli::Access) -> Access {
    let access = match &options.kubeconfig {
        Some(file) => Access::of_file(file),
        None => Access::from_env(),
    };
    access.with_context(options.context.clone()).allowing(options.exec_plugins.clone())
}

impl Platform for Kubernetes {
    fn executor(&self, plan: &Plan) -> Result<Arc<dyn Executor>> {
        let sides = [BlueGreen::new().name(), Canary::new().name()];
        if sides.contains(&plan.strategy.as_str()) {
            return Ok(Arc::new(self.executor.traffic()));
        }
        // What it does not know it refuses, step by step.
        Ok(Arc::new(self.executor.clone()))
    }

    fn verifier(&self, check: &CheckSpec) -> Result<Option<Box<dyn Verifier>>> {
        if !checks::is_ours(check) {
            return Ok(None);
        }
        checks::verifier(check, &self.executor).map(Some)
    }

    fn told(&self) -> Option<Told> {
        Some(self.told.clone())
    }
}
