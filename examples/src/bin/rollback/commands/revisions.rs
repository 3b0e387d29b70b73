//! `rollback versions` of a workload of Kubernetes: the revisions that it could go back to.

use stillme_rollback_k8s::history::{History, Revision};
use stillme_rollback_k8s::names::Kind;

use crate::cli::{Output, Versions};
use crate::exit::{Outcome, read};
use crate::io::{Io, Surroundings};
use crate::output;
use crate::platform::Kubernetes;
use crate::state_dir::StateDir;

/// Lists the revisions of a workload, newest first. Without a kind the name has it, and its namespace.
pub(crate) async fn run(
    kind: Option<Kind>,
    arguments: &Versions,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let state = StateDir::choose(&arguments.place, around)?;
    let cluster = Kubernetes::connect(&arguments.kubernetes, &state).await?;
    let workload = match kind {
        Some(kind) => read(cluster.workload(kind, &arguments.name))?,
        None => read(arguments.name.parse())?,
    };
    let history = cluster.workloads().history(&workload).await?;
    match arguments.format.output {
        Output::Text => io.say(list(&history)),
        Output::Json => {
            for revision in &history.revisions {
                io.say(output::typed("revision", revision));
            }
        }
    }
    Ok(0)
}

fn list(history: &History) -> String {
    let head = ["REVISION", "IMAGES", "HASH", "DEPLOYED", "", "CHANGE-CAUSE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(history.revisions.iter().map(row));
    output::table(&rows)
}

fn row(revision: &Revision) -> Vec<String> {
    let images: Vec<_> = revision.images.iter().map(|(_, image)| output::safe(image)).collect();
    vec![
        revision.number.to_string(),
        images.join(", "),
        revision.hash.clone(),
        revision.created.clone(),
        marks(revision),
        revision.change_cause.as_deref().map_or_else(|| "-".to_owned(), output::safe),
    ]
}

/// What is known of it.
fn marks(revision: &Revision) -> String {
    let mut marks = Vec::new();
    if revision.current {
        marks.push(format!("runs now, {} of {} available", revision.available, revision.replicas));
    } else if revision.available > 0 {
        marks.push(format!("{} pods available", revision.available));
    }
    if revision.verified {
        marks.push("verified".to_owned());
    }
    if revision.left {
        marks.push("a rollback left it".to_owned());
    }
    marks.join(", ")
}
