//! A container's own health check, as its image or its user wrote it.

use std::time::Duration;

use serde_json::Value;

/// A health check that can be run by exec.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// What is run, without a shell beyond the one that it names itself.
    pub command: Vec<String>,
    /// How long one run may take.
    pub timeout: Duration,
    /// How long failures do not count after the start.
    pub start_period: Duration,
    /// How many failures in a row are a bad service.
    pub retries: u32,
}

impl Probe {
    /// The health check of an inspected container; `None` if it has none, or has it switched off.
    pub fn of(container: &Value) -> Option<Self> {
        let config = &container["Config"];
        let check = &config["Healthcheck"];
        let test: Vec<String> = texts(&check["Test"]);
        let (kind, rest) = test.split_first()?;
        let command = match kind.as_str() {
            "CMD" => rest.to_vec(),
            "CMD-SHELL" => {
                // The image's `SHELL`, by default that of Linux images.
                let mut command = texts(&config["Shell"]);
                if command.is_empty() {
                    command = vec!["/bin/sh".to_owned(), "-c".to_owned()];
                }
                command.extend_from_slice(rest);
                command
            }
            // `NONE`, and whatever engines may think of later.
            _ => return None,
        };
        if command.is_empty() || rest.is_empty() {
            return None;
        }
        // In nanoseconds; zero means the engine's default.
        let time =
            |name: &str| check[name].as_u64().filter(|time| *time > 0).map(Duration::from_nanos);
        Some(Self {
            command,
            timeout: time("Timeout").unwrap_or(Duration::from_secs(30)),
            start_period: time("StartPeriod").unwrap_or_default(),
            retries: check["Retries"]
                .as_u64()
                .and_then(|retries| u32::try_from(retries).ok())
                .filter(|retries| *retries > 0)
                .unwrap_or(3),
        })
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_what_the_engine_would_run() {
        for (test, shell, command) in [
            (json!(["CMD", "/check", "-a b"]), json!(null), Some(vec!["/check", "-a b"])),
            (
                json!(["CMD-SHELL", "a || exit 1"]),
                json!(null),
                Some(vec!["/bin/sh", "-c", "a || exit 1"]),
            ),
            (
                json!(["CMD-SHELL", "a"]),
                json!(["/bin/bash", "-ec"]),
                Some(vec!["/bin/bash", "-ec", "a"]),
            ),
            (json!(["NONE"]), json!(null), None),
            (json!(["CMD"]), json!(null), None),
            (json!(["CMD-SHELL"]), json!(null), None),
            (json!(["OTHER", "x"]), json!(null), None),
            (json!([]), json!(null), None),
            (json!(null), json!(null), None),
        ] {
            let container = json!({"Config": {"Healthcheck": {"Test": test}, "Shell": shell}});
            let found = Probe::of(&container).map(|probe| probe.command);
            assert_eq!(
                found,
                command.map(|c| c.into_iter().map(str::to_owned).collect()),
                "{test}"
            );
        }
        assert_eq!(Probe::of(&json!({"Config": {}})), None);
    }

    #[test]
    fn times_are_nanoseconds_and_zero_is_the_default() {
        let probe = |check: Value| Probe::of(&json!({"Config": {"Healthcheck": check}})).unwrap();
        let own = probe(
            json!({"Test": ["CMD", "x"], "Timeout": 2_000_000_000_u64, "StartPeriod": 5_000_000_000_u64, "Retries": 7}),
        );
        assert_eq!(
            (own.timeout, own.start_period, own.retries),
            (Duration::from_secs(2), Duration::from_secs(5), 7)
        );
        let default = probe(json!({"Test": ["CMD", "x"], "Timeout": 0, "Retries": 0}));
        assert_eq!(
            (default.timeout, default.start_period, default.retries),
            (Duration::from_secs(30), Duration::ZERO, 3)
        );
    }
}
