//! A connection to the engine, for one request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use stillme_rollback_core::{Disposition, Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::tunnel::{self, Tunnel};
use super::{Endpoint, HostPort};

/// A connection of any kind.
#[derive(Debug)]
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Ssh(Box<Tunnel>),
}

/// Connects within `limit`. Whatever goes wrong here, no request was sent.
pub(crate) async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Stream> {
    let connecting = async {
        match endpoint {
            Endpoint::Unix(path) => UnixStream::connect(path)
                .await
                .map(Stream::Unix)
                .map_err(|error| explain(endpoint, error)),
            Endpoint::Tcp(at) => tcp(endpoint, at).await.map(Stream::Tcp),
            Endpoint::Tls(at, config) => tls(endpoint, at, config).await,
            Endpoint::Ssh(at) => tunnel::open(at, limit).await.map(Box::new).map(Stream::Ssh),
        }
    };
    // An ssh keeps the limit itself, to be able to say how far it came.
    if matches!(endpoint, Endpoint::Ssh(_)) {
        return connecting.await;
    }
    timeout(limit, connecting).await.unwrap_or_else(|_| {
        Err(unreachable(endpoint, format!("no connection within {} s", limit.as_secs_f32())))
    })
}

async fn tls(endpoint: &Endpoint, at: &HostPort, config: &Arc<ClientConfig>) -> Result<Stream> {
    let stream = tcp(endpoint, at).await?;
    let name = ServerName::try_from(at.host.clone()).map_err(|error| {
        Error::new(
            ErrorKind::InvalidInput,
            "connect to engine",
            "its host is no name that a certificate can have",
        )
        .with_context("engine", endpoint.to_string())
        .with_source(error)
    })?;
    TlsConnector::from(config.clone())
        .connect(name, stream)
        .await
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|error| {
            unreachable(endpoint, "TLS could not be agreed on")
                .with_disposition(Disposition::Permanent)
                .with_hint(
                    "nothing was sent; does ca.pem belong to this engine, and does it speak TLS?",
                )
                .with_source(error)
        })
}

async fn tcp(endpoint: &Endpoint, at: &HostPort) -> Result<TcpStream> {
    let stream = TcpStream::connect((at.host.as_str(), at.port))
        .await
        .map_err(|error| explain(endpoint, error))?;
    // Requests are small and each waits for its answer. A socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// What a failed connection means.
pub(super) fn explain(endpoint: &Endpoint, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::PermissionDenied,
            "connect to engine",
            "this user may not use the engine's socket",
        )
        .with_context("engine", endpoint.to_string())
        .with_hint("nothing was sent; run it as root or as a member of the socket's group (usually `docker`)")
        .with_source(error),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            unreachable(endpoint, "no engine answers there").with_source(error)
        }
        _ => unreachable(endpoint, "no connection").with_source(error),
    }
}

fn unreachable(endpoint: &Endpoint, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, "connect to engine", message)
        .with_disposition(Disposition::Retry)
        .with_context("engine", endpoint.to_string())
        .with_hint("nothing was sent; is the engine running, and is DOCKER_HOST or the docker context the right one?")
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Ssh(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Ssh(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Ssh(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Ssh(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
