//! Options that several commands share, grouped by what they are about.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::duration;
use super::{Inconclusive, Output};

/// What every command takes that takes a target back.
#[derive(Clone, Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) judgement: Judgement,
    #[command(flatten)]
    pub(crate) approval: Approval,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// What decides whether it works, and until when.
#[derive(Clone, Debug, Args)]
pub(crate) struct Judgement {
    /// A URL that answers 200-399 when the service works; asked until three answers in a row are good
    ///
    /// Its query is kept out of the journal, so a run that is resumed needs it again.
    #[arg(long, value_name = "URL")]
    pub(crate) health_url: Option<String>,

    /// How long everything up to the verdict may take; then it is undone
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) deadline: Duration,

    /// What to do when the deadline passes and nothing is proven either way
    #[arg(long, value_enum, default_value = "pause", value_name = "WHAT")]
    pub(crate) on_inconclusive: Inconclusive,
}

/// Whether the plan may be run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Approval {
    /// Show the plan and its fingerprint, and touch nothing
    #[arg(long, conflicts_with_all = ["yes", "approve"])]
    pub(crate) plan: bool,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Run only the plan with this fingerprint, without asking
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) approve: Option<String>,
}

/// How patient the engine is.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Patience {
    /// How long late effects of requests in doubt are waited for, instead of 10 s. For tests
    #[arg(long, value_name = "TIME", value_parser = duration, hide_short_help = true)]
    pub(crate) settle: Option<Duration>,
}

/// Where the tool keeps what it knows.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The folder of journals [default: see rollback --help]
    #[arg(long, value_name = "DIR", env = "STILLME_ROLLBACK_JOURNAL_DIR", hide_env_values = true)]
    pub(crate) journal_dir: Option<PathBuf>,
}

/// How it is told.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// For people, or one JSON object a line
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: Output,
}
