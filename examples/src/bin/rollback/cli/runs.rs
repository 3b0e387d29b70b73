//! The commands about runs that were begun.

use std::time::Duration;

use clap::Args;

use super::values::duration;
use super::{Access, Format, Patience, Place};

/// `rollback runs`.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `rollback show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run: its id, or the end of it
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `rollback abort`.
#[derive(Debug, Args)]
#[command(
    after_help = "A run that works stops at its next step boundary: before the switch it pauses, \
after it, it is undone. A run that does not work is taken back at once.

Example:
  rollback abort 3f9k2m7q"
)]
pub(crate) struct Abort {
    /// The run: its id, or the end of it
    pub(crate) run: String,

    /// How long to wait for a run that works to obey
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) wait: Duration,

    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}
