//! `DOCKER_HOST` and a context's host, read as the docker command reads them.

use std::path::PathBuf;

use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use super::{Endpoint, HostPort, SshHost, ssh};

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// A host before anything is known of its certificates.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Unix(PathBuf),
    Tcp(HostPort),
    Ssh(SshHost),
}

/// Reads a host. Empty is the default socket; without a scheme it is TCP.
pub(super) fn parse(text: &str, with_tls: bool) -> Result<Parsed> {
    if text.is_empty() {
        return Ok(Parsed::Unix(PathBuf::from(DEFAULT_SOCKET)));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    match scheme {
        "unix" if rest.is_empty() => Ok(Parsed::Unix(PathBuf::from(DEFAULT_SOCKET))),
        "unix" => Ok(Parsed::Unix(PathBuf::from(rest))),
        "tcp" => parse_tcp(text, rest, with_tls).map(Parsed::Tcp),
        "ssh" => ssh::parse(rest).map(Parsed::Ssh),
        "npipe" | "fd" => Err(Error::new(
            ErrorKind::Unsupported,
            "find engine",
            format!("`{scheme}://` is not supported"),
        )
        .with_hint("nothing was contacted; use unix://, ssh://, or tcp:// with TLS")),
        _ => Err(malformed(text, "begins with none of unix://, tcp:// and ssh://")),
    }
}

fn parse_tcp(text: &str, rest: &str, with_tls: bool) -> Result<HostPort> {
    let default_port = if with_tls { TLS_PORT } else { PLAIN_PORT };
    if rest.contains(['/', '?', '#', '@']) {
        return Err(malformed(text, "has more than a host and a port"));
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(v6) => {
            let (host, port) =
                v6.split_once(']').ok_or_else(|| malformed(text, "has a `[` without a `]`"))?;
            let port = match port {
                "" => None,
                port => Some(
                    port.strip_prefix(':')
                        .ok_or_else(|| malformed(text, "has something behind its `]`"))?,
                ),
            };
            (host, port)
        }
        None => match rest.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(malformed(text, "has an IPv6 address without `[` and `]`"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let port = match port {
        None | Some("") => default_port,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| malformed(text, "has a port that is not 1 to 65535"))?,
    };
    let host = if host.is_empty() { "localhost" } else { host };
    let fits = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:%".contains(&b));
    if !fits {
        return Err(malformed(text, "has a host with characters that no host has"));
    }
    Ok(HostPort { host: host.to_owned(), port })
}

/// A way without TLS: only to this machine. Who reaches an engine is root on its machine.
pub(super) fn plain(at: HostPort) -> Result<Endpoint> {
    if at.is_loopback() {
        return Ok(Endpoint::Tcp(at));
    }
    Err(Error::new(
        ErrorKind::Rejected,
        "find engine",
        format!(
            "tcp://{at} is plain TCP to another machine: anybody on the way could take it over"
        ),
    )
    .with_hint(
        "nothing was contacted; set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or forward the \
         engine's socket to this machine",
    ))
}

fn malformed(text: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "find engine",
        format!("the host `{}` {why}", Printable(text)),
    )
    .with_hint(
        "nothing was contacted; write it as unix:///path, tcp://host:port or ssh://user@host",
    )
}
