//! `rollback resume` on the command line.

use std::time::Duration;

use clap::{Arg, Args};

use super::values::duration;
use super::{
    Access, Approval, Format, Happened, Inconclusive, Judgement, Patience, Place, Rollback,
};

/// `rollback resume`.
#[derive(Debug, Args)]
#[command(
    mut_arg("plan", |plan| only_from_engine(of_from_engine(plan))),
    mut_arg("yes", of_from_engine),
    mut_arg("approve", |approve| only_from_engine(of_from_engine(approve))),
    mut_arg("take_back", only_from_engine)
)]
#[command(after_help = "A run was agreed to when it began, so resuming it asks nothing.

Examples:
  rollback resume                              the one run that is not finished
  rollback resume 3f9k2m7q                     by the end of its id
  rollback resume 3f9k2m7q --accept 'I looked, it works'
  rollback resume --from-engine web            the journal is lost: shows what the engine knows, asks")]
pub(crate) struct Resume {
    /// The run: its id, or the end of it; without one, the only run that is not finished
    pub(crate) run: Option<String>,

    /// Take an inconclusive verdict for a pass, for this reason
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "")]
    pub(crate) accept: Option<String>,

    /// The journal is lost: put in order what a run left of this container, from the engine alone
    #[arg(long, value_name = "NAME", conflicts_with_all = ["run", "accept", "happened"])]
    pub(crate) from_engine: Option<String>,

    /// With --from-engine: back to the old container, also where the new one could stay
    #[arg(long)]
    pub(crate) take_back: bool,

    #[command(flatten)]
    pub(crate) approval: Approval,

    /// With --from-engine: how long everything up to the verdict may take
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) deadline: Duration,

    /// Whether the step happened that must not be repeated
    #[arg(long, value_enum, value_name = "ANSWER")]
    pub(crate) happened: Option<Happened>,

    /// The health URL again, if its query was kept out of the journal
    #[arg(long, value_name = "URL")]
    pub(crate) health_url: Option<String>,

    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// An option of all rollbacks that here means something only with `--from-engine`, as its help says.
fn of_from_engine(option: Arg) -> Arg {
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let mut letters = help.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let help: String = first.into_iter().chain(letters).collect();
    option.help(format!("With --from-engine: {help}"))
}

/// An option that is refused without `--from-engine`. With a run as well: a required option that
/// conflicts with what was given is not asked for, so `resume RUN --plan` would not only show.
fn only_from_engine(option: Arg) -> Arg {
    option.requires("from_engine").conflicts_with("run")
}

impl Resume {
    /// What it says as a rollback of its own, which it is when the journal is lost.
    pub(crate) fn as_rollback(&self) -> Rollback {
        Rollback {
            judgement: Judgement {
                health_url: self.health_url.clone(),
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
