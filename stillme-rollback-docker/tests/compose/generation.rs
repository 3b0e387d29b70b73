//! The generations of the compose command, each alone on a `PATH` of its own.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::compose_commands::{current, first_generation, on_path};

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
