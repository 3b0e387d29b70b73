//! The probe that a container's `HEALTHCHECK` executes: an image made `FROM scratch` has neither
//! shell nor curl.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Config;
use crate::log;

/// For connecting, and again for each read and write.
const LIMIT: Duration = Duration::from_secs(2);

/// Longest answer that is read, in bytes.
const MOST: u64 = 64 * 1024;

/// Asks the service in the same container, prints what it said (the engine keeps that as the
/// check's log), and succeeds on a status of 2xx. Failures exit with 1: engines reserve 2.
pub(crate) fn run(config: &Config, path: &str) -> ExitCode {
    match get(config.own_address(), path) {
        Ok(answer) => {
            log::say(summary(&answer));
            if is_success(&answer) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            log::complain(&format!("GET {path} from {}: {error}", config.own_address()));
            ExitCode::FAILURE
        }
    }
}

fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path"));
    }
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MOST).read_to_string(&mut answer)?;
    Ok(answer)
}

fn is_success(answer: &str) -> bool {
    let mut words = answer.split(' ');
    let (version, status) = (words.next(), words.next());
    version == Some("HTTP/1.1")
        && status.is_some_and(|status| status.len() == 3 && status.starts_with('2'))
}

/// The body.
fn summary(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or(answer, |(_, body)| body).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_success() {
        for (answer, good) in [
            ("HTTP/1.1 200 OK\r\n\r\nx", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", true),
            ("HTTP/1.1 302 Found\r\n\r\n", false),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
            ("HTTP/1.1 2 OK\r\n\r\n", false),
            ("SSH-2.0 200 ", false),
            ("", false),
        ] {
            assert_eq!(is_success(answer), good, "{answer:?}");
        }
    }

    #[test]
    fn a_path_cannot_carry_headers() {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        for path in ["healthz", "/a b", "/a\r\nX: y"] {
            let error = get(nowhere, path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
    }
}
