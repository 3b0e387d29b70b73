//! Many Deployments in one process.

use std::time::{Duration, Instant};

use stillme_rollback_core::event::{Cursor, EventKind};
use stillme_rollback_core::{EndState, Step};
use tokio::task::JoinSet;

use crate::namespace::Namespace;
use crate::ours::Ours;
use crate::plane::Plane;
use crate::{Failure, bare, kubectl};

/// How many Deployments kubectl's loop is measured on: it takes the same for each.
const OF_KUBECTL: usize = 50;

/// Takes all of them back at once, and as many as bare requests.
pub(crate) async fn measure(
    plane: &Plane,
    namespace: &Namespace,
    ours: &Ours,
    count: usize,
) -> Result<(), Failure> {
    let names: Vec<_> = (0..count).map(|number| format!("fleet-{number}")).collect();
    for name in &names {
        namespace.create("deployments", name, "shop/fleet:v1", 1).await?;
    }
    deployed(namespace, ours, &names, "shop/fleet:v2").await?;
    let before = resident()?;
    let (accepted, done) = all_at_once(ours, &names).await?;
    let grown = resident()?.saturating_sub(before);

    deployed(namespace, ours, &names, "shop/fleet:v3").await?;
    let began = Instant::now();
    let mut runs = JoinSet::new();
    for name in &names {
        let (executor, name) = (ours.executor.clone(), name.clone());
        runs.spawn(async move { bare::go_back(&executor, &name).await });
    }
    while let Some(run) = runs.join_next().await {
        run??;
    }
    let floor = began.elapsed();

    deployed(namespace, ours, &names, "shop/fleet:v4").await?;
    let began = Instant::now();
    let few = names.iter().take(OF_KUBECTL);
    for name in few.clone() {
        kubectl::undo(plane, name).await?;
    }
    let each = began.elapsed() / u32::try_from(few.count().max(1))?;
    let kubectl = each * u32::try_from(count)?;
    let times = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("{count} Deployments in one process:");
    println!(
        "  all patches accepted after    {accepted:>8.2?}   {:.1} x sooner than a loop of kubectl rollout undo ({kubectl:.1?}: {each:.0?} each, on {OF_KUBECTL})",
        times(kubectl, accepted)
    );
    println!(
        "  all done and verified after   {done:>8.2?}   {:.2} x the bare requests ({floor:.2?})",
        times(done, floor)
    );
    println!("  memory grew by                {:>5.1} MiB", bytes_to_mib(grown));
    Ok(())
}

/// Deploys to all of them, and waits.
async fn deployed(
    namespace: &Namespace,
    ours: &Ours,
    names: &[String],
    image: &str,
) -> Result<(), Failure> {
    for name in names {
        ours.rolled_out(name).await?;
        namespace.deploy("deployments", name, image).await?;
    }
    for name in names {
        ours.rolled_out(name).await?;
    }
    Ok(())
}

/// Until all patches were accepted, and until all runs ended.
async fn all_at_once(ours: &Ours, names: &[String]) -> Result<(Duration, Duration), Failure> {
    // Planned before, as the loop of kubectl has its list before.
    let mut plans = Vec::new();
    for name in names {
        let history = ours.executor.history(&Ours::named(name)?).await?;
        let to = history.others().next().ok_or("no other revision")?.number;
        plans.push(ours.plan(name, &stillme_rollback_k8s::Wanted::Number(to)).await?);
    }
    let began = Instant::now();
    let mut runs = JoinSet::new();
    for plan in plans {
        let engine = ours.engine.clone();
        let first = plan.steps.first().map(|step: &Step| step.id.clone());
        runs.spawn(async move {
            let handle = engine.start(plan, None).await?;
            let events = handle.events();
            let (mut cursor, mut accepted) = (Cursor::default(), None);
            loop {
                let news = events.news(cursor).await;
                let is_it = news.events.iter().any(|event| {
                    matches!(&event.kind, EventKind::StepFinished { step, .. } if Some(step) == first.as_ref())
                });
                if is_it {
                    accepted = Some(began.elapsed());
                }
                cursor = news.cursor;
                if news.closed {
                    break;
                }
            }
            let report = handle.wait().await?;
            if report.state == Some(EndState::RolledBack) {
                return Ok(accepted.unwrap_or_else(|| began.elapsed()));
            }
            Err::<_, Failure>(format!("{report}").into())
        });
    }
    let mut accepted = Duration::ZERO;
    while let Some(run) = runs.join_next().await {
        accepted = accepted.max(run??);
    }
    Ok((accepted, began.elapsed()))
}

/// The memory that this process has, in bytes.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    Ok(kib.ok_or("no VmHWM")? * 1024)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn bytes_to_mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
