//! YAML of others, read with limits: it may be a bomb, or say one thing twice.

use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result};

/// The largest file that is read.
pub(super) const LARGEST_FILE: u64 = 1 << 20;

/// Nodes of a document, aliases expanded. A configuration of a thousand services has fewer.
const NODES: usize = 20_000;
/// How deep a document may nest.
const DEPTH: usize = 64;

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES,
            max_events: 2 * NODES,
            max_depth: DEPTH,
            max_documents: 1,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        with_snippet: false,
    }
}

/// A document of a file, merge keys resolved, with interpolation left as it stands.
///
/// # Errors
/// `Rejected` with the line if it is no YAML, says a key twice, or is too large once it is expanded.
/// The text itself is not cited: it may hold secrets.
pub(super) fn parse(text: &str) -> Result<Value> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let at = error.location().map(|at| format!(" at line {}", at.line())).unwrap_or_default();
        let message = format!("{}{at}", reason(&error.to_string()));
        Error::new(ErrorKind::Rejected, "read compose file", message)
            .with_hint("nothing was touched")
    })
}

/// What is wrong, without the words of the file.
fn reason(message: &str) -> &'static str {
    if message.contains("duplicate") {
        "it says the same key twice, and Compose versions differ in which they take"
    } else if message.contains("budget") || message.contains("alias") || message.contains("depth") {
        "it is too large or too deep once its aliases are expanded"
    } else {
        "it is no YAML that means one thing"
    }
}

/// The configuration in an answer of a compose command.
pub(super) fn parse_answer(answer: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(answer).ok()?;
    let mut options = options();
    // The answer of a program that was asked, with its aliases expanded already.
    options.budget = serde_saphyr::budget! { max_nodes: 50 * NODES, max_events: 100 * NODES };
    serde_saphyr::from_str_with_options(text, options).ok()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_compose_files_hold_is_read() {
        let text = "x-b: &b {restart: always}\nservices:\n  web:\n    <<: *b\n    image: app:${TAG:-v1}\n    ports: !override ['1:1']\n";
        let value = parse(text).unwrap();
        assert_eq!(value["services"]["web"]["image"], "app:${TAG:-v1}");
        assert_eq!(value["services"]["web"]["restart"], "always");
    }

    #[test]
    fn bombs_and_what_means_two_things_are_refused_and_not_cited() {
        let mut bomb = String::from("a0: &a0 [canary, canary]\n");
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
        }
        let cases = [
            ("a bomb", bomb, "expanded"),
            ("deep nesting", "[".repeat(200_000), ""),
            ("keys twice", "canary: 1\ncanary: 2\n".to_owned(), "twice"),
            ("keys twice, inside", "a: {canary: 1, canary: 2}\n".to_owned(), "twice"),
            ("no YAML", "a: [canary\nb: }".to_owned(), ""),
            ("two documents", "a: 1\n---\nb: 1\n".to_owned(), ""),
        ];
        for (name, text, why) in cases {
            let error = parse(&text).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Rejected, "{name}");
            assert!(error.to_string().contains(why), "{name}: {error}");
            assert!(!format!("{error:?}").contains("canary"), "{name}: {error:?}");
        }
    }

    #[test]
    fn usage_text_is_no_configuration() {
        let usage = b"Validate and view the Compose file.\n\nUsage: config [options]\n\nOptions:\n";
        assert!(parse_answer(usage).is_none_or(|value| !value["services"].is_object()));
    }
}
