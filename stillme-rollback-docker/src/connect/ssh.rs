//! `ssh://[user@]host[:port][/path/of/socket]`: who is called, and how.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

/// An engine on another machine, reached through `ssh` and `docker system dial-stdio` over there.
///
/// Keys, known hosts, jumps and whatever else there is to say stand in the configuration of `ssh`.
/// It is never asked for a password or a passphrase: use an agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SshHost {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    socket: Option<String>,
    program: PathBuf,
}

impl SshHost {
    /// The host: a name (perhaps one of the configuration of `ssh`) or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same with another program than the `ssh` that `PATH` finds.
    #[must_use]
    pub fn with_program(self, program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..self }
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments of `ssh`. It hands those behind the host to a shell over there: none of them
    /// holds a character that means anything to one.
    pub(super) fn arguments(&self, limit: Duration) -> Vec<OsString> {
        let seconds = limit.as_secs().max(1);
        let mut arguments: Vec<OsString> = vec![
            "-T".into(),
            // There is a connection for each request: a question at each of them helps nobody.
            "-oBatchMode=yes".into(),
            format!("-oConnectTimeout={seconds}").into(),
        ];
        if let Some(user) = &self.user {
            arguments.extend(["-l".into(), user.into()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".into(), port.to_string().into()]);
        }
        arguments.extend(["--".into(), (&self.host).into(), "docker".into()]);
        if let Some(socket) = &self.socket {
            arguments.push(format!("--host=unix://{socket}").into());
        }
        arguments.extend(["system".into(), "dial-stdio".into()]);
        arguments
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.socket.as_deref().unwrap_or_default())
    }
}

/// Reads what stands behind `ssh://`. The text is never cited before it is known to hold no password.
pub(super) fn parse(rest: &str) -> Result<SshHost> {
    let (authority, socket) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(parse_user(user)?), place),
        None => (None, authority),
    };
    let (host, port) = split_port(place)?;
    Ok(SshHost {
        user,
        host: parse_host(host)?,
        port: port.filter(|port| !port.is_empty()).map(parse_port).transpose()?,
        socket: parse_socket(socket)?,
        program: "ssh".into(),
    })
}

fn parse_user(user: &str) -> Result<String> {
    if user.contains(':') {
        return Err(malformed("it has a password", "use a key and an agent"));
    }
    plain(user, b"._-+", "user")
}

fn parse_host(host: &str) -> Result<String> {
    let allowed: &[u8] = if host.contains(':') { b".:%" } else { b"._-" };
    plain(host, allowed, "host")
}

/// Letters, digits and a few more, and not taken for an option by any program on the way.
fn plain(text: &str, allowed: &[u8], what: &str) -> Result<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || allowed.contains(&b);
    if text.is_empty() || text.starts_with('-') || !text.bytes().all(fits) {
        return Err(malformed(
            format!("`{}` is no {what}", Printable(text)),
            "write it as ssh://user@host:port",
        ));
    }
    Ok(text.to_owned())
}

fn split_port(place: &str) -> Result<(&str, Option<&str>)> {
    let unclear = || {
        malformed(
            format!("`{}` is no host with a port", Printable(place)),
            "write an IPv6 address as ssh://[address]:port",
        )
    };
    if let Some(v6) = place.strip_prefix('[') {
        let (host, behind) = v6.split_once(']').ok_or_else(unclear)?;
        return match behind {
            "" => Ok((host, None)),
            port => port.strip_prefix(':').map(|port| (host, Some(port))).ok_or_else(unclear),
        };
    }
    match place.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(unclear()),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((place, None)),
    }
}

fn parse_port(port: &str) -> Result<u16> {
    // `parse` would take a sign.
    Some(port)
        .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|port| port.parse().ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| malformed("its port is not 1 to 65535", "write it as ssh://user@host:22"))
}

fn parse_socket(path: &str) -> Result<Option<String>> {
    if path.is_empty() || path == "/" {
        return Ok(None);
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"/._-+@=,:".contains(&b);
    if !path.bytes().all(fits) {
        return Err(malformed(
            format!("`{}` is no path of a socket that a shell leaves alone", Printable(path)),
            "write it as ssh://user@host/run/user/1000/docker.sock",
        ));
    }
    Ok(Some(path.to_owned()))
}

fn malformed(why: impl fmt::Display, hint: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "find engine",
        format!("the ssh:// host can't be used: {why}"),
    )
    .with_hint(format!("nothing was contacted; {hint}"))
}
