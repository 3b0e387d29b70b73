//! One client: requests in, answers out, until either side has enough.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::app::App;
use crate::request::{Request, RequestError};
use crate::response::Response;

/// How long a client may be silent, or take to read an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to listen to a client that was sent away before its connection is cut.
const FAREWELL: Duration = Duration::from_millis(500);

/// Answers the requests of one connection. `may_stay` is asked after each of them whether the
/// client may keep the connection.
///
/// # Errors
/// The connection failed or the client was too slow; there is nobody left to tell.
pub(crate) fn serve(stream: &TcpStream, app: &App, may_stay: &dyn Fn() -> bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = match Request::read(&mut reader) {
            Ok(request) => request,
            Err(RequestError::Closed) => return Ok(()),
            Err(RequestError::Io(error)) => return Err(error),
            Err(error @ RequestError::Malformed) => return send_away(stream, 400, &error),
            Err(error @ RequestError::TooLarge) => return send_away(stream, 431, &error),
        };
        let keep_alive = answer(stream, app, &request, may_stay)?;
        if request.has_body {
            return farewell(stream);
        }
        if !keep_alive {
            return Ok(());
        }
    }
}

fn answer(
    mut stream: &TcpStream,
    app: &App,
    request: &Request,
    may_stay: &dyn Fn() -> bool,
) -> io::Result<bool> {
    let arrived = Instant::now();
    let response = app.respond(request, arrived);
    wait(response.delay);
    // A body is never read, so nothing that follows it can be.
    let keep_alive = request.keep_alive && !request.has_body && may_stay();
    // Counted before it is sent: who has the answer finds it in the metrics.
    app.record(request, response.status, arrived.elapsed());
    stream.write_all(&response.to_bytes(request.method != "HEAD", keep_alive))?;
    Ok(keep_alive)
}

fn send_away(mut stream: &TcpStream, status: u16, error: &RequestError) -> io::Result<()> {
    let response = Response::json(status, &json!({"error": error.to_string()}));
    stream.write_all(&response.to_bytes(true, false))?;
    farewell(stream)
}

/// Closing a socket with unread input resets it, and the reset can overtake the answer: close our
/// half, then read what still comes, up to a limit.
fn farewell(stream: &TcpStream) -> io::Result<()> {
    const MOST: u64 = 64 * 1024;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(FAREWELL))?;
    io::copy(&mut stream.take(MOST), &mut io::sink())?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the delay is what the knob asks for")]
fn wait(delay: Duration) {
    if !delay.is_zero() {
        std::thread::sleep(delay);
    }
}
