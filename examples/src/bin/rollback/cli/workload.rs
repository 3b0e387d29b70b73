//! `rollback deployment`, `statefulset`, `daemonset` and `rollout` on the command line.

use std::path::PathBuf;

use clap::Args;
use stillme_rollback_k8s::TemplateBack;

use super::Rollback;

/// `rollback deployment`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback deployment web -n prod --plan
  rollback deployment web -n prod --to last-good
  rollback deployment web -n prod --to 3 --health-url https://web.example.com/healthz
  rollback deployment web -n prod --to v1.2.3 --container app --yes --output json")]
pub(crate) struct Deployment {
    #[command(flatten)]
    pub(crate) workload: Workload,
}

/// `rollback statefulset`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback statefulset db -n prod --plan
  rollback statefulset db -n prod --to last-good
  rollback statefulset db -n prod --to 3 --no-repair
  rollback statefulset db -n prod --to v1.2.3 --replace-pods")]
pub(crate) struct StatefulSet {
    #[command(flatten)]
    pub(crate) workload: Workload,

    /// Leave pods that are stuck at the version that is left; their controller waits for them, and so does the rollback
    #[arg(long, conflicts_with = "replace_pods")]
    pub(crate) no_repair: bool,

    #[command(flatten)]
    pub(crate) on_delete: OnDelete,
}

/// `rollback daemonset`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback daemonset agent -n prod --plan
  rollback daemonset agent -n prod --to v1.2.3
  rollback daemonset agent -n prod --replace-pods")]
pub(crate) struct DaemonSet {
    #[command(flatten)]
    pub(crate) workload: Workload,

    #[command(flatten)]
    pub(crate) on_delete: OnDelete,
}

/// `rollback rollout`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback rollout web -n prod --plan
  rollback rollout web -n prod
  rollback rollout web -n prod --to last-good --health-url https://web.example.com/healthz")]
pub(crate) struct Rollout {
    #[command(flatten)]
    pub(crate) workload: Workload,
}

/// What is said of a workload whose controller replaces no pods.
#[derive(Debug, Args)]
pub(crate) struct OnDelete {
    /// Where the update strategy is OnDelete: delete its pods, one by one, each once the one before is ready again
    #[arg(long)]
    pub(crate) replace_pods: bool,
}

/// What is said of any workload.
#[derive(Debug, Args)]
pub(crate) struct Workload {
    /// Its name
    pub(crate) name: String,

    /// Where to go: `previous`, `last-good` (verified by a rollback), a revision's number, a tag (v1, tag:v1), an
    /// image (app:v1), a digest (sha256:…), or a template hash (hash:…)
    #[arg(long, value_name = "RELEASE", default_value = "previous")]
    pub(crate) to: String,

    /// Whose image `--to` means, where pods have several containers
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,

    /// Also where Argo CD or Flux would take the rollback back
    #[arg(long)]
    pub(crate) despite_owner: bool,

    #[command(flatten)]
    pub(crate) kubernetes: Kubernetes,

    #[command(flatten)]
    pub(crate) rollback: Rollback,
}

impl Deployment {
    pub(crate) const fn strategy(&self) -> TemplateBack {
        self.workload.strategy()
    }
}

impl Rollout {
    pub(crate) const fn strategy(&self) -> TemplateBack {
        self.workload.strategy()
    }
}

impl StatefulSet {
    pub(crate) const fn strategy(&self) -> TemplateBack {
        let strategy = self.on_delete.strategy(self.workload.strategy());
        if self.no_repair { strategy.without_repair() } else { strategy }
    }
}

impl DaemonSet {
    pub(crate) const fn strategy(&self) -> TemplateBack {
        self.on_delete.strategy(self.workload.strategy())
    }
}

impl OnDelete {
    const fn strategy(&self, strategy: TemplateBack) -> TemplateBack {
        if self.replace_pods { strategy.replacing_pods() } else { strategy }
    }
}

impl Workload {
    const fn strategy(&self) -> TemplateBack {
        let strategy = TemplateBack::new();
        if self.despite_owner { strategy.despite_owner() } else { strategy }
    }
}

/// A namespace of a cluster, as kubectl has it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Kubernetes {
    /// The namespace [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

    #[command(flatten)]
    pub(crate) access: Access,
}

/// The way to a cluster, as kubectl has it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Access {
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "CONTEXT")]
    pub(crate) context: Option<String>,

    /// The kubeconfig [default: KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// A program that the kubeconfig may start to get credentials, by the name it calls it; all others are refused
    #[arg(long = "allow-exec-plugin", value_name = "PROGRAM")]
    pub(crate) exec_plugins: Vec<String>,
}

impl Kubernetes {
    /// Whether anything of it was said, which means nothing for other targets.
    pub(crate) fn is_given(&self) -> bool {
        let Access { context, kubeconfig, exec_plugins } = &self.access;
        self.namespace.is_some()
            || context.is_some()
            || kubeconfig.is_some()
            || !exec_plugins.is_empty()
    }
}
