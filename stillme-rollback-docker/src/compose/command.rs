//! The compose command, whatever generation is installed: where it is found, what it is asked, and how
//! its answers are checked. All that depends on the version is in this file.
//!
//! The first generation (1.x, in Python) answers an option that it does not know with its usage text
//! and exit code 0, has no JSON output, and takes one `--env-file`. So nothing is believed for its
//! exit code: every answer must look like what was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Disposition, Error, ErrorKind, Printable, Result, Secret};

use super::definition::Definition;
use super::names::{ServiceName, Services};
use super::process::{Ended, Launch, Process, System};
use super::version::{ComposeVersion, Flavour};
use super::yaml;
use crate::engine::EngineInfo;
use crate::names::ContainerId;

/// How long a question may take: the first generation needs a second on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of an error that are shown.
const SHOWN: usize = 5;

/// A compose command that is installed.
#[derive(Clone)]
pub struct Compose {
    pub(super) flavour: Flavour,
    pub(super) version: ComposeVersion,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) patience: Duration,
    pub(super) launch: Arc<dyn Launch>,
}

impl fmt::Debug for Compose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compose")
            .field("flavour", &self.flavour)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Compose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.flavour {
            Flavour::Plugin => "docker compose",
            Flavour::StandAlone => "docker-compose",
        };
        write!(f, "{name} {}", self.version)
    }
}

/// Which command made containers, or a plan: the one to be used again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComposeId {
    /// How it is called.
    pub flavour: Flavour,
    /// Its version.
    pub version: ComposeVersion,
}

impl Compose {
    /// The commands that are installed: the plugin first, as its users are told to prefer it. They run
    /// in this process's environment, where `DOCKER_HOST` and the files' variables come from; `env` is
    /// laid over it. No question to them may take longer than `patience`.
    ///
    /// # Errors
    /// `NotFound` if there is none, saying what was tried.
    pub async fn installed_in_env(
        env: &[(OsString, OsString)],
        patience: Duration,
    ) -> Result<Vec<Self>> {
        Self::installed(env, patience, &(Arc::new(System) as Arc<dyn Launch>)).await
    }

