//! The variables, and what they lead to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use stillme_rollback_core::{Error, ErrorKind, Result};

use super::host::{self, Parsed};
use super::{Endpoint, context, tls};

/// The variables of the docker command, as values. [`from_env`](Self::from_env) is the one place of
/// this crate that reads the process's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerEnv {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_TLS_VERIFY` is set and not empty.
    pub tls_verify: bool,
    /// `DOCKER_TLS` is set and not empty.
    pub tls: bool,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, by default `.docker` in the home folder.
    pub config_dir: Option<PathBuf>,
}

impl DockerEnv {
    /// The variables of this process.
    ///
    /// # Errors
    /// As for [`from_vars`](Self::from_vars).
    pub fn from_env() -> Result<Self> {
        Self::from_vars(|name| std::env::var_os(name))
    }

    /// The variables as `look_up` gives them. An empty one is the same as none.
    ///
    /// # Errors
    /// `InvalidInput` for a host or context that is not UTF-8.
    pub fn from_vars(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let set = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let text = |name: &'static str| {
            set(name).map(OsString::into_string).transpose().map_err(|_| {
                Error::new(ErrorKind::InvalidInput, "find engine", format!("{name} is not UTF-8"))
            })
        };
        Ok(Self {
            host: text("DOCKER_HOST")?,
            context: text("DOCKER_CONTEXT")?,
            tls_verify: set("DOCKER_TLS_VERIFY").is_some(),
            tls: set("DOCKER_TLS").is_some(),
            cert_path: set("DOCKER_CERT_PATH").map(PathBuf::from),
            config_dir: set("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker"))),
        })
    }
}

/// See [`Endpoint::resolve`].
pub(super) fn resolve(env: &DockerEnv) -> Result<Endpoint> {
    // The docker command trims the host, and takes one of blanks only for its default.
    if let Some(host) = &env.host {
        return from_variables(env, host.trim());
    }
    let name = match &env.context {
        Some(name) => Some(name.clone()),
        None => env.config_dir.as_deref().map(context::current).transpose()?.flatten(),
    };
    match (name, &env.config_dir) {
        (None, _) => from_variables(env, ""),
        (Some(name), _) if name == context::DEFAULT => from_variables(env, ""),
        (Some(name), Some(folder)) => from_context(folder, &name),
        (Some(name), None) => Err(Error::new(
            ErrorKind::NotFound,
            "find engine",
            format!("the context `{name}` was asked for and there is no folder of contexts"),
        )
        .with_hint("set HOME or DOCKER_CONFIG")),
    }
}

/// The default context: its certificates come from `DOCKER_CERT_PATH` or the configuration.
fn from_variables(env: &DockerEnv, host: &str) -> Result<Endpoint> {
    let with_tls = env.tls_verify || env.tls;
    let at = match host::parse(host, with_tls)? {
        Parsed::Unix(path) => return Ok(Endpoint::Unix(path)),
        Parsed::Ssh(at) => return Ok(Endpoint::Ssh(at)),
        Parsed::Tcp(at) => at,
    };
    if !with_tls {
        return host::plain(at);
    }
    if !env.tls_verify {
        return Err(tls::unverified("DOCKER_TLS without DOCKER_TLS_VERIFY"));
    }
    let folder = env.cert_path.as_ref().or(env.config_dir.as_ref()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "find engine", "TLS is on and there are no certificates")
            .with_hint("set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem")
    })?;
    Ok(Endpoint::Tls(at, tls::from_folder(folder)?))
}

/// A context of its own: nothing but its name comes from variables.
fn from_context(folder: &Path, name: &str) -> Result<Endpoint> {
    let context = context::read(folder, name)?;
    let tls_folder = context.tls_folder.as_deref();
    match host::parse(&context.host, tls_folder.is_some())? {
        Parsed::Unix(path) => Ok(Endpoint::Unix(path)),
        Parsed::Ssh(at) => Ok(Endpoint::Ssh(at)),
        Parsed::Tcp(_) if context.skips_verification => {
            Err(tls::unverified(&format!("the context `{name}`")))
        }
        Parsed::Tcp(at) => match tls_folder {
            Some(folder) => Ok(Endpoint::Tls(at, tls::from_folder(folder)?)),
            None => host::plain(at),
        },
    }
}
