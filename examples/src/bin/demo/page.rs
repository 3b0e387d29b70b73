//! How the story looks on a terminal.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

/// A heading.
pub(crate) fn chapter(title: &str) {
    println!("\n== {title}\n");
}

/// A paragraph.
pub(crate) fn say(text: impl Display) {
    println!("{text}");
}

/// What is no part of the story, on stderr. Never fails: with its terminal gone the demo still has to
/// clean up.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Somebody else's text, set apart.
pub(crate) fn quote(text: impl Display) {
    for line in text.to_string().lines() {
        println!("{}", format!("    {line}").trim_end());
    }
}

/// `1.24 s`, `35 ms`.
pub(crate) fn span(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}
