//! Docker contexts: `config.json`, and the folders `contexts/meta` and `contexts/tls`.

use std::io::{ErrorKind as IoKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

/// The name of the context that is made of variables.
pub(super) const DEFAULT: &str = "default";

/// No configuration of people is longer. (It may hold many registries.)
const LONGEST_FILE: u64 = 4 << 20;

/// A context as far as it says where the engine is.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) host: String,
    pub(super) skips_verification: bool,
    /// The folder of its certificates, if it has any.
    pub(super) tls_folder: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The context that the configuration names, if it names one.
///
/// The docker command warns of a configuration that it can't read and takes the default engine: that
/// may be the wrong one, so here it is an error.
pub(super) fn current(folder: &Path) -> Result<Option<String>> {
    let config: Option<Config> = read_json(&folder.join("config.json"))?;
    Ok(config.map(|config| config.current_context).filter(|name| !name.is_empty()))
}

/// The context of this name.
pub(super) fn read(folder: &Path, name: &str) -> Result<Context> {
    // Folders are called by the hash of the name, so that no name can leave them.
    let id = hex(&Sha256::digest(name.as_bytes()));
    let contexts = folder.join("contexts");
    let meta: Meta = read_json(&contexts.join("meta").join(&id).join("meta.json"))?
        .ok_or_else(|| not_found(name, "does not exist"))?;
    let docker = meta.endpoints.docker.ok_or_else(|| not_found(name, "has no docker endpoint"))?;
    let tls_folder = contexts.join("tls").join(&id).join("docker");
    Ok(Context {
        host: docker.host.trim().to_owned(),
        skips_verification: docker.skip_tls_verify,
        tls_folder: tls_folder.is_dir().then_some(tls_folder),
    })
}

fn not_found(name: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "find engine",
        format!("the docker context `{}` {why}", Printable(name)),
    )
    .with_hint("nothing was contacted; `docker context ls` lists them")
}

/// A file's JSON; `None` if there is no such file.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Corrupt, "find engine", "a docker configuration can't be read")
            .with_context("file", path.display().to_string())
            .with_hint("nothing was contacted; set DOCKER_HOST to do without it")
            .with_source(source)
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error.into())),
    };
    let mut text = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut text).map_err(|error| unreadable(error.into()))?;
    // The file may hold passwords of registries: an error of serde_json cites positions, and for a
    // wrong type the value. Only the position is kept.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        unreadable(
            format!("no valid JSON at line {}, column {}", error.line(), error.column()).into(),
        )
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
