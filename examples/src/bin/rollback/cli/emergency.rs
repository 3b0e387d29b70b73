//! `rollback isolate` and `rollback stop` on the command line.

use std::time::Duration;

use clap::Args;

use super::values::duration;
use super::{Approval, Format, Inconclusive, Judgement, Patience, Place, Platform, Rollback};

/// What both take.
#[derive(Debug, Args)]
pub(crate) struct Emergency {
    /// What kind of target it is
    #[arg(value_enum)]
    pub(crate) platform: Platform,
    /// Its name
    pub(crate) name: String,

    /// Take back what the same command did before
    #[arg(long)]
    pub(crate) back: bool,

    /// How long it may take; then it is undone
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) deadline: Duration,

    #[command(flatten)]
    pub(crate) approval: Approval,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

impl Emergency {
    /// What it says as other commands say it. No verdict is asked for.
    pub(crate) fn as_rollback(&self) -> Rollback {
        Rollback {
            judgement: Judgement {
                health_url: None,
                deadline: self.deadline,
                on_inconclusive: Inconclusive::Pause,
            },
            approval: self.approval.clone(),
            patience: self.patience,
            place: self.place.clone(),
            format: self.format,
        }
    }
}

/// `rollback isolate`.
#[derive(Debug, Args)]
#[command(
    after_help = "It keeps running, so that it can be looked at (docker exec, docker logs). Nobody
reaches it, and it reaches nobody; connections that are open are cut.

Examples:
  rollback isolate docker web --plan
  rollback isolate docker web
  rollback isolate docker web --back           on its networks again, as it was"
)]
pub(crate) struct Isolate {
    #[command(flatten)]
    pub(crate) emergency: Emergency,
}

/// `rollback stop`.
#[derive(Debug, Args)]
#[command(
    after_help = "It is kept, and nothing starts it by itself: its restart policy is put aside.

Examples:
  rollback stop docker web --yes
  rollback stop docker web --back              runs again, with its restart policy"
)]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) emergency: Emergency,
}
