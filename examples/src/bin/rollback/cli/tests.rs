use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
}

#[test]
fn the_command_line_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_are_those_of_the_help() {
    let Ok(Command::Docker(docker)) = parse("rollback docker web --to v1") else { panic!() };
    assert_eq!(docker.deadline, Duration::from_secs(120));
    assert_eq!(docker.on_inconclusive, Inconclusive::Pause);
    assert_eq!(docker.strategy, Strategy::CreateFirst);
    assert_eq!(docker.format.output, Output::Text);
    assert!(!docker.yes && !docker.plan && docker.approve.is_none());
}

#[test]
fn what_means_nothing_is_refused() {
    for line in [
        "rollback",
        "rollback docker",
        "rollback docker web",
        "rollback docker --to v1",
        "rollback docker -rf --to v1",
        "rollback docker web --to v1 --plan --yes",
        "rollback docker web --to v1 --plan --approve x",
        "rollback docker web --to v1 --deadline 2",
        "rollback docker web --to v1 --deadline 0s",
        "rollback docker web --to v1 --deadline 8d",
        "rollback docker web --to v1 --deadline -1s",
        "rollback docker web --to v1 --on-inconclusive perhaps",
        "rollback docker web --to v1 --strategy recreate",
        "rollback docker web --to v1 --output xml",
        "rollback versions kubernetes web",
        "rollback resume a b",
        "rollback resume a --happened perhaps",
        "rollback show",
        "rollback abort",
        "rollback completions tcsh",
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
}

#[test]
fn accept_takes_a_reason_or_none() {
    for (line, accept) in [
        ("rollback resume abcd", None),
        ("rollback resume abcd --accept", Some("")),
        ("rollback resume abcd --accept looks-good", Some("looks-good")),
        ("rollback resume --accept=looks-good abcd", Some("looks-good")),
    ] {
        let Ok(Command::Resume(resume)) = parse(line) else { panic!("{line}") };
        assert_eq!(resume.accept.as_deref(), accept, "{line}");
        assert_eq!(resume.run.as_deref(), Some("abcd"), "{line}");
    }
}

#[test]
fn times_are_read_as_people_write_them() {
    for (text, seconds) in [("90s", 90), ("2m", 120), ("1h30m", 5400), ("1h 30m", 5400)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

/// The help is the manual: every end state and every exit code stands in it.
#[test]
fn the_help_documents_every_exit_code() {
    use stillme_rollback_core::EndState as End;
    let help = Cli::command().render_long_help().to_string();
    for state in [
        End::RolledBack,
        End::AlreadyThere,
        End::Restored,
        End::Superseded,
        End::Refused,
        End::Stuck,
        End::Paused,
    ] {
        let line = help.lines().find(|line| line.contains(&state.to_string()));
        let line = line.unwrap_or_else(|| panic!("{state} is not in the help"));
        let code = state.exit_code().to_string();
        assert!(line.trim_start().starts_with(&code), "{state}: {line}");
    }
}
