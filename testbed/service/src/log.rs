//! Lines for people and for the engine's log driver.

use std::io::{self, Write};

use serde_json::Value;

/// Writes one event as a line of JSON to stdout.
pub(crate) fn event(event: &Value) {
    say(&event.to_string());
}

/// Writes a line to stdout. A closed stdout must not end a service, so failures are dropped.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a line to stderr.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "testbed-service: {line}");
}
