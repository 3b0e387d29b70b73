use serde_json::Value;

use super::*;

fn app(variables: &[(&str, &str)]) -> (App, Instant) {
    let config = Config::from_variables(|wanted| {
        let found = variables.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    });
    let start = Instant::now();
    (App::new(config.unwrap(), start), start)
}

fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        wants_text: false,
        keep_alive: true,
        has_body: false,
    }
}

fn get(app: &App, path: &str, now: Instant) -> (u16, Value) {
    let response = app.respond(&request("GET", path), now);
    (response.status, serde_json::from_str(response.body()).unwrap())
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn root_says_version_and_instance() {
    let (app, start) = app(&[("VERSION", "v1"), ("HOSTNAME", "4f6a")]);
    assert_eq!(get(&app, "/", start), (200, json!({"version": "v1", "instance": "4f6a"})));
    let text = Request { wants_text: true, ..request("GET", "/") };
    assert_eq!(app.respond(&text, start), Response::text(200, "v1\n".into()));
}

#[test]
fn health_turns_bad_at_the_set_time_and_takes_readiness_with_it() {
    let (app, start) = app(&[("TESTBED_UNHEALTHY_AFTER", "5s")]);
    for (after, status) in [(0, 200), (4, 200), (5, 503), (60, 503)] {
        let now = start + SECOND * after;
        assert_eq!(get(&app, "/healthz", now).0, status, "/healthz after {after} s");
        assert_eq!(get(&app, "/readyz", now).0, status, "/readyz after {after} s");
        assert_eq!(get(&app, "/", now).0, 200, "/ after {after} s");
    }
}

#[test]
fn readiness_waits_and_ends_with_the_drain_while_health_stays_good() {
    let (app, start) = app(&[("TESTBED_READY_DELAY", "3s")]);
    let reason = |now| get(&app, "/readyz", now).1["reason"].clone();
    assert_eq!(reason(start + SECOND * 2), "starting");
    assert_eq!(get(&app, "/readyz", start + SECOND * 3).0, 200);
    app.start_draining();
    assert_eq!(reason(start + SECOND * 4), "draining");
    assert_eq!(get(&app, "/healthz", start + SECOND * 4).0, 200);
    assert_eq!(get(&app, "/healthz", start).0, 200);
}

#[test]
fn the_error_rate_and_the_latency_hit_the_root_only() {
    let (app, start) = app(&[("TESTBED_ERROR_RATE", "0.5"), ("TESTBED_LATENCY", "150ms")]);
    let statuses = [0; 4].map(|_| get(&app, "/", start).0);
    assert_eq!(statuses, [200, 500, 200, 500]);
    assert_eq!(get(&app, "/healthz", start).0, 200);
    let delay = |path| app.respond(&request("GET", path), start).delay;
    assert_eq!(delay("/"), Duration::from_millis(150));
    for path in ["/healthz", "/readyz", "/metrics", "/security/status", "/nothing"] {
        assert_eq!(delay(path), Duration::ZERO, "{path}");
    }
}

#[test]
fn other_methods_and_paths_are_refused() {
    let (app, start) = app(&[]);
    assert_eq!(app.respond(&request("POST", "/"), start).status, 405);
    assert_eq!(app.respond(&request("GET", "/healthz/"), start).status, 404);
}

#[test]
fn clients_cannot_make_new_series() {
    let (app, start) = app(&[]);
    for (method, path) in [("GET", "/a"), ("GET", "/b"), ("BREW", "/c")] {
        app.record(&request(method, path), 404, Duration::ZERO);
    }
    let page = app.respond(&request("GET", "/metrics"), start);
    let series: Vec<&str> =
        page.body().lines().filter(|line| line.starts_with("http_requests_total{")).collect();
    let expected = [
        r#"http_requests_total{method="GET",path="other",status="404"} 2"#,
        r#"http_requests_total{method="other",path="other",status="404"} 1"#,
    ];
    assert_eq!(series, expected);
}

#[test]
fn the_security_status_names_the_headers() {
    let (app, start) = app(&[]);
    let (status, body) = get(&app, "/security/status", start);
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
    assert_eq!(body["headers"].as_array().unwrap().len(), SECURITY_HEADERS.len());
}
