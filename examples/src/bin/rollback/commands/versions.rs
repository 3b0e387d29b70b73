//! `rollback versions`: what a target could go back to.

use serde_json::json;
use stillme_rollback_core::{Evidence, Release, Result};
use stillme_rollback_docker::ContainerName;
use stillme_rollback_docker::compose::{Project, ServiceName, Services, parts};
use stillme_rollback_docker::versions::{History, history};

use crate::cli::{Output, Versions};
use crate::exit::{Outcome, read};
use crate::io::{Io, Surroundings};
use crate::output;
use crate::platform::{Compose, Docker};
use crate::recorded::Recorded;
use crate::state_dir::StateDir;

/// Lists the releases of a container.
pub(crate) async fn of_container(
    arguments: &Versions,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let name = read(ContainerName::new(arguments.name.as_str()))?;
    let state = StateDir::choose(&arguments.place, around)?;
    let recorded = Recorded::read(&state.journal()).await?;
    let docker = Docker::connect(&state).await?;
    let target = docker.target(&name).await?;
    let history = history(docker.engine(), &name, &recorded.releases(&target)).await?;
    say(&history, None, arguments.format.output, io);
    Ok(0)
}

/// Lists the releases of Compose services.
pub(crate) async fn of_services(
    arguments: &Versions,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let (project, services) = read(named(&arguments.name))?;
    let state = StateDir::choose(&arguments.place, around)?;
    let compose = Compose::connect(&state).await?;
    let executor = compose.services_with_records().await?;
    let target = executor.target(project.as_ref(), &services).await?;
    let (project, _) = parts(&target)?;
    for service in services.iter() {
        let history = executor.history(&project, service).await?;
        say(&history, Some(service), arguments.format.output, io);
    }
    Ok(0)
}

/// `SERVICE`, or as a target is written: `PROJECT/SERVICE+SERVICE`.
fn named(text: &str) -> Result<(Option<Project>, Services)> {
    let (project, services) = match text.split_once('/') {
        Some((project, services)) => (Some(Project::new(project)?), services),
        None => (None, text),
    };
    let services: Result<Vec<_>> = services.split('+').map(ServiceName::new).collect();
    Ok((project, Services::new(services?)?))
}

/// Says a history; of a Compose service with its name.
fn say(history: &History, service: Option<&ServiceName>, format: Output, io: &mut Io) {
    match format {
        Output::Text => {
            if let Some(service) = service {
                io.say(format_args!("service {service}"));
            }
            io.say(list(history));
        }
        Output::Json => {
            let previous = history.previous.as_ref().map(|release| &release.version);
            for release in std::iter::once(&history.running).chain(&history.releases) {
                let mut line = output::typed("version", release);
                line["previous"] = json!(Some(&release.version) == previous);
                if let Some(service) = service {
                    line["service"] = json!(service);
                }
                io.say(line);
            }
        }
    }
}

fn list(history: &History) -> String {
    let head = ["RELEASE", "ID", "", "KNOWN FROM"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.push(row(&history.running, "runs now"));
    for release in &history.releases {
        let is_previous = history.previous.as_ref().is_some_and(|p| p.version == release.version);
        rows.push(row(release, if is_previous { "previous" } else { "" }));
    }
    let mut text = output::table(&rows);
    if history.previous.is_none() {
        text += "\n\nnothing proves what ran before, so `--to previous` is refused: say which";
    }
    text
}

fn row(release: &Release, mark: &str) -> Vec<String> {
    let name = release.image.as_ref().map_or("-", |image| image.as_str());
    let evidence: Vec<_> = release.evidence.iter().map(known_from).collect();
    vec![
        output::safe(name),
        release.version.short().to_owned(),
        mark.to_owned(),
        evidence.join(", "),
    ]
}

fn known_from(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Running => "the container".to_owned(),
        Evidence::VerifiedBy { run } => format!("run {} verified it", run.short()),
        Evidence::LeftBy { run } => format!("run {} left it", run.short()),
        Evidence::Kept { instance } => format!("kept as {}", output::safe(instance)),
        Evidence::LocalImage => "its image is here".to_owned(),
        _ => "a newer version of this tool".to_owned(),
    }
}
