//! From the first instant to the last: boot, serve, drain, end.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::app::App;
use crate::config::{Config, Exit};
use crate::log;
use crate::server::Server;

/// How long requests under way may take once the listener is closed.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// The wish to end the service.
#[derive(Debug)]
struct Stop;

/// Serves until a signal or a knob ends it.
pub(crate) fn run(config: Config) -> ExitCode {
    match serve(config) {
        Ok(code) => code,
        Err(error) => {
            log::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> io::Result<ExitCode> {
    let life = Life::begin(&config)?;
    if let Some(end) = life.wait(Some(config.boot_delay)) {
        return Ok(end.code());
    }
    let listener = TcpListener::bind(config.address).map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen on {}: {error}", config.address))
    })?;
    let app = Arc::new(App::new(config.clone(), Instant::now()));
    let server = Server::start(listener, Arc::clone(&app))?;
    let address = server.address().to_string();
    log::event(&json!({"event": "listening", "address": address, "version": config.version}));

    let end = life.wait(None);
    if matches!(end, Some(End::Stopped)) {
        // Said once it is so: whoever reads it may ask at once.
        app.start_draining();
        log::event(&json!({"event": "draining", "milliseconds": config.drain.as_millis()}));
        // A second signal, or the exit that a knob asks for, ends the drain at once.
        if let Some(end @ End::Crashed(_)) = life.wait(Some(config.drain)) {
            return Ok(end.code());
        }
        server.close(LAST_REQUESTS);
        log::event(&json!({"event": "stopped"}));
    }
    Ok(end.map_or(ExitCode::SUCCESS, End::code))
}

/// Why the service ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Stopped,
    Crashed(u8),
}

impl End {
    fn code(self) -> ExitCode {
        match self {
            Self::Stopped => ExitCode::SUCCESS,
            Self::Crashed(code) => {
                log::complain(&format!("fatal: exiting with code {code} on purpose"));
                ExitCode::from(code)
            }
        }
    }
}

/// What can end the service: signals, and the exit that a knob asks for.
struct Life {
    stops: Receiver<Stop>,
    crash: Option<(Instant, u8)>,
}

impl Life {
    fn begin(config: &Config) -> io::Result<Self> {
        let crash = config.exit.map(|Exit { code, after }| (Instant::now() + after, code));
        Ok(Self { stops: stops(config)?, crash })
    }

    /// Waits for the end, or until `limit` has passed without one.
    fn wait(&self, limit: Option<Duration>) -> Option<End> {
        let until = limit.map(|limit| Instant::now() + limit);
        let first = [until, self.crash.map(|(at, _)| at)].into_iter().flatten().min();
        let stopped = match first {
            None => self.stops.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => self.stops.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match (stopped, self.crash) {
            (Err(RecvTimeoutError::Timeout), Some((at, code))) if Instant::now() >= at => {
                Some(End::Crashed(code))
            }
            (Err(RecvTimeoutError::Timeout), _) => None,
            (Ok(Stop) | Err(RecvTimeoutError::Disconnected), _) => Some(End::Stopped),
        }
    }
}

/// Signals as messages. Process 1 of a container has no default handlers: without this, SIGTERM
/// would do nothing at all.
fn stops(config: &Config) -> io::Result<Receiver<Stop>> {
    let ignore_sigterm = config.ignore_sigterm;
    let heard: &[i32] = if config.deaf { &[SIGINT] } else { &[SIGTERM, SIGINT] };
    let mut signals = Signals::new(heard)?;
    let (sender, receiver) = channel();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGTERM && ignore_sigterm {
                log::event(&json!({"event": "ignored", "signal": "SIGTERM"}));
            } else if sender.send(Stop).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
