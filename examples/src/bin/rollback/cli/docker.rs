//! `rollback docker` on the command line.

use std::time::Duration;

use clap::Args;

use super::values::duration;
use super::{Dependents, Rollback, Strategy};

/// `rollback docker`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback docker web --to v1 --plan
  rollback docker web --to previous --health-url http://localhost:8080/healthz
  rollback docker web --to previous --with-config
  rollback docker web --to sha256:… --yes --output json
  rollback docker web --to v1 --strategy behind-proxy --proxy kamal:kamal-proxy/web:8080")]
pub(crate) struct Docker {
    /// The container's name
    pub(crate) name: String,

    /// Where to go: a tag (v1, tag:v1), an image's id or digest (sha256:…), a kept container
    /// (kept:NAME), or `previous`
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: String,

    /// Take the settings back as well: environment, ports, mounts, limits and all else as the kept
    /// container of that release has them
    #[arg(long)]
    pub(crate) with_config: bool,

    /// How to switch
    #[arg(long, value_enum, default_value = "create-first", value_name = "HOW")]
    pub(crate) strategy: Strategy,

    /// The proxy that has the service's traffic, for `--strategy behind-proxy`. PORT is the one on which the
    /// containers take it
    #[arg(
        long,
        value_name = "kamal:CONTAINER/SERVICE:PORT",
        required_if_eq("strategy", "behind-proxy")
    )]
    pub(crate) proxy: Option<String>,

    /// With --proxy: how long requests under way may take before what serves them is stopped
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, requires = "proxy")]
    pub(crate) drain: Duration,

    /// With --proxy: also a container that others reach by a network alias, past the proxy
    #[arg(long, requires = "proxy")]
    pub(crate) allow_shared_aliases: bool,

    /// Also a container that was started with `--rm`: the way back is a copy of it, for its stop
    /// deletes it
    #[arg(long)]
    pub(crate) allow_auto_remove: bool,

    /// Warm swap, and behind a proxy: also where both versions can write to the same files
    #[arg(long)]
    pub(crate) allow_shared_writes: bool,

    /// What happens to containers that share its namespaces or volumes: `recreate` takes them along, on
    /// the new one (create-first)
    #[arg(long, value_enum, default_value = "refuse", value_name = "WHAT")]
    pub(crate) dependents: Dependents,

    /// How many old containers stay, this run's own included; older ones are removed at the end, never
    /// their volumes
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep: u16,

    #[command(flatten)]
    pub(crate) rollback: Rollback,
}
