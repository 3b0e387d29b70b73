//! Each knob, on the real process.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{LIMIT, Service, connect, finish, free_port, get, run};

#[test]
fn version_and_instance_are_said_at_the_root() {
    let (_service, address) = Service::start(&[("VERSION", "v7"), ("HOSTNAME", "4f6a")]);
    let answer = get(address, "/");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), serde_json::json!({"version": "v7", "instance": "4f6a"}));
}

#[test]
fn host_and_port_are_where_it_listens() {
    let port = free_port();
    let (_service, address) = Service::start(&[("HOST", "127.0.0.2"), ("PORT", &port.to_string())]);
    assert_eq!(address, SocketAddr::from(([127, 0, 0, 2], port)));
    assert_eq!(get(address, "/healthz").status, 200);
}

#[test]
fn a_port_in_use_ends_it_with_a_message() {
    let (_service, address) = Service::start(&[]);
    let output = run(&[("PORT", &address.port().to_string())], &[]);
    assert_eq!(output.code, Some(1));
    let message = output.stderr;
    assert!(message.contains(&format!("can't listen on {address}")), "{message}");
}

#[test]
fn connections_are_refused_while_it_boots() {
    let port = free_port();
    let begin = Instant::now();
    let service = Service::spawn(&[("PORT", &port.to_string()), ("TESTBED_BOOT_DELAY", "1500ms")]);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let refused = TcpStream::connect_timeout(&address, Duration::from_millis(500));
    assert!(refused.is_err());
    assert!(service.is_silent());
    assert_eq!(service.listening(), address);
    assert!(begin.elapsed() >= Duration::from_millis(1500));
    assert_eq!(get(address, "/").status, 200);
}

#[test]
fn sigterm_ends_it_while_it_boots() {
    let begin = Instant::now();
    let service = Service::spawn(&[("TESTBED_BOOT_DELAY", "1m")]);
    // Handlers are in place before anything can be observed from outside: ask the kernel.
    service.wait_for_signal_handlers();
    service.signal("TERM");
    assert_eq!(service.exit_code(), Some(0));
    assert!(begin.elapsed() < LIMIT);
}

#[test]
fn it_is_not_ready_before_the_ready_delay() {
    let (_service, address) = Service::start(&[("TESTBED_READY_DELAY", "1s")]);
    let begin = Instant::now();
    let early = get(address, "/readyz");
    assert_eq!((early.status, &early.json()["reason"]), (503, &"starting".into()));
    assert_eq!(get(address, "/healthz").status, 200);
    while get(address, "/readyz").status != 200 {
        assert!(begin.elapsed() < LIMIT, "never ready");
    }
}

#[test]
fn sigterm_drains_and_then_ends_it() {
    let (service, address) = Service::start(&[("TESTBED_DRAIN", "1500ms")]);
    assert_eq!(get(address, "/readyz").status, 200);
    let begin = Instant::now();
    service.signal("TERM");
    service.event("draining");
    let answer = get(address, "/readyz");
    assert_eq!((answer.status, &answer.json()["reason"]), (503, &"draining".into()));
    assert_eq!(get(address, "/healthz").status, 200);
    assert_eq!(get(address, "/").status, 200);
    service.event("stopped");
    assert!(begin.elapsed() >= Duration::from_millis(1500));
    assert_eq!(service.exit_code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_drain() {
    let (service, _) = Service::start(&[("TESTBED_DRAIN", "10m")]);
    service.signal("TERM");
    service.event("draining");
    service.signal("TERM");
    assert_eq!(service.exit_code(), Some(0));
}

#[test]
fn a_request_under_way_gets_its_answer_before_the_end() {
    let (service, address) = Service::start(&[("TESTBED_LATENCY", "700ms")]);
    let mut stream = connect(address);
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    service.signal("TERM");
    let answer = finish(stream);
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("Connection: close"), "{}", answer.head);
    assert_eq!(service.exit_code(), Some(0));
}

#[test]
fn sigterm_can_be_ignored_but_sigint_cannot() {
    let (service, address) = Service::start(&[("TESTBED_IGNORE_SIGTERM", "true")]);
    service.signal("TERM");
    service.event("ignored");
    assert_eq!(get(address, "/readyz").status, 200);
    service.signal("INT");
    assert_eq!(service.exit_code(), Some(0));
}

#[test]
fn it_exits_at_once_without_ever_listening() {
    let output = run(&[("TESTBED_EXIT_CODE", "42")], &[]);
    assert_eq!(output.code, Some(42));
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr, "testbed-service: fatal: exiting with code 42 on purpose\n");
}

#[test]
fn it_exits_after_a_while() {
    let begin = Instant::now();
    let (service, address) =
        Service::start(&[("TESTBED_EXIT_CODE", "0"), ("TESTBED_EXIT_AFTER", "1500ms")]);
    assert_eq!(get(address, "/").status, 200);
    assert_eq!(service.exit_code(), Some(0));
    assert!(begin.elapsed() >= Duration::from_millis(1500));
}

#[test]
fn the_error_rate_is_exact() {
    let (_service, address) = Service::start(&[("TESTBED_ERROR_RATE", "0.3")]);
    let failed = (0..20).filter(|_| get(address, "/").status == 500).count();
    assert_eq!(failed, 6);
    assert_eq!(get(address, "/healthz").status, 200);
    let metrics = get(address, "/metrics").body;
    let failures = r#"http_requests_total{method="GET",path="/",status="500"} 6"#;
    assert!(metrics.contains(failures), "{metrics}");
}

#[test]
fn latency_is_added_and_measured() {
    let (_service, address) = Service::start(&[("TESTBED_LATENCY", "300ms")]);
    let begin = Instant::now();
    assert_eq!(get(address, "/").status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    let metrics = get(address, "/metrics").body;
    let bucket = |le: &str, count: u32| {
        let labels = r#"method="GET",path="/",status="200""#;
        let line =
            format!("http_request_duration_seconds_bucket{{{labels},le=\"{le}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    };
    bucket("0.25", 0);
    bucket("+Inf", 1);
}

#[test]
fn health_turns_bad() {
    let (_service, address) = Service::start(&[("TESTBED_UNHEALTHY_AFTER", "1s")]);
    let begin = Instant::now();
    assert_eq!(get(address, "/healthz").status, 200);
    while get(address, "/healthz").status != 503 {
        assert!(begin.elapsed() < LIMIT, "never unhealthy");
    }
    assert!(begin.elapsed() >= Duration::from_millis(900));
    assert_eq!(get(address, "/readyz").json()["reason"], "unhealthy");
    assert_eq!(get(address, "/").status, 200);
}

#[test]
fn a_wrong_setting_is_named_and_nothing_starts() {
    let output = run(&[("TESTBED_LATENCY", "fast")], &[]);
    assert_eq!(output.code, Some(2));
    assert_eq!(output.stdout, "");
    let message = output.stderr;
    assert!(message.contains("TESTBED_LATENCY=\"fast\""), "{message}");
}
