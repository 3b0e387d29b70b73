//! What each endpoint answers, as a function of the request and the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::config::Config;
use crate::faults::Faults;
use crate::metrics::{Labels, Metrics};
use crate::request::Request;
use crate::response::{Response, SECURITY_HEADERS};

#[cfg(test)]
mod tests;

/// The service behind the connections.
#[derive(Debug)]
pub(crate) struct App {
    config: Config,
    /// When it began to listen.
    listening_since: Instant,
    draining: AtomicBool,
    faults: Faults,
    metrics: Metrics,
}

impl App {
    pub(crate) fn new(config: Config, listening_since: Instant) -> Self {
        let faults = Faults::new(config.error_rate);
        let draining = AtomicBool::new(false);
        Self { config, listening_since, draining, faults, metrics: Metrics::default() }
    }

    /// From now on `/readyz` is bad; everything else goes on.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// The answer to a request that arrived at `now`.
    pub(crate) fn respond(&self, request: &Request, now: Instant) -> Response {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Response::method_not_allowed();
        }
        match request.path.as_str() {
            "/" => self.root(request.wants_text),
            "/healthz" => self.health(now),
            "/readyz" => self.readiness(now),
            "/metrics" => Response::metrics(self.metrics.page(&self.config.version)),
            "/security/status" => self.security(),
            _ => Response::json(404, &json!({"error": "no such endpoint"})),
        }
    }

    /// Counts an answer that was sent `elapsed` after its request arrived.
    pub(crate) fn record(&self, request: &Request, status: u16, elapsed: Duration) {
        let labels = Labels { method: known_method(request), path: known_path(request), status };
        self.metrics.observe(labels, elapsed);
    }

    fn root(&self, wants_text: bool) -> Response {
        let Config { version, instance, latency, .. } = &self.config;
        let response = if self.faults.next_fails() {
            Response::json(500, &json!({"error": "broken on purpose", "version": version}))
        } else if wants_text {
            Response::text(200, format!("{version}\n"))
        } else {
            Response::json(200, &json!({"version": version, "instance": instance}))
        };
        response.after(*latency)
    }

    fn health(&self, now: Instant) -> Response {
        let version = &self.config.version;
        if self.is_healthy(now) {
            Response::json(200, &json!({"status": "ok", "version": version}))
        } else {
            Response::json(503, &json!({"status": "unhealthy", "version": version}))
        }
    }

    fn readiness(&self, now: Instant) -> Response {
        let version = &self.config.version;
        match self.reason_not_to_send_traffic(now) {
            None => Response::json(200, &json!({"status": "ready", "version": version})),
            Some(reason) => {
                let body = json!({"status": "not ready", "reason": reason, "version": version});
                Response::json(503, &body)
            }
        }
    }

    fn reason_not_to_send_traffic(&self, now: Instant) -> Option<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            Some("draining")
        } else if now.duration_since(self.listening_since) < self.config.ready_delay {
            Some("starting")
        } else if !self.is_healthy(now) {
            Some("unhealthy")
        } else {
            None
        }
    }

    fn is_healthy(&self, now: Instant) -> bool {
        let up = now.duration_since(self.listening_since);
        self.config.unhealthy_after.is_none_or(|limit| up < limit)
    }

    fn security(&self) -> Response {
        let headers = SECURITY_HEADERS.map(|(name, _)| name);
        let version = &self.config.version;
        let body = json!({"status": "ok", "version": version, "tls": false, "headers": headers});
        Response::json(200, &body)
    }
}

fn known_method(request: &Request) -> &'static str {
    match request.method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        _ => "other",
    }
}

fn known_path(request: &Request) -> &'static str {
    const PATHS: [&str; 5] = ["/", "/healthz", "/readyz", "/metrics", "/security/status"];
    PATHS.into_iter().find(|path| *path == request.path).unwrap_or("other")
}
