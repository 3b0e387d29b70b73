use std::time::Duration;

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
    assert_eq!(docker.strategy, Strategy::CreateFirst);
    let Rollback { judgement, approval, format, .. } = docker.rollback;
    assert_eq!(judgement.deadline, Duration::from_secs(120));
    assert_eq!(judgement.on_inconclusive, Inconclusive::Pause);
    assert_eq!(format.output, Output::Text);
    assert!(!approval.yes && !approval.plan && approval.approve.is_none());
}

#[test]
fn a_deployment_goes_to_the_one_before_unless_told_otherwise() {
    let Ok(Command::Versions(versions)) = parse("rollback versions deployment web -n prod") else {
        panic!()
    };
    assert!(versions.kubernetes.is_given());
    let Ok(Command::Deployment(web)) = parse("rollback deployment web -n prod --context x") else {
        panic!()
    };
    let web = web.workload;
    assert_eq!(web.to, "previous");
    assert_eq!(web.kubernetes.namespace.as_deref(), Some("prod"));
    assert_eq!(web.kubernetes.access.context.as_deref(), Some("x"));
    assert!(web.kubernetes.access.exec_plugins.is_empty() && !web.despite_owner);
}

#[test]
fn workloads_are_named_as_kubectl_has_them() {
    for line in ["rollback sts db -n prod", "rollback statefulset db --replace-pods"] {
        assert!(matches!(parse(line), Ok(Command::StatefulSet(_))), "{line}");
    }
    assert!(matches!(parse("rollback ds agent --replace-pods"), Ok(Command::DaemonSet(_))));
    assert!(matches!(parse("rollback deploy web"), Ok(Command::Deployment(_))));
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
        "rollback docker web --to v1 --strategy behind-proxy",
        "rollback docker web --to v1 --allow-shared-aliases",
        "rollback docker web --to v1 --drain 10s",
        "rollback docker web --to v1 --output xml",
        "rollback versions podman web",
        "rollback deployment",
        "rollback deployment web --to",
        "rollback deployment web --plan --yes",
        "rollback deployment web --no-repair",
        "rollback statefulset db --no-repair --replace-pods",
        "rollback blue-green",
        "rollback canary web --to v1",
        "rollback daemonset agent --no-repair",
        "rollback resume a b",
        "rollback resume a --happened perhaps",
        "rollback resume a --plan",
        "rollback resume a --approve x",
        "rollback resume a --take-back",
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
fn options_that_need_a_lost_journal_say_so() {
    let mut cli = Cli::command();
    let help = cli.find_subcommand_mut("resume").unwrap().render_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "With --from-engine: show the plan",
        "With --from-engine: do not ask",
        "With --from-engine: run only",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
    for line in ["rollback resume --plan", "rollback resume --approve x"] {
        assert!(parse(line).is_err(), "{line}");
    }
    assert!(parse("rollback resume --from-engine web --plan").is_ok());
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
