//! `rollback status`, `rollback pause` and `rollback emergency` on the command line.

use clap::{Args, ValueEnum};
use stillme_rollback_k8s::names::Kind;

use super::{Format, Kubernetes, Place, Workload};

/// `rollback status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback status deployment web -n prod
  rollback status rollout web -n prod --output json")]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) which: Which,
}

/// `rollback pause`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback pause rollout web -n prod
  rollback pause deployment web -n prod --back")]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Let its controller go on
    #[arg(long)]
    pub(crate) back: bool,
}

/// `rollback emergency`.
#[derive(Debug, Args)]
#[command(
    after_help = "It waits for nothing and proves nothing: `rollback status` says afterwards how it is.

Examples:
  rollback emergency deployment web -n prod
  rollback emergency statefulset db -n prod --to 3 --yes"
)]
pub(crate) struct EmergencyArguments {
    /// What it is
    #[arg(value_enum)]
    pub(crate) kind: WorkloadKind,

    #[command(flatten)]
    pub(crate) workload: Workload,
}

/// A workload of Kubernetes.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// What it is
    #[arg(value_enum)]
    pub(crate) kind: WorkloadKind,

    /// Its name
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) kubernetes: Kubernetes,

    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// The kinds of workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkloadKind {
    /// A Deployment
    Deployment,
    /// A StatefulSet
    #[value(name = "statefulset")]
    StatefulSet,
    /// A DaemonSet
    #[value(name = "daemonset")]
    DaemonSet,
    /// A Rollout of Argo
    Rollout,
}

impl From<WorkloadKind> for Kind {
    fn from(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment => Self::Deployment,
            WorkloadKind::StatefulSet => Self::StatefulSet,
            WorkloadKind::DaemonSet => Self::DaemonSet,
            WorkloadKind::Rollout => Self::Rollout,
        }
    }
}
