//! From the command line to a command, and from its outcome to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind as Clap;
use clap::{CommandFactory as _, Parser as _};
use stillme_rollback_core::{Error, ErrorKind, Printable};
use stillme_rollback_k8s::TemplateBack;
use stillme_rollback_k8s::names::Kind;

use crate::cli::{Cli, Command, Completions, Output, Platform};
use crate::commands::{
    abort, compose, docker, emergency, look, resume, revisions, runs, show, traffic, versions,
    workload,
};
use crate::exit::{ERROR, Failure, Outcome, USAGE};
use crate::io::{Io, Surroundings};
use crate::output;

/// Runs the tool.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    io: &mut Io,
    around: &Surroundings,
) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage(io, &error)),
    };
    let format = format_of(&cli.command);
    let code = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(command(cli.command, io, around));
            // Whoever pressed Ctrl-C twice does not wait for what is under way.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Error::new(ErrorKind::Unavailable, "begin", "no threads can be had")
            .with_source(error)
            .into()),
    };
    let code = code.unwrap_or_else(|failure| output::failure(io, format, &failure));
    ExitCode::from(code)
}

async fn command(command: Command, io: &mut Io, around: &Surroundings) -> Outcome {
    match command {
        Command::Docker(arguments) => docker::run(&arguments, io, around).await,
        Command::Compose(arguments) => compose::run(&arguments, io, around).await,
        Command::Deployment(arguments) => {
            let strategy = arguments.strategy();
            workload::run(Kind::Deployment, &arguments.workload, strategy, io, around).await
        }
        Command::StatefulSet(arguments) => {
            let strategy = arguments.strategy();
            workload::run(Kind::StatefulSet, &arguments.workload, strategy, io, around).await
        }
        Command::DaemonSet(arguments) => {
            let strategy = arguments.strategy();
            workload::run(Kind::DaemonSet, &arguments.workload, strategy, io, around).await
        }
        Command::Rollout(arguments) => {
            let strategy = arguments.strategy();
            workload::run(Kind::Rollout, &arguments.workload, strategy, io, around).await
        }
        Command::Emergency(arguments) => {
            let (kind, strategy) = (arguments.kind.into(), TemplateBack::new().in_emergency());
            workload::run(kind, &arguments.workload, strategy, io, around).await
        }
        Command::BlueGreen(arguments) => traffic::blue_green(&arguments, io, around).await,
        Command::Canary(arguments) => traffic::canary(&arguments, io, around).await,
        Command::Isolate(arguments) => emergency::isolate(&arguments.emergency, io, around).await,
        Command::Stop(arguments) => emergency::stop(&arguments.emergency, io, around).await,
        Command::Status(arguments) => look::status(&arguments, io, around).await,
        Command::Pause(arguments) => look::pause(&arguments, io, around).await,
        Command::Versions(arguments) => match arguments.platform {
            Platform::Kubernetes => revisions::run(None, &arguments, io, around).await,
            Platform::Deployment => {
                revisions::run(Some(Kind::Deployment), &arguments, io, around).await
            }
            Platform::StatefulSet => {
                revisions::run(Some(Kind::StatefulSet), &arguments, io, around).await
            }
            Platform::Rollout => revisions::run(Some(Kind::Rollout), &arguments, io, around).await,
            Platform::DaemonSet => {
                revisions::run(Some(Kind::DaemonSet), &arguments, io, around).await
            }
            _ if arguments.kubernetes.is_given() => Err(Failure::usage(without_use())),
            Platform::Docker => versions::of_container(&arguments, io, around).await,
            Platform::Compose => versions::of_services(&arguments, io, around).await,
        },
        Command::Resume(arguments) => resume::run(&arguments, io, around).await,
        Command::Runs(arguments) => runs::run(&arguments, io, around).await,
        Command::Show(arguments) => show::run(&arguments, io, around).await,
        Command::Abort(arguments) => abort::run(&arguments, io, around).await,
        Command::Completions(arguments) => Ok(completions(&arguments, io)),
    }
}

fn without_use() -> Error {
    let why = "only a workload of Kubernetes has a namespace, a context and a kubeconfig";
    Error::new(ErrorKind::InvalidInput, "read options", why).with_hint("nothing was asked for")
}

fn completions(arguments: &Completions, io: &mut Io) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "rollback", &mut script);
    io.say(String::from_utf8_lossy(&script).trim_end());
    0
}

fn format_of(command: &Command) -> Output {
    match command {
        Command::Docker(arguments) => arguments.rollback.format.output,
        Command::Compose(arguments) => arguments.rollback.format.output,
        Command::Deployment(arguments) => arguments.workload.rollback.format.output,
        Command::StatefulSet(arguments) => arguments.workload.rollback.format.output,
        Command::DaemonSet(arguments) => arguments.workload.rollback.format.output,
        Command::Rollout(arguments) => arguments.workload.rollback.format.output,
        Command::Emergency(arguments) => arguments.workload.rollback.format.output,
        Command::BlueGreen(arguments) => arguments.side.rollback.format.output,
        Command::Canary(arguments) => arguments.side.rollback.format.output,
        Command::Isolate(arguments) => arguments.emergency.format.output,
        Command::Stop(arguments) => arguments.emergency.format.output,
        Command::Status(arguments) => arguments.which.format.output,
        Command::Pause(arguments) => arguments.which.format.output,
        Command::Versions(arguments) => arguments.format.output,
        Command::Resume(arguments) => arguments.format.output,
        Command::Runs(arguments) => arguments.format.output,
        Command::Show(arguments) => arguments.format.output,
        Command::Abort(arguments) => arguments.format.output,
        Command::Completions(_) => Output::Text,
    }
}

/// Says what is wrong with a command line, or the help that it asks for.
fn usage(io: &mut Io, error: &clap::Error) -> u8 {
    let text = error.render();
    match error.kind() {
        Clap::DisplayHelp | Clap::DisplayVersion => {
            io.say(text.to_string().trim_end());
            return 0;
        }
        _ => {}
    }
    // It repeats what was typed, which may have come from anywhere and be of any length.
    for line in text.to_string().trim_end().lines() {
        io.note(Printable(line));
    }
    if error.exit_code() == 2 { USAGE } else { ERROR }
}
