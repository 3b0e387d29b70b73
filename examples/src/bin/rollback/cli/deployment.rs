//! `rollback deployment` on the command line.

use std::path::PathBuf;

use clap::Args;

use super::Rollback;

/// `rollback deployment`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback deployment web -n prod --plan
  rollback deployment web -n prod --to last-good
  rollback deployment web -n prod --to 3 --health-url https://web.example.com/healthz
  rollback deployment web -n prod --to v1.2.3 --container app --yes --output json")]
pub(crate) struct Deployment {
    /// The Deployment's name
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

/// The way to a cluster, as kubectl has it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Kubernetes {
    /// The namespace [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

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
        let Self { namespace, context, kubeconfig, exec_plugins } = self;
        namespace.is_some() || context.is_some() || kubeconfig.is_some() || !exec_plugins.is_empty()
    }
}
