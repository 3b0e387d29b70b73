//! One request on a connection of its own.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tally::Answer;

/// Longer than the kernel needs to send a lost packet again, so that a hang is seen as one.
const LIMIT: Duration = Duration::from_secs(3);
const LARGEST: u64 = 64 * 1024;
const GOOD_STATUS: &str = "HTTP/1.1 200 ";

/// Asks for `/` and reads the whole answer.
pub(super) async fn ask(port: u16) -> Answer {
    let began = Instant::now();
    let version = match timeout(LIMIT, exchange(port, "/")).await {
        Ok(Ok(answer)) => version_in(&answer),
        Ok(Err(_)) | Err(_) => None,
    };
    Answer { took: began.elapsed(), version }
}

/// Whether the health check says yes.
pub(super) async fn is_healthy(port: u16) -> bool {
    let answer = timeout(LIMIT, exchange(port, "/healthz")).await;
    matches!(answer, Ok(Ok(answer)) if answer.starts_with(GOOD_STATUS))
}

async fn exchange(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LARGEST).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The version in a good answer.
fn version_in(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with(GOOD_STATUS) {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(body.get("version")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_good_answer_has_a_version() {
        let good = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"version\":\"v1\",\"instance\":\"x\"}";
        assert_eq!(version_in(good).as_deref(), Some("v1"));
        for bad in [
            "",
            &good[..good.len() - 1],
            &good.replace("200", "500"),
            "HTTP/1.1 200 OK\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n{\"version\":\"v1\"}",
        ] {
            assert_eq!(version_in(bad), None, "{bad}");
        }
    }
}
