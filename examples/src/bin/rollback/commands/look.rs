//! `rollback status` and `rollback pause`: how a workload of Kubernetes is, and whether its controller may go on.

use serde_json::json;
use stillme_rollback_core::Printable;
use stillme_rollback_k8s::names::WorkloadRef;
use stillme_rollback_k8s::{PodStatus, Status};

use crate::cli::{Output, PauseArguments, StatusArguments, Which};
use crate::exit::{Outcome, read};
use crate::io::{Io, Surroundings};
use crate::output;
use crate::platform::Kubernetes;
use crate::state_dir::StateDir;

/// A workload that will not get where its template says.
const FAILED: u8 = 4;
/// One that is on its way.
const ON_ITS_WAY: u8 = 3;

/// Says how a workload is. Exit code 0: rolled out; 3: on its way; 4: it will not get there.
pub(crate) async fn status(
    arguments: &StatusArguments,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let which = &arguments.which;
    let (cluster, workload) = find(which, around).await?;
    let status = cluster.workloads().status(&workload).await?;
    match which.format.output {
        Output::Text => tell(io, &workload, &status),
        Output::Json => io.say(output::typed("status", &status)),
    }
    Ok(match (status.rolled_out, status.failed) {
        (true, _) => 0,
        (false, true) => FAILED,
        (false, false) => ON_ITS_WAY,
    })
}

/// Tells a workload's controller to wait, or to go on.
pub(crate) async fn pause(
    arguments: &PauseArguments,
    io: &mut Io,
    around: &Surroundings,
) -> Outcome {
    let which = &arguments.which;
    let (cluster, workload) = find(which, around).await?;
    let changed = cluster.workloads().pause(&workload, !arguments.back).await?;
    let is = if arguments.back { "goes on" } else { "is paused" };
    match which.format.output {
        Output::Json => {
            let said = json!({ "paused": !arguments.back, "changed": changed });
            io.say(output::typed("pause", &said));
        }
        Output::Text => {
            let before = if changed { "" } else { ", as it was before" };
            io.say(format!("{workload} {is}{before}"));
            if !arguments.back {
                io.note("a rollback needs it to go on; `--back` lets it");
            }
        }
    }
    Ok(0)
}

async fn find(which: &Which, around: &Surroundings) -> Outcome<(Kubernetes, WorkloadRef)> {
    let state = StateDir::choose(&which.place, around)?;
    let cluster = Kubernetes::connect(&which.kubernetes, &state).await?;
    let workload = read(cluster.workload(which.kind.into(), &which.name))?;
    Ok((cluster, workload))
}

fn tell(io: &mut Io, workload: &WorkloadRef, status: &Status) {
    let current = status.current.as_ref().map_or_else(
        || "a version that its controller has not seen".to_owned(),
        |current| {
            let images: Vec<_> = current.images.iter().map(|(_, image)| image.as_str()).collect();
            format!("revision {} ({}), {}", current.number, current.hash, images.join(", "))
        },
    );
    io.say(format!("{workload}: {}", Printable(&current)));
    let paused = if status.paused { "paused; " } else { "" };
    io.say(format!("{paused}{}", Printable(&status.progress)));
    for owner in &status.owners {
        io.say(Printable(owner).to_string());
    }
    let head = ["POD", "VERSION", "READY", "RESTARTS", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(status.pods.iter().map(row));
    io.say(output::table(&rows));
}

fn row(pod: &PodStatus) -> Vec<String> {
    vec![
        output::safe(&pod.name),
        output::safe(&pod.version),
        if pod.ready { "yes" } else { "no" }.to_owned(),
        pod.restarts.to_string(),
        pod.trouble.as_deref().map(output::safe).unwrap_or_default(),
    ]
}
