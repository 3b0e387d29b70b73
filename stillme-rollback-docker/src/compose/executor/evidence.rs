//! What failed replicas left behind: how each ended, and what it printed.

use std::time::Duration;

use stillme_rollback_core::Exhibit;

use super::super::labels::Replica;
use crate::engine::Engine;
use crate::inspect::State;

/// Replicas that are looked at; of a hundred that fail alike, a few tell.
const REPLICAS: usize = 5;
/// Lines of each log that are kept.
const LINES: usize = 500;
/// Bytes of each log that are kept.
const BYTES: usize = 256 * 1024;
/// How long each piece may take. The services wait for their way back meanwhile.
const EACH: Duration = Duration::from_secs(2);

/// Collects it. What can't be had is left out.
pub(super) async fn collect(engine: &dyn Engine, replicas: &[&Replica]) -> Vec<Exhibit> {
    let mut exhibits = Vec::new();
    for replica in replicas.iter().take(REPLICAS) {
        let looking = async {
            let inspected = engine.inspect_container(&(&replica.id).into()).await.ok()??;
            let ending = ending(&State::of(inspected.expose())?);
            let log = engine.logs(&replica.id, LINES, BYTES).await.ok();
            Some((ending, log.map(|log| log.expose().clone()).unwrap_or_default()))
        };
        if let Ok(Some((ending, log))) = tokio::time::timeout(EACH, looking).await {
            let name = format!("{}-{}.log.txt", replica.service, replica.number);
            let summary = format!("{} {} {ending}", replica.service, replica.number);
            exhibits.push(Exhibit::new(name, summary, log));
        }
    }
    exhibits
}

/// How a container ended, in one line.
fn ending(state: &State) -> String {
    let memory = if state.out_of_memory { ", killed for want of memory" } else { "" };
    format!(
        "is {}, exit code {}, restarted {} times{memory}",
        state.status, state.exit_code, state.restarts
    )
}
