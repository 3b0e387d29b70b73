//! Rollback of workloads of Kubernetes: back to a version that worked, verified, with a way back.
//!
//! - [`connect`] finds the API server as kubectl does; [`Cluster`](cluster::Cluster) is what this crate needs of one, a few
//!   verbs over raw JSON, and [`HttpCluster`] is a real one.
//! - [`history`] has the revisions of a workload, [`Wanted`] which one is meant.
//! - [`TemplateBack`] plans, [`KubernetesExecutor`] does it, [`RolloutVerifier`] sees whether its pods run.
//! - [`BlueGreen`] and [`Canary`] plan, [`TrafficExecutor`] does it, [`TrafficVerifier`] sees where requests go.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use stillme_rollback_core::engine::Engine;
//! use stillme_rollback_core::journal::FileJournal;
//! use stillme_rollback_core::lease::FileLease;
//! use stillme_rollback_core::{HashKey, Request, Strategy};
//! use stillme_rollback_k8s::connect::Access;
//! use stillme_rollback_k8s::names::{Kind, Namespace, ObjectName, WorkloadRef};
//! use stillme_rollback_k8s::{KubernetesExecutor, TemplateBack, Wanted};
//!
//! # async fn back(key: HashKey) -> Result<(), Box<dyn std::error::Error>> {
//! let connected = Access::from_env().connect().await?;
//! let executor = KubernetesExecutor::new(Arc::new(connected.cluster), key);
//! let web = WorkloadRef::new(Namespace::new("prod")?, Kind::Deployment, ObjectName::new("web")?);
//! let (observation, goal) = executor.observe_for(&web, &Wanted::Previous, None).await?;
//! let plan = TemplateBack::new().plan(&observation, &Request::new(goal)).map_err(|no| format!("{no:?}"))?;
//! println!("{plan}");
//!
//! let verifier = Arc::new(executor.rollout_verifier());
//! let journal = Arc::new(FileJournal::new("/var/lib/shop/rollbacks"));
//! let lease = Arc::new(FileLease::new("/run/shop/rollbacks"));
//! let engine = Engine::builder(Arc::new(executor), verifier, journal, lease).build();
//! println!("{}", engine.run(plan).await?);
//! # Ok(())
//! # }
//! ```
//!
//! A program that uses this crate must say which API the types of `k8s-openapi` are of, by one of its features, such as `v1_36`:
//! kube's client wants that, and a library must leave it open.
//!
//! Deployments, StatefulSets, DaemonSets, Argo's Rollouts and Services. Nothing here logs a request or an answer: templates hold environment values.

pub mod checks;
pub mod cluster;
pub mod connect;
pub mod history;
pub mod names;
pub mod resource;

mod action;
mod argo;
mod detail;
mod executor;
mod http_cluster;
mod kind;
mod mirror;
mod object;
mod owners;
mod quota;
mod rollout;
mod teller;
mod template;
mod template_back;
mod traffic;
mod wanted;

#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

/// A mockall mock of [`Cluster`](cluster::Cluster). **Exempt from semver.** What to know of such mocks stands in
/// `stillme_rollback_core::mock`.
#[cfg(feature = "mock")]
#[cfg_attr(docsrs, doc(cfg(feature = "mock")))]
pub mod mock {
    pub use crate::cluster::MockCluster;
}

pub use self::executor::{KubernetesExecutor, PodStatus, Status};
pub use self::http_cluster::HttpCluster;
pub use self::owners::Owner;
pub use self::rollout::{RolloutVerifier, Trouble};
pub use self::template_back::TemplateBack;
pub use self::traffic::{BlueGreen, Canary, TrafficExecutor, TrafficVerifier};
pub use self::wanted::Wanted;
