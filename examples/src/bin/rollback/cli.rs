//! The command line: what can be said, and what it means.
//!
//! Names, releases and URLs are taken as text here and read by the types of the libraries, whose
//! refusals neither repeat a secret nor let the text steer a terminal.

mod compose;
mod docker;
mod emergency;
mod help;
mod look;
mod options;
mod resume;
mod runs;
mod traffic;
mod values;
mod workload;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::compose::Compose;
pub(crate) use self::docker::Docker;
pub(crate) use self::emergency::{Emergency, Isolate, Stop};
pub(crate) use self::look::{EmergencyArguments, PauseArguments, StatusArguments, Which};
pub(crate) use self::options::{Approval, Format, Judgement, Patience, Place, Rollback};
pub(crate) use self::resume::Resume;
pub(crate) use self::runs::{Abort, Listing, Show};
pub(crate) use self::traffic::{BlueGreenArguments, CanaryArguments, SideArguments};
pub(crate) use self::values::{
    Dependents, Happened, Inconclusive, Output, Platform, Sticky, Strategy,
};
pub(crate) use self::workload::{
    Access, DaemonSet, Deployment, Kubernetes, Rollout, StatefulSet, Workload,
};

/// Takes a service back to a version that worked, and proves it.
#[derive(Debug, Parser)]
#[command(
    name = "rollback",
    version,
    about = "Takes a running service back to a version that worked, and proves it",
    long_about = "Takes a running service back to a version that worked, and proves it.\n\n\
        It shows its plan and asks first. The new container is created and checked before the old \
        one is touched; a verdict decides; what fails is undone. Killed at any moment, it can be \
        resumed.",
    after_help = help::SHORT,
    after_long_help = help::LONG,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take a Docker container back to another version
    Docker(Docker),
    /// Take services of Docker Compose back to another version
    Compose(Compose),
    /// Take a Deployment of Kubernetes back to another revision
    #[command(visible_alias = "deploy")]
    Deployment(Deployment),
    /// Take a StatefulSet of Kubernetes back to another revision, and pods that are stuck with it
    #[command(name = "statefulset", visible_alias = "sts")]
    StatefulSet(StatefulSet),
    /// Take a DaemonSet of Kubernetes back to another revision
    #[command(name = "daemonset", visible_alias = "ds")]
    DaemonSet(DaemonSet),
    /// Take a Rollout of Argo back to another revision, without its steps
    Rollout(Rollout),
    /// Point a Service of Kubernetes to the Deployment of the other colour
    BlueGreen(BlueGreenArguments),
    /// Take requests off the canary beside a stable Deployment
    Canary(CanaryArguments),
    /// Put another revision of a workload of Kubernetes back at once, with nothing waited for or proven
    Emergency(EmergencyArguments),
    /// Take a container off its networks, and keep it for a look; `--back` puts it on them again
    Isolate(Isolate),
    /// Stop a container, and keep it; `--back` starts it again
    Stop(Stop),
    /// Show how a workload of Kubernetes is: its version, its pods, and what they wait for
    Status(StatusArguments),
    /// Tell the controller of a Deployment or a Rollout to wait; `--back` lets it go on
    Pause(PauseArguments),
    /// Show what a target could go back to
    Versions(Versions),
    /// Go on with a run that was interrupted or paused
    Resume(Resume),
    /// List the runs
    Runs(Listing),
    /// Check a run's journal and show what the run did
    Show(Show),
    /// Give a run up: ask it to stop, or take back what it did
    Abort(Abort),
    /// Print a shell's completions
    Completions(Completions),
}

/// `rollback versions`.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    /// What kind of target it is
    #[arg(value_enum)]
    pub(crate) platform: Platform,
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) kubernetes: Kubernetes,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `rollback completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback completions bash > /etc/bash_completion.d/rollback
  rollback completions zsh > \"${fpath[1]}/_rollback\"")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests;
