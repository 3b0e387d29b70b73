//! Where the engine is: found as the docker command finds it, from values that are passed in.
//!
//! `DOCKER_HOST`, then `DOCKER_CONTEXT`, then `currentContext` of the configuration, then the
//! default socket. One difference, on purpose: what gives an engine to whoever listens on the way
//! (plain TCP off this machine, TLS without verification) is refused.

mod context;
mod env;
mod greeting;
mod host;
mod ssh;
pub(crate) mod stream;
mod tls;
mod tunnel;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use stillme_rollback_core::Result;
use tokio_rustls::rustls::ClientConfig;

pub use self::env::DockerEnv;
pub use self::ssh::SshHost;

/// Where an engine listens.
#[derive(Clone)]
#[non_exhaustive]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// Plain TCP, on this machine only.
    Tcp(HostPort),
    /// TCP with TLS, the server verified.
    Tls(HostPort, Arc<ClientConfig>),
    /// Another machine, through the `ssh` program and the docker command over there.
    Ssh(SshHost),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HostPort {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint that the docker command would use with these variables.
    ///
    /// # Errors
    /// `InvalidInput` for a host that can't be read, `NotFound` for a context or a certificate that
    /// is not there, `Corrupt` for a file that can't be read, `Rejected` for a way that is not safe,
    /// `Unsupported` for `npipe://` and `fd://`. Nothing was contacted.
    pub fn resolve(env: &DockerEnv) -> Result<Self> {
        env::resolve(env)
    }

    /// Whether the engine is on this machine, so that its networks may be reachable from here.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(at) | Self::Tls(at, _) => at.is_loopback(),
            // Loopback as well: behind a port of it there is often a virtual machine.
            Self::Ssh(_) => false,
        }
    }
}

impl HostPort {
    /// Whether it names this machine. Only names that can't be anything else: no look-up is made.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(at) | Self::Tls(at, _) => write!(f, "tcp://{at}"),
            Self::Ssh(at) => write!(f, "{at}"),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = if matches!(self, Self::Tls(..)) { " (TLS)" } else { "" };
        write!(f, "Endpoint({self}{tls})")
    }
}

#[cfg(test)]
mod tests;
