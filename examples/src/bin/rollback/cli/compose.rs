//! `rollback compose` on the command line.

use std::path::PathBuf;

use clap::Args;

use super::{Rollback, Sticky};

/// `rollback compose`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback compose web --to v1 --plan
  rollback compose web worker --to previous --health-url http://localhost:8080/healthz
  rollback compose web -f compose.yml -f compose.prod.yml --env-file prod.env --to v1 --sticky env")]
pub(crate) struct Compose {
    /// The services; several go back together, and are undone together
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Where to go: a tag (v1, tag:v1), an image's id or digest (sha256:…), or `previous`
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: String,

    /// The project, where several have the services
    #[arg(short, long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,

    /// A compose file; several in their order [default: those that the containers name]
    #[arg(short, long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// An environment file instead of .env [default: those that the containers name]
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) env_files: Vec<PathBuf>,

    /// A profile that is on
    #[arg(long = "profile", value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,

    /// The folder under which all files must lie [default: the project's]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,

    /// What makes the next `up` keep the version that was gone back to
    #[arg(long, value_enum, default_value = "none", value_name = "HOW")]
    pub(crate) sticky: Sticky,

    /// Go on where the files are not what the containers were made from
    #[arg(long)]
    pub(crate) allow_drift: bool,

    #[command(flatten)]
    pub(crate) rollback: Rollback,
}
