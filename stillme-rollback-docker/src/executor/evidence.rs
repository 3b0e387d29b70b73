//! What a failed version left behind: how it ended, what it printed, what the engine saw.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use stillme_rollback_core::{Clock as _, Exhibit, HashKey, Printable, Result, SystemClock};

use crate::detail::text;
use crate::engine::{ContainerSummary, Engine, EventWindow};
use crate::names::ContainerRef;

/// Lines of the log that are kept.
const LINES: usize = 500;
/// Bytes of the log that are kept.
const BYTES: usize = 256 * 1024;
/// How long each piece may take. The service waits for its way back meanwhile.
const EACH: Duration = Duration::from_secs(2);

/// Collects it. What can't be had is said, not hidden.
pub(super) async fn collect(
    engine: &dyn Engine,
    key: &HashKey,
    container: &ContainerSummary,
) -> Result<Vec<Exhibit>> {
    let mut exhibits = Vec::new();
    let inspected = engine.inspect_container(&ContainerRef::from(&container.id)).await?;
    let Some(inspected) = inspected else { return Ok(exhibits) };
    let inspected = inspected.expose();
    exhibits.push(Exhibit::new("inspect.json", ending(inspected), redacted(inspected, key)));
    // One that does not answer must not cost the others.
    let log = within("log.txt", async {
        let log = engine.logs(&container.id, LINES, BYTES).await?;
        Ok(log.expose().clone())
    });
    let events = within("events.jsonl", events(engine, container));
    let (log, events) = tokio::join!(log, events);
    exhibits.extend([log, events]);
    Ok(exhibits)
}

async fn within(name: &str, content: impl Future<Output = Result<Vec<u8>>>) -> Exhibit {
    match tokio::time::timeout(EACH, content).await {
        Ok(Ok(content)) => Exhibit::new(name, "", content),
        Ok(Err(error)) => missing(name, &error.to_string()),
        Err(_) => missing(name, "the engine did not answer in time"),
    }
}

fn missing(name: &str, why: &str) -> Exhibit {
    Exhibit::new(name, format!("no {name}: {why}"), Vec::new())
}

async fn events(engine: &dyn Engine, container: &ContainerSummary) -> Result<Vec<u8>> {
    let created = u64::try_from(container.created).unwrap_or_default();
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(created);
    // The engine ends its answer once this is past on its own clock.
    let until = SystemClock::new().now();
    let events = engine.events(&container.id, EventWindow::new(since.min(until), until)).await?;
    let lines: Vec<_> = events.expose().iter().map(|event| bare(event).to_string()).collect();
    Ok(lines.join("\n").into_bytes())
}

/// An event without the labels that engines put into it.
fn bare(event: &Value) -> Value {
    serde_json::json!({
        "action": event.get("Action"),
        "time": event.get("timeNano"),
        "exitCode": event.pointer("/Actor/Attributes/exitCode"),
        "signal": event.pointer("/Actor/Attributes/signal"),
    })
}

/// How the container ended, in one line.
fn ending(inspected: &Value) -> String {
    let state = text(inspected, "/State/Status");
    let code = inspected.pointer("/State/ExitCode").and_then(Value::as_i64).unwrap_or_default();
    let restarts = inspected.pointer("/RestartCount").and_then(Value::as_i64).unwrap_or_default();
    let oom = inspected.pointer("/State/OOMKilled") == Some(&Value::Bool(true));
    let said = text(inspected, "/State/Error");
    let mut line =
        format!("the new container is {state}, exit code {code}, restarted {restarts} times");
    if oom {
        line.push_str(", killed because it was out of memory");
    }
    if !said.is_empty() {
        line.push_str(&format!(", the engine says: {}", Printable(said)));
    }
    line
}

/// The inspect answer with the values of environment and labels as keyed hashes, and without what
/// health checks printed.
fn redacted(inspected: &Value, key: &HashKey) -> Vec<u8> {
    let mut copy = inspected.clone();
    if let Some(Value::Array(env)) = copy.pointer_mut("/Config/Env") {
        for entry in env {
            let text = entry.as_str().unwrap_or_default();
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            *entry = Value::from(format!("{name}=<{}>", key.short_hash(value)));
        }
    }
    if let Some(Value::Object(labels)) = copy.pointer_mut("/Config/Labels") {
        for value in labels.values_mut() {
            *value =
                Value::from(format!("<{}>", key.short_hash(value.as_str().unwrap_or_default())));
        }
    }
    if let Some(Value::Array(log)) = copy.pointer_mut("/State/Health/Log") {
        for entry in log.iter_mut().filter_map(Value::as_object_mut) {
            entry.remove("Output");
        }
    }
    serde_json::to_vec_pretty(&copy).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_is_told_in_one_line() {
        let inspected = json!({
            "State": {"Status": "exited", "ExitCode": 137, "OOMKilled": true, "Error": "no\nway"},
            "RestartCount": 3,
        });
        assert_eq!(
            ending(&inspected),
            "the new container is exited, exit code 137, restarted 3 times, killed because it was out of memory, the engine says: no\\u{a}way"
        );
    }

    #[test]
    fn no_value_of_env_label_or_health_output_is_kept() {
        let inspected = json!({
            "Config": {"Env": ["TOKEN=canary-1"], "Labels": {"who": "canary-2"}},
            "State": {"Health": {"Log": [{"ExitCode": 1, "Output": "canary-3"}]}},
        });
        let kept = redacted(&inspected, &HashKey::from_bytes([1; 32]));
        let kept = String::from_utf8(kept).unwrap();
        assert!(!kept.contains("canary"), "{kept}");
        assert!(kept.contains("TOKEN=<") && kept.contains("who"), "{kept}");
    }
}
