//! One request and its answer over one connection.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use stillme_rollback_core::Result;
use tokio::time::{Instant, timeout_at};

use super::Limits;
use super::answer::Answer;
use super::call::{Call, OBJECT_CAP, parameter};
use super::failure;
use super::version::ApiVersion;
use crate::connect::{Endpoint, stream};

/// What is kept of a failure's body: its message.
const FAILURE_CAP: usize = 64 << 10;

/// Sends `call` and collects the answer, up to the call's cap.
pub(super) async fn run(
    endpoint: &Endpoint,
    limits: &Limits,
    version: Option<ApiVersion>,
    call: &Call,
) -> Result<Answer> {
    let mut body = Vec::new();
    let status = exchange(endpoint, limits, version, call, &mut |piece| {
        if body.len() + piece.len() > call.cap {
            return Err(failure::too_large(call));
        }
        body.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(Answer { status, body })
}

/// Sends `call` and hands the answer's body on.
pub(super) async fn stream(
    endpoint: &Endpoint,
    limits: &Limits,
    version: Option<ApiVersion>,
    call: &Call,
    sink: Sink<'_>,
) -> Result<()> {
    exchange(endpoint, limits, version, call, sink).await.map(|_| ())
}

type Sink<'a> = &'a mut (dyn FnMut(&[u8]) -> Result<()> + Send);

async fn exchange(
    endpoint: &Endpoint,
    limits: &Limits,
    version: Option<ApiVersion>,
    call: &Call,
    sink: Sink<'_>,
) -> Result<StatusCode> {
    let limit = call.limit.unwrap_or(limits.call);
    let deadline = Instant::now() + limit;
    // Built first: a request that can't be built must not cost a connection.
    let request = request(endpoint, version, call)?;
    let connection = stream::connect(endpoint, limits.until_connected(endpoint).min(limit)).await?;
    match timeout_at(deadline, talk(connection, request, call, sink)).await {
        Ok(answered) => answered,
        Err(_) => Err(failure::timed_out(call, limit)),
    }
}

fn request(
    endpoint: &Endpoint,
    version: Option<ApiVersion>,
    call: &Call,
) -> Result<Request<Full<Bytes>>> {
    let mut target = version.map_or_else(String::new, |version| format!("/v{version}"));
    target.push_str(&call.path);
    for (index, (name, value)) in call.query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.push_str(name);
        target.push('=');
        target.push_str(&parameter(value));
    }
    let host = match endpoint {
        // What the docker command sends: the engine wants a valid header and ignores it.
        Endpoint::Unix(_) | Endpoint::Ssh(_) => "api.moby.localhost".to_owned(),
        Endpoint::Tcp(at) | Endpoint::Tls(at, _) => at.to_string(),
    };
    let mut request = Request::builder()
        .method(&call.method)
        .uri(target)
        .header(HOST, host)
        .header("connection", "close");
    if let Some(body) = &call.body {
        request = request.header(CONTENT_TYPE, body.content_type);
    }
    let body = call.body.as_ref().map(|body| body.bytes.clone()).unwrap_or_default();
    request.body(Full::new(body)).map_err(|error| failure::unbuildable(call, error))
}

async fn talk(
    connection: stream::Stream,
    request: Request<Full<Bytes>>,
    call: &Call,
    sink: Sink<'_>,
) -> Result<StatusCode> {
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection))
        .await
        .map_err(|error| failure::broken(call, true, error))?;
    let exchange = async {
        let response = sender.try_send_request(request).await.map_err(|mut error| {
            // hyper hands the request back if not a byte of it was written.
            let sent = error.take_message().is_none();
            failure::broken(call, sent, error.into_error())
        })?;
        read(response, call, sink).await
    };
    // The connection is driven here and not in a task of its own: when this future is dropped,
    // nothing of it goes on.
    let (mut exchange, mut driver) = (std::pin::pin!(exchange), std::pin::pin!(driver));
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            answered = &mut exchange => return answered,
            // What ended the connection, the exchange is told as well.
            _ = &mut driver, if open => open = false,
        }
    }
}

async fn read(response: Response<Incoming>, call: &Call, sink: Sink<'_>) -> Result<StatusCode> {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        feed(response.into_body(), call, sink).await?;
        return Ok(status);
    }
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    // A failure without its whole message is still that failure.
    let _ = feed(response.into_body(), call, &mut |piece| {
        let room = FAILURE_CAP.min(OBJECT_CAP).saturating_sub(body.len());
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if room == 0 { Err(failure::too_large(call)) } else { Ok(()) }
    })
    .await;
    Err(failure::answered(call, status, retry_after, &body))
}

async fn feed(mut body: Incoming, call: &Call, sink: Sink<'_>) -> Result<()> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure::broken(call, true, error))?;
        if let Some(piece) = frame.data_ref() {
            sink(piece)?;
        }
    }
    Ok(())
}
