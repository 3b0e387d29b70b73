//! Hostile text as tag, name, URL, run and folder: each a typed error that stays short and prints no
//! control character, from the types and from the tool.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use stillme_rollback_core::{ErrorKind, ImageRef, RunId, StepId, Target};
use stillme_rollback_docker::ContainerName;
use stillme_rollback_docker::versions::Wanted;
use stillme_rollback_verify::HealthUrl;

/// An error of ours that cites hostile text is cut after some 500 characters, each of which may be
/// escaped to ten.
const LONGEST: usize = 8 * 1024;

fn corpus() -> Vec<String> {
    let corpus: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../testbed/corpus/hostile.json")).unwrap();
    let long = |entry: &serde_json::Value| {
        entry["text"].as_str().unwrap().repeat(entry["times"].as_u64().unwrap() as usize)
    };
    let corpus: Vec<String> = corpus.iter().map(long).collect();
    assert!(corpus.len() >= 200, "{}", corpus.len());
    corpus
}

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| {
        c == '\n'
            || !(c.is_control()
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || ('\u{2028}'..='\u{202e}').contains(&c)
                || ('\u{2060}'..='\u{206f}').contains(&c)
                || c == '\u{feff}')
    })
}

fn check(what: &str, input: &str, error: Option<stillme_rollback_core::Error>) {
    let start: String = input.chars().take(40).collect();
    let Some(error) = error else { panic!("{start:?} was taken as {what}") };
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what} {start:?}: {error}");
    let text = error.to_string();
    assert!(text.len() <= LONGEST, "{what} {start:?}: {} bytes", text.len());
    assert!(is_printable(&text), "{what} {start:?}: {text:?}");
}

/// What is harmless as one kind of name may be hostile as another.
fn is_tag_or_name(text: &str) -> bool {
    matches!(text, "_" | "__")
}

#[test]
fn no_type_takes_hostile_text() {
    let image: ImageRef = "app:v1".parse().unwrap();
    for text in corpus().iter().filter(|text| !is_tag_or_name(text)) {
        check("a tag", text, image.with_tag(text).err());
        check("a reference", text, text.parse::<ImageRef>().err());
        check("a container name", text, ContainerName::new(text.as_str()).err());
        check("a run", text, text.parse::<RunId>().err());
        check("a step", text, StepId::new(text).err());
        check("a wanted release", text, text.parse::<Wanted>().err());
    }
}

#[test]
fn no_target_and_no_url_of_hostile_text_steers_anything() {
    for text in corpus() {
        // Slashes, dots and colons are words of a scope; what could steer a terminal or shell is not.
        if let Ok(target) = Target::new("docker", "e", &text) {
            let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._-:/@+".contains(&b);
            assert!(target.name().bytes().all(harmless), "{text:?}");
        }
        if let Ok(url) = text.parse::<HealthUrl>() {
            let shown = url.to_string();
            assert!(shown.is_ascii() && is_printable(&shown), "{text:?} is shown as {shown:?}");
        }
    }
}

/// The tool with hostile text at every place that takes text: it ends by itself, with an error's exit
/// code, in few and printable words, and makes nothing.
#[test]
fn the_tool_refuses_hostile_text_in_few_words() {
    let folder = tempfile::tempdir().unwrap();
    for text in corpus() {
        // Arguments of processes end at a zero byte, and have a limit of 128 KiB.
        if text.contains('\0') {
            continue;
        }
        for arguments in [
            vec!["docker", "--to", "v1", "--plan", "--", &text],
            vec!["docker", "rbtest-none", "--plan", &format!("--to={text}")],
            vec!["docker", "rbtest-none", "--to=v1", "--plan", &format!("--health-url={text}")],
            vec!["docker", "rbtest-none", "--to=v1", &format!("--approve={text}")],
            vec!["docker", "rbtest-none", "--to=v1", "--plan", &format!("--deadline={text}")],
            vec!["show", "--", &text],
            vec!["abort", "--", &text],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_rollback"))
                .args(&arguments)
                .env("STILLME_ROLLBACK_JOURNAL_DIR", folder.path())
                // No engine is asked: nothing listens there.
                .env("DOCKER_HOST", "unix:///nonexistent/engine.sock")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout);
            let shown: String = arguments.join(" ").chars().take(90).collect();
            let code = output.status.code().unwrap_or_else(|| panic!("{shown:?} was killed"));
            assert!(matches!(code, 1 | 2 | 13), "{shown:?} ended with {code}: {said}");
            assert!(!said.contains("panicked"), "{shown:?}: {said}");
            assert!(said.len() <= 2 * LONGEST, "{shown:?}: {} bytes", said.len());
            assert!(is_printable(&said), "{shown:?}: {said:?}");
        }
    }
    let pwned = std::path::Path::new("/tmp/pwned");
    assert!(!pwned.exists(), "something was run");
}
