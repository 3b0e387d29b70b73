//! How the story looks on a terminal.

use std::fmt::Display;
use std::time::Duration;

/// A heading.
pub(crate) fn chapter(title: &str) {
    println!("\n== {title}\n");
}

/// A paragraph.
pub(crate) fn say(text: impl Display) {
    println!("{text}");
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
