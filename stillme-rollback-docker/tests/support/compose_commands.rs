//! Where the compose commands are that tests use.

#![allow(dead_code, reason = "each test program uses its part of it")]

use std::path::{Path, PathBuf};

/// A program on the `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The first generation: Debian's is a script; a current one on the `PATH` is none.
///
/// # Panics
/// If there is none and `STILLME_TEST_COMPOSE_1=required` says that there must be.
pub(crate) fn first_generation() -> Option<PathBuf> {
    let program = on_path("docker-compose");
    let found = program
        .filter(|program| std::fs::read(program).is_ok_and(|content| content.starts_with(b"#!")));
    let required = std::env::var("STILLME_TEST_COMPOSE_1").is_ok_and(|is| is == "required");
    assert!(found.is_some() || !required, "STILLME_TEST_COMPOSE_1=required, and there is none");
    found
}

/// A current one: `STILLME_TEST_COMPOSE`, or the newest that the testbed built.
pub(crate) fn current() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("STILLME_TEST_COMPOSE") {
        return Some(PathBuf::from(named));
    }
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => Path::new(&std::env::var_os("HOME")?).join(".cache"),
    };
    let builds = std::fs::read_dir(cache.join("stillme-rollback/engine")).ok()?;
    let programs = builds.flatten().map(|build| build.path().join("bin/docker-compose"));
    programs
        .filter(|program| program.is_file())
        .max_by_key(|program| program.metadata().and_then(|metadata| metadata.modified()).ok())
}
