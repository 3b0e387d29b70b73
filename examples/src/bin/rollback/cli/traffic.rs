//! `rollback blue-green` and `rollback canary` on the command line.

use clap::Args;
use stillme_rollback_k8s::{BlueGreen, Canary};

use super::{Kubernetes, Rollback};

/// `rollback blue-green`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback blue-green web -n prod --plan
  rollback blue-green web -n prod --to blue
  rollback blue-green web -n prod --to blue --scale-down --health-url https://web.example.com/healthz")]
pub(crate) struct BlueGreenArguments {
    /// The Service's name
    pub(crate) service: String,

    /// The colour: the value of the label that tells the Deployments apart [default: the only other one]
    #[arg(long, value_name = "COLOUR")]
    pub(crate) to: Option<String>,

    /// Scale the colour that served before to no pods, once the verdict is good
    #[arg(long)]
    pub(crate) scale_down: bool,

    #[command(flatten)]
    pub(crate) side: SideArguments,
}

/// `rollback canary`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback canary web -n prod --plan
  rollback canary web -n prod --canary web-canary --yes")]
pub(crate) struct CanaryArguments {
    /// The name of the stable Deployment
    pub(crate) name: String,

    /// The name of the canary [default: the only other Deployment behind the same Service]
    #[arg(long, value_name = "NAME")]
    pub(crate) canary: Option<String>,

    #[command(flatten)]
    pub(crate) side: SideArguments,
}

/// What is said of both.
#[derive(Debug, Args)]
pub(crate) struct SideArguments {
    /// Also where Argo CD or Flux would take the rollback back
    #[arg(long)]
    pub(crate) despite_owner: bool,

    #[command(flatten)]
    pub(crate) kubernetes: Kubernetes,

    #[command(flatten)]
    pub(crate) rollback: Rollback,
}

impl BlueGreenArguments {
    pub(crate) const fn strategy(&self) -> BlueGreen {
        let strategy = BlueGreen::new();
        let strategy = if self.scale_down { strategy.scaling_down() } else { strategy };
        if self.side.despite_owner { strategy.despite_owner() } else { strategy }
    }
}

impl CanaryArguments {
    pub(crate) const fn strategy(&self) -> Canary {
        if self.side.despite_owner { Canary::new().despite_owner() } else { Canary::new() }
    }
}
