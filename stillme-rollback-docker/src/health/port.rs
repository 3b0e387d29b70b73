//! Whether a published port has somebody behind it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The engine's proxy takes every connection and closes those for which it finds nobody inside.
/// Closing takes it less than this.
const CLOSING_LIMIT: Duration = Duration::from_millis(250);

/// What a connection to a port showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Somebody took it and kept it.
    Accepts,
    /// It was refused, or taken and closed at once.
    Refuses,
    /// No answer at all: a firewall, or a machine that is gone.
    Silent,
}

/// Whether somebody takes a connection and keeps it.
pub(crate) async fn accepts(address: SocketAddr) -> bool {
    look_at(address).await == Seen::Accepts
}

pub(super) async fn look_at(address: SocketAddr) -> Seen {
    let mut stream = match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) => return Seen::Refuses,
        Err(_) => return Seen::Silent,
    };
    match timeout(CLOSING_LIMIT, stream.read(&mut [0])).await {
        // Nothing came and nothing closed, or it spoke first.
        Err(_) | Ok(Ok(1..)) => Seen::Accepts,
        Ok(Ok(0) | Err(_)) => Seen::Refuses,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_keeps_a_connection_accepts_and_who_closes_it_at_once_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for (greeting, keeps, seen) in [
            (&b""[..], true, Seen::Accepts),
            (b"220 hello", false, Seen::Accepts),
            (b"", false, Seen::Refuses),
        ] {
            let serve = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(greeting).await.unwrap();
                keeps.then_some(stream)
            };
            let (_kept, found) = tokio::join!(serve, look_at(address));
            assert_eq!(found, seen);
        }
        drop(listener);
        assert_eq!(look_at(address).await, Seen::Refuses);
    }
}
