//! The generations of the compose command, each alone on a `PATH` of its own.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// How a generation is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 1.29, as `docker-compose`
    First,
    /// A current one, as `docker-compose`
    StandAlone,
    /// A current one, as `docker compose`
    Plugin,
}

/// A generation that is here.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) kind: Kind,
    folder: TempDir,
}

impl Generation {
    /// All that are here.
    pub(crate) fn all() -> Vec<Self> {
        [Kind::First, Kind::StandAlone, Kind::Plugin].into_iter().filter_map(Self::of).collect()
    }

    /// One, if it is here.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let found = match kind {
            Kind::First => first_generation().map(|program| {
                symlink(program, bin.join("docker-compose")).unwrap();
            }),
            Kind::StandAlone => current().map(|program| {
                symlink(program, bin.join("docker-compose")).unwrap();
            }),
            Kind::Plugin => current().zip(on_path("docker")).map(|(program, docker)| {
                symlink(docker, bin.join("docker")).unwrap();
                let plugins = folder.path().join("config/cli-plugins");
                std::fs::create_dir_all(&plugins).unwrap();
                symlink(program, plugins.join("docker-compose")).unwrap();
            }),
        };
        if found.is_none() {
            let line = format!("LEFT OUT: compose {kind:?}: it is not here\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
        found.map(|()| Self { kind, folder })
    }

    /// What compose commands of this generation have in their environment.
    pub(crate) fn env(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("PATH".into(), self.folder.path().join("bin").into()),
            ("DOCKER_CONFIG".into(), self.folder.path().join("config").into()),
        ]
    }

    /// The program and its first argument.
    pub(crate) fn program(&self) -> (PathBuf, Option<&'static str>) {
        let bin = self.folder.path().join("bin");
        match self.kind {
            Kind::Plugin => (bin.join("docker"), Some("compose")),
            Kind::First | Kind::StandAlone => (bin.join("docker-compose"), None),
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Debian's is a script; a current one on the `PATH` is none.
fn first_generation() -> Option<PathBuf> {
    let program = on_path("docker-compose")?;
    let begin = std::fs::read(&program).ok()?;
    begin.starts_with(b"#!").then_some(program)
}

/// `STILLME_TEST_COMPOSE`, or the newest that the testbed built.
fn current() -> Option<PathBuf> {
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