    /// The same, of the commands that `launch` knows.
    pub(super) async fn installed(
        env: &[(OsString, OsString)],
        patience: Duration,
        launch: &Arc<dyn Launch>,
    ) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        let mut tried = Vec::new();
        for flavour in [Flavour::Plugin, Flavour::StandAlone] {
            match ask_version(flavour, env, patience, launch.as_ref()).await {
                Ok(version) => {
                    let (env, launch) = (env.to_vec(), Arc::clone(launch));
                    found.push(Self { flavour, version, env, patience, launch });
                }
                Err(error) => tried.push(error),
            }
        }
        if found.is_empty() {
            let mut error = Error::new(
                ErrorKind::NotFound,
                "find compose",
                "neither `docker compose` nor `docker-compose` says its version",
            )
            .with_hint("nothing was touched; install one of them, then try again");
            if let Some(why) = tried.pop() {
                error = error.with_source(why);
            }
            return Err(error);
        }
        Ok(found)
    }

    /// Which command it is.
    pub fn id(&self) -> ComposeId {
        ComposeId { flavour: self.flavour, version: self.version.clone() }
    }

    /// Its version.
    pub fn version(&self) -> &ComposeVersion {
        &self.version
    }

    /// Whether an overlay must have the `version` of the file under it.
    pub(super) fn wants_file_version(&self) -> bool {
        self.version.is_first_generation()
    }

    /// Whether it can recreate containers on an engine.
    ///
    /// The first generation can't where images are kept in containerd's store: it reads the old
    /// image's `ContainerConfig`, which those do not have, after it has stopped and renamed the container.
    pub(super) fn recreates_on(&self, engine: &EngineInfo) -> bool {
        !(self.version.is_first_generation() && engine.containerd_store)
    }

    /// The services' configuration hashes, as they would stand on their containers.
    pub(super) async fn hashes(
        &self,
        definition: &Definition,
        over: &[PathBuf],
        services: &Services,
    ) -> Result<BTreeMap<ServiceName, String>> {
        let doing = "compute configuration hashes";
        let list: Vec<_> = services.iter().map(ServiceName::as_str).collect();
        let process = self.on(definition, over)?.arg("config").arg("--hash").arg(list.join(","));
        let ended = self.ask(doing, &process).await?;
        let text = String::from_utf8_lossy(ended.out.expose()).into_owned();
        let hashes = read_hashes(&text);
        match services.iter().find(|service| !hashes.contains_key(*service)) {
            None => Ok(hashes),
            Some(missing) => Err(self.strange(doing, &format!("no hash of `{missing}`"))),
        }
    }

    /// The whole configuration as Compose resolves it. It holds the services' secrets.
    pub(super) async fn config(
        &self,
        definition: &Definition,
        over: &[PathBuf],
    ) -> Result<Secret<Value>> {
        let doing = "resolve configuration";
        let process = self.on(definition, over)?.arg("config");
        let config = if self.version.is_first_generation() {
            let ended = self.ask(doing, &process).await?;
            yaml::parse_answer(ended.out.expose())
        } else {
            let ended = self.ask(doing, &process.args(["--format", "json"])).await?;
            serde_json::from_slice(ended.out.expose()).ok()
        };
        match config {
            Some(config) if config["services"].is_object() => Ok(Secret::new(config)),
            // Its usage text parses as YAML, too, but has no services.
            _ => Err(self.strange(doing, "no configuration")),
        }
    }

    /// The containers that it sees of a project, of `compose run` included.
    pub(super) async fn containers(
        &self,
        definition: &Definition,
    ) -> Result<BTreeSet<ContainerId>> {
        let doing = "list the project's containers";
        let process = self.on(definition, &[])?.args(["ps", "--all", "--quiet"]);
        let ended = self.ask(doing, &process).await?;
        let text = String::from_utf8_lossy(ended.out.expose()).into_owned();
        let ids: Result<_> = text.split_whitespace().map(ContainerId::new).collect();
        ids.map_err(|_| self.strange(doing, "something that is no id of a container"))
    }

    /// Brings services up with as many replicas as they have: nothing is built or pulled, and no other
    /// service is touched. `held` is kept open by the command for as long as it lives.
    pub(super) async fn up(
        &self,
        definition: &Definition,
        over: &[PathBuf],
        replicas: &BTreeMap<ServiceName, usize>,
        limit: Duration,
        held: File,
    ) -> Result<()> {
        let doing = "bring services up";
        let process = self.upping(definition, over, replicas)?;
        let ended = self.launch.run(&process, doing, limit, Some(held)).await?;
        if ended.status.success() {
            return Ok(());
        }
        let said = said_by_engine(ended.err.expose());
        let error = Error::new(ErrorKind::Rejected, doing, "the compose command failed")
            .with_disposition(after_failure(said.is_some(), replicas.values().sum()))
            .with_context("command", self.to_string());
        match said {
            Some(said) => Err(error.with_context("it says", said)),
            None => Err(error),
        }
    }

    /// The same command for an operator.
    pub(super) fn up_by_hand(
        &self,
        definition: &Definition,
        over: &[PathBuf],
        replicas: &BTreeMap<ServiceName, usize>,
    ) -> Result<String> {
        Ok(shown(&self.upping(definition, over, replicas)?))
    }

    fn upping(
        &self,
        definition: &Definition,
        over: &[PathBuf],
        replicas: &BTreeMap<ServiceName, usize>,
    ) -> Result<Process> {
        let up = ["up", "--detach", "--no-deps", "--no-build"];
        let mut process = self.on(definition, over)?.args(up);
        if !self.version.is_first_generation() {
            process = process.args(["--pull", "never"]);
        }
        // Without it a service goes back to the number in its file.
        for (service, count) in replicas {
            process = process.arg("--scale").arg(format!("{service}={count}"));
        }
        // A service's name is no option: it begins with a letter or digit.
        Ok(process.args(replicas.keys().map(ServiceName::as_str)))
    }

    /// `-p … --project-directory … -f …`, in the project's folder.
    fn on(&self, definition: &Definition, over: &[PathBuf]) -> Result<Process> {
        if self.version.is_first_generation() && definition.env_files.len() > 1 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "call compose",
                format!("{self} takes one --env-file, and there are several"),
            )
            .with_hint("nothing was touched; put them into one file, or install a newer compose"));
        }
        let mut process = program(self.flavour, &self.env)
            .arg("--project-name")
            .arg(definition.project.as_str())
            .arg("--project-directory")
            .arg(&definition.dir);
        for profile in &definition.profiles {
            process = process.arg("--profile").arg(profile);
        }
        for file in &definition.env_files {
            process = process.arg("--env-file").arg(file);
        }
        for file in definition.files.iter().chain(over) {
            process = process.arg("--file").arg(file);
        }
        process.dir = Some(definition.dir.clone());
        Ok(process)
    }

    async fn ask(&self, doing: &str, process: &Process) -> Result<Ended> {
        let ended =
            self.launch.run(process, doing, self.patience, None).await.map_err(|error| {
                // It only read.
                let kind = error.kind();
                Error::new(kind, doing, "the compose command gave no answer")
                    .with_disposition(Disposition::Retry)
                    .with_hint("nothing was touched")
                    .with_source(error)
            })?;
        if ended.status.success() {
            return Ok(ended);
        }
        // What it prints may cite values of the environment.
        Err(Error::new(
            ErrorKind::Rejected,
            doing,
            format!("{self} refuses the files (exit code {})", code(&ended)),
        )
        .with_hint(format!("nothing was touched; see what it says: `{}`", shown(process))))
    }

    fn strange(&self, doing: &str, what: &str) -> Error {
        Error::new(ErrorKind::Corrupt, doing, format!("{self} answered with {what}"))
            .with_hint("nothing was touched; see what it says when it is called by hand")
    }
}

