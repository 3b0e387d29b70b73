//! What must not reach a compose command: files that say two things, explode, hang, or lead away.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stillme_rollback_core::{ErrorKind, Result};

use super::files::{self, Root};
use super::yaml;

/// How many files a project may consist of.
const FILES: usize = 100;

/// Reads a compose file and every file that it includes, extends or takes variables from, and gives
/// its document.
///
/// # Errors
/// `Rejected` naming the file: YAML that [`yaml::parse`] refuses, a remote file, one outside of the
/// root, a pipe or device, or more than 100 files. `NotFound` if `file` is not there.
pub(super) fn check(root: &Root, dir: &Path, file: &Path) -> Result<Value> {
    look_at(root, dir, file, &mut BTreeSet::new())
}

fn look_at(root: &Root, dir: &Path, file: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<Value> {
    let path = root.file(file)?;
    seen.insert(path.clone());
    if seen.len() > FILES {
        let message = "the project consists of more than 100 files";
        return Err(
            files::about(ErrorKind::Rejected, file, message).with_hint("nothing was touched")
        );
    }
    let text = files::read_text(&path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let document = yaml::parse(text).map_err(|error| {
        let path = path.display().to_string();
        error.with_context("path", stillme_rollback_core::Printable(&path).to_string())
    })?;
    let base = path.parent().unwrap_or(dir);
    for Reference { path: named, kind } in references(&document) {
        if is_remote(named) {
            let message = format!("it names a remote {kind}, which may be another one each time");
            return Err(files::about(ErrorKind::Rejected, &path, message).with_hint(
                "nothing was touched; keep a copy of it in the project, and name that",
            ));
        }
        let Some(found) = local(dir, base, named) else { continue };
        let found = root.file(&found)?;
        // Each is read once: files may well extend each other, and themselves.
        if kind == Kind::ComposeFile && !seen.contains(&found) {
            look_at(root, dir, &found, seen)?;
        }
    }
    Ok(document)
}

/// A file that another one names.
struct Reference<'a> {
    path: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ComposeFile,
    Variables,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ComposeFile => "compose file",
            Self::Variables => "file of variables",
        })
    }
}

fn references(document: &Value) -> Vec<Reference<'_>> {
    let mut found: Vec<(Kind, &Value)> = Vec::new();
    for include in items(document.get("include")) {
        found.push((Kind::ComposeFile, include));
        found.extend(include.get("env_file").map(|file| (Kind::Variables, file)));
    }
    let services = document.get("services").and_then(Value::as_object);
    for service in services.into_iter().flat_map(|services| services.values()) {
        let extends = service.get("extends").and_then(|extends| extends.get("file"));
        found.extend(extends.map(|file| (Kind::ComposeFile, file)));
        let variables = [service.get("env_file"), service.get("label_file")];
        found.extend(variables.into_iter().flatten().map(|file| (Kind::Variables, file)));
    }
    let named =
        |(kind, value)| texts(Some(value), "path").into_iter().map(move |path| (kind, path));
    found.into_iter().flat_map(named).map(|(kind, path)| Reference { path, kind }).collect()
}

/// The texts of a text, a list, or an object with this key.
fn texts<'a>(value: Option<&'a Value>, key: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for item in items(value) {
        match item {
            Value::String(text) => found.push(text.as_str()),
            Value::Object(object) => found.extend(texts(object.get(key), key)),
            _ => {}
        }
    }
    found
}

/// A list's items; of anything else, itself.
fn items(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// As Compose tells them: addresses, and repositories of git.
fn is_remote(path: &str) -> bool {
    path.contains("://") || path.starts_with("git@") || path.starts_with("github.com/")
}

/// A file on this machine, if it is there: relative to the file that names it or to the project. One
/// with a variable in its name can't be told; the compose command has a limit of time for that.
fn local(dir: &Path, base: &Path, named: &str) -> Option<PathBuf> {
    if named.contains('$') || named.starts_with('~') {
        return None;
    }
    [base, dir]
        .map(|from| from.join(named))
        .into_iter()
        .find(|path| path.symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ground {
        all: tempfile::TempDir,
    }

    impl Ground {
        fn new(files: &[(&str, &str)]) -> Self {
            let all = tempfile::tempdir().unwrap();
            std::fs::create_dir(all.path().join("shop")).unwrap();
            for (name, text) in files {
                std::fs::write(all.path().join("shop").join(name), text).unwrap();
            }
            std::fs::write(all.path().join("outside.yml"), "services: {}").unwrap();
            Self { all }
        }

        fn check(&self) -> Result<Value> {
            let dir = self.all.path().join("shop");
            check(&Root::new(&dir)?, &dir, Path::new("compose.yml"))
        }
    }

    #[test]
    fn files_that_lead_away_are_refused() {
        for (text, why) in [
            ("include: ['https://example.com/compose.yml']", "remote"),
            ("include: [{path: ['oci://example.com/x']}]", "remote"),
            ("include: ['git@example.com:x.git']", "remote"),
            ("services: {web: {extends: {file: 'github.com/x/y', service: z}}}", "remote"),
            ("include: [../outside.yml]", "outside"),
            ("include: [{path: ../outside.yml}]", "outside"),
            ("services: {web: {extends: {file: ../outside.yml, service: z}}}", "outside"),
            ("services: {web: {env_file: ../outside.yml}}", "outside"),
            ("services: {web: {env_file: [{path: /dev/zero}]}}", "outside"),
            ("services: {web: {env_file: /etc/passwd}}", "outside"),
            ("include: [twice.yml]", "twice"),
        ] {
            let ground = Ground::new(&[("compose.yml", text), ("twice.yml", "a: 1\na: 2\n")]);
            let error = ground.check().expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_pipe_is_refused_wherever_it_is_named() {
        for text in ["services: {web: {env_file: pipe}}", "include: [pipe]"] {
            let ground = Ground::new(&[("compose.yml", text)]);
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            let pipe = ground.all.path().join("shop/pipe");
            rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
            assert!(ground.check().unwrap_err().to_string().contains("no plain file"), "{text}");
        }
    }

    #[test]
    fn what_a_project_holds_is_read() {
        let text = "include: [more.yml]\nservices:\n  web:\n    extends: {file: base.yml, service: app}\n    env_file: [web.env, '${HOME}/x', {path: gone.env, required: false}]\n  app:\n    extends: {file: compose.yml, service: web}\n";
        let ground = Ground::new(&[
            ("compose.yml", text),
            ("more.yml", "include: [compose.yml]\nservices: {db: {image: x}}"),
            ("base.yml", "services: {app: {image: y}}"),
            ("web.env", "A=1"),
        ]);
        assert!(ground.check().unwrap()["services"]["web"].is_object());
    }
}
