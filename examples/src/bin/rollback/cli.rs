//! The command line: what can be said, and what it means.
//!
//! Names, releases and URLs are taken as text here and read by the types of the libraries, whose
//! refusals neither repeat a secret nor let the text steer a terminal.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stillme_rollback_core::OnInconclusive;

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
    after_help = "Examples:
  rollback versions docker web                what web could go back to
  rollback docker web --to v1 --plan          shows what would be done, touches nothing
  rollback docker web --to v1 --health-url http://localhost:8080/healthz
  rollback resume                             goes on with the run that was interrupted

Exit codes: `rollback --help`",
    after_long_help = "Examples:
  rollback versions docker web
      What web runs, and what it could go back to.
  rollback docker web --to v1 --plan
      Shows what would be done and touches nothing.
  rollback docker web --to previous --health-url http://localhost:8080/healthz
      Asks, then goes back to what ran before; the URL decides whether it works.
  F=$(rollback docker web --to v1 --plan --output json | jq -r .fingerprint)
  rollback docker web --to v1 --approve $F
      Runs exactly the plan that was shown, and no other.
  rollback runs; rollback show RUN
      What was done here, and how.
  rollback resume
      Goes on with the run that was interrupted.
  rollback abort RUN
      Gives a run up, and takes back what it did.

Exit codes:
   0  done; for a rollback: RolledBack, the version that was asked for serves
   1  an error; the message says what was not touched, or how to go on
   2  the command line means nothing
  10  AlreadyThere: the target runs that version already
  11  Restored: it failed and was undone, what ran before runs again
  12  Superseded: somebody else deployed, theirs is untouched
  13  Refused before anything was touched
  14  Stuck: needs a person, the report has the commands left to do
  15  Paused: the target serves, and the run can be resumed or given up

State: a journal for each run in /var/lib/stillme-rollback (root) or
$XDG_STATE_HOME/stillme-rollback, unless --journal-dir or
STILLME_ROLLBACK_JOURNAL_DIR names another folder.
Engine: as the docker command finds it (DOCKER_HOST, DOCKER_CONTEXT, …).",
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

/// `rollback docker`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollback docker web --to v1 --plan
  rollback docker web --to previous --health-url http://localhost:8080/healthz
  rollback docker web --to sha256:… --yes --output json")]
pub(crate) struct Docker {
    /// The container's name
    pub(crate) name: String,

    /// Where to go: a tag (v1, tag:v1), an image's id or digest (sha256:…), or `previous`
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: String,

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

    /// How to switch
    #[arg(long, value_enum, default_value = "create-first", value_name = "HOW")]
    pub(crate) strategy: Strategy,

    /// Show the plan and its fingerprint, and touch nothing
    #[arg(long, conflicts_with_all = ["yes", "approve"])]
    pub(crate) plan: bool,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Run only the plan with this fingerprint, without asking
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) approve: Option<String>,

    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
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
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `rollback resume`.
#[derive(Debug, Args)]
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
    #[arg(long, requires = "from_engine")]
    pub(crate) take_back: bool,

    /// With --from-engine: show the plan and its fingerprint, and touch nothing
    #[arg(long, requires = "from_engine", conflicts_with_all = ["yes", "approve"])]
    pub(crate) plan: bool,

    /// With --from-engine: do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// With --from-engine: run only the plan with this fingerprint, without asking
    #[arg(long, value_name = "FINGERPRINT", requires = "from_engine")]
    pub(crate) approve: Option<String>,

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
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: Format,
}

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
    pub(crate) patience: Patience,
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

/// For people, or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// One JSON object a line, on stdout
    Json,
}

/// The kinds of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    /// A container of a Docker engine
    Docker,
}

/// The ways to switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    /// Create and check the new container before the old one is touched
    CreateFirst,
}

/// An operator's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Happened {
    /// It happened
    Yes,
    /// It did not
    No,
}

/// What happens with a verdict that stays inconclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inconclusive {
    /// Stop where nothing irreversible was done, and ask
    Pause,
    /// Take it back
    Undo,
    /// Keep it, and say that it is not proven
    Keep,
}

impl From<Inconclusive> for OnInconclusive {
    fn from(choice: Inconclusive) -> Self {
        match choice {
            Inconclusive::Pause => Self::Pause,
            Inconclusive::Undo => Self::Undo,
            Inconclusive::Keep => Self::Keep,
        }
    }
}

/// The longest time that can be given. A week: beyond it, it is a slip of the keyboard.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A time as people write it: `90s`, `2m`, `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| "it is not a time like 90s, 2m or 1h30m".to_owned())?;
    match time {
        Duration::ZERO => Err("it has to be more than nothing".to_owned()),
        time if time > LONGEST => Err("it is longer than a week".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests;