fn program(flavour: Flavour, env: &[(OsString, OsString)]) -> Process {
    let (name, first) = match flavour {
        Flavour::Plugin => ("docker", Some("compose")),
        Flavour::StandAlone => ("docker-compose", None),
    };
    let mut process = Process::new(&found_on_path(name, env)).args(first);
    process.env = env.to_vec();
    process
}

/// Where a program is by the `PATH` in `env`. Without one there, the system looks in this process's.
fn found_on_path(name: &str, env: &[(OsString, OsString)]) -> PathBuf {
    let path = env.iter().rev().find(|(key, _)| key == OsStr::new("PATH"));
    let Some((_, path)) = path else { return PathBuf::from(name) };
    let found = std::env::split_paths(path).map(|dir| dir.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| Path::new("/nonexistent").join(name))
}

async fn ask_version(
    flavour: Flavour,
    env: &[(OsString, OsString)],
    patience: Duration,
    launch: &dyn Launch,
) -> Result<ComposeVersion> {
    let process = program(flavour, env).args(["version", "--short"]);
    let ended = launch.run(&process, "ask compose for its version", patience, None).await?;
    let text = String::from_utf8_lossy(ended.out.expose()).into_owned();
    if !ended.status.success() {
        let message = format!("exit code {}", code(&ended));
        return Err(Error::new(ErrorKind::Rejected, "ask compose for its version", message));
    }
    ComposeVersion::new(&text)
}

fn code(ended: &Ended) -> String {
    ended.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string())
}

/// A question as an operator can repeat it.
fn shown(process: &Process) -> String {
    let arguments = process.arguments.iter().map(|argument| argument.to_string_lossy());
    let all: Vec<_> = std::iter::once(process.program.to_string_lossy()).chain(arguments).collect();
    Printable(&all.join(" ")).to_string()
}

/// Lines of a service's name and 64 hexadecimal digits; all others are no hashes.
fn read_hashes(text: &str) -> BTreeMap<ServiceName, String> {
    let read = |line: &str| {
        let (service, hash) = line.trim().split_once(' ')?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        is_hash.then(|| Some((ServiceName::new(service).ok()?, hash.to_owned()))).flatten()
    };
    text.lines().filter_map(read).collect()
}

/// What may still come of an `up` that failed. A request that the engine has answered is over. One to
/// which no answer came is not, nor are those for other containers, which Compose drops at the first error.
const fn after_failure(answered: bool, containers: usize) -> Disposition {
    if answered && containers == 1 { Disposition::Permanent } else { Disposition::InDoubt }
}

/// The lines that repeat what the engine answered. The others may cite the configuration.
fn said_by_engine(err: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(err);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| {
            line.contains("Error response from daemon") || line.contains("Cannot start service")
        })
        .take(SHOWN)
        .map(|line| Printable(line.trim()).to_string())
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_are_versions() {
        for (text, version) in
            [("1.29.2\n", "1.29.2"), ("v5.6.0", "5.6.0"), ("2.40.3+ds1-0", "2.40.3+ds1-0")]
        {
            assert_eq!(ComposeVersion::new(text).unwrap().as_str(), version);
        }
        let usage = "Define and run multi-container applications with Docker.\n\nUsage:";
        for text in ["", "dev", "1", "1.x", usage, "1.2.3\nmore", "1.2;id"] {
            assert!(ComposeVersion::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn usage_text_holds_no_hashes() {
        let hash = "ab".repeat(32);
        let text = format!(
            "web {hash}\ndb.1 {hash}\nUsage: config [options]\n    --hash=\"*\"  Print\nweb 12\n"
        );
        let hashes = read_hashes(&text);
        assert_eq!(hashes.keys().map(ServiceName::as_str).collect::<Vec<_>>(), ["db.1", "web"]);
    }

    #[test]
    fn only_what_the_engine_has_answered_is_over() {
        for (answered, containers, over) in
            [(true, 1, true), (true, 2, false), (false, 1, false), (false, 2, false)]
        {
            let is_over = after_failure(answered, containers) == Disposition::Permanent;
            assert_eq!(is_over, over, "{answered} {containers}");
        }
    }

    #[test]
    fn of_an_error_only_what_the_engine_said_is_shown() {
        let text = b"DB_PASSWORD=canary is wrong\nERROR: for web  Cannot start service web: port is taken\n";
        let shown = said_by_engine(text).unwrap();
        assert!(shown.contains("port is taken") && !shown.contains("canary"), "{shown}");
        assert_eq!(said_by_engine(b"canary"), None);
    }
}
