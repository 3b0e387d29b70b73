//! Words and times that stand on the command line, as values.

use std::time::Duration;

use clap::ValueEnum;
use stillme_rollback_core::OnInconclusive;

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
    /// Services of Docker Compose: SERVICE, or PROJECT/SERVICE
    Compose,
    /// A Deployment of Kubernetes
    Deployment,
    /// A StatefulSet of Kubernetes
    #[value(name = "statefulset")]
    StatefulSet,
    /// A DaemonSet of Kubernetes
    #[value(name = "daemonset")]
    DaemonSet,
    /// A Rollout of Argo
    Rollout,
    /// A workload of Kubernetes as reports name it: NAMESPACE/KIND/NAME
    Kubernetes,
}

/// What makes a rollback of Compose services stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sticky {
    /// Nothing: the next `up` deploys what the files say
    None,
    /// An override file beside the compose file
    Override,
    /// The variable in the environment file
    Env,
    /// The image in the compose file
    File,
}

impl From<Sticky> for stillme_rollback_docker::compose::Sticky {
    fn from(choice: Sticky) -> Self {
        match choice {
            Sticky::None => Self::None,
            Sticky::Override => Self::Override,
            Sticky::Env => Self::Env,
            Sticky::File => Self::File,
        }
    }
}

/// The ways to switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    /// Create and check the new container before the old one is touched, then stop and start
    CreateFirst,
    /// Start the new container beside the old one, then change their places: about 0.3 s of outage
    WarmSwap,
    /// Start the new container beside the old one, then let the proxy of --proxy send it the traffic: no
    /// outage
    BehindProxy,
    /// Warm swap where nothing that can be seen speaks against it
    Auto,
}

/// What happens to who holds on to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dependents {
    /// Refuse, and name them
    Refuse,
    /// Recreate them on the new container
    Recreate,
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
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| "it is not a time like 90s, 2m or 1h30m".to_owned())?;
    match time {
        Duration::ZERO => Err("it has to be more than nothing".to_owned()),
        time if time > LONGEST => Err("it is longer than a week".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("1h30m", 5400), ("1h 30m", 5400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }
}
