//! The wire: what any client can rely on, and what a bad one can't break.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Service, connect, exchange, finish, get, healthcheck};

#[test]
fn text_is_served_to_who_asks_for_it() {
    let (_service, address) = Service::start(&[("VERSION", "v1")]);
    let request = "GET / HTTP/1.1\r\nAccept: text/plain\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(address, request).body, "v1\n");
}

#[test]
fn every_answer_carries_the_security_headers() {
    let (_service, address) = Service::start(&[("TESTBED_ERROR_RATE", "1")]);
    let close = "Connection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\n{close}"), 500),
        (format!("GET /healthz HTTP/1.1\r\n{close}"), 200),
        (format!("GET /security/status HTTP/1.1\r\n{close}"), 200),
        (format!("GET /metrics HTTP/1.1\r\n{close}"), 200),
        (format!("GET /none HTTP/1.1\r\n{close}"), 404),
        (format!("DELETE / HTTP/1.1\r\n{close}"), 405),
        ("hello\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(20_000)), 431),
    ] {
        let answer = exchange(address, &request);
        assert_eq!(answer.status, status);
        for header in ["X-Content-Type-Options: nosniff", "Content-Security-Policy: default-src"] {
            assert!(answer.head.contains(header), "{header} on {status}: {}", answer.head);
        }
    }
}

#[test]
fn one_connection_carries_several_requests() {
    let (_service, address) = Service::start(&[]);
    let mut stream = connect(address);
    let first = "HEAD /healthz HTTP/1.1\r\n\r\n";
    let second = "GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{first}{second}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
    assert!(text.contains("Connection: keep-alive") && text.contains("Connection: close"));
    assert_eq!(text.matches("\"status\"").count(), 1, "HEAD has no body: {text}");
}

#[test]
fn who_sends_a_large_body_still_gets_the_answer() {
    let (_service, address) = Service::start(&[]);
    let mut stream = connect(address);
    stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n").unwrap();
    stream.write_all(&[b'x'; 50_000]).unwrap();
    assert_eq!(finish(stream).status, 405);
}

#[test]
fn thousands_of_short_connections_are_all_answered() {
    const CLIENTS: usize = 8;
    const EACH: usize = 500;
    let (_service, address) = Service::start(&[]);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    assert_eq!(get(address, "/").status, 200);
                }
            });
        }
    });
    let metrics = get(address, "/metrics").body;
    let all = format!("path=\"/\",status=\"200\"}} {}\n", CLIENTS * EACH);
    assert!(metrics.contains(&all), "{metrics}");
}

#[test]
fn silent_clients_take_neither_all_threads_nor_the_service() {
    let (service, address) = Service::start(&[]);
    let silent: Vec<_> = (0..600).map(|_| connect(address)).collect();
    // Until it has lost its patience with the first of them: afterwards some threads end while others begin.
    let (begin, mut threads) = (Instant::now(), 0);
    while threads < 512 && begin.elapsed() < Duration::from_secs(4) {
        threads = service.threads();
        assert!(threads <= 512 + 3, "{threads} threads");
        thread::yield_now();
    }
    assert!(threads >= 512, "{threads} threads, so that nothing is shown");
    // Answered once it has lost its patience.
    assert_eq!(get(address, "/").status, 200);
    drop(silent);
}

#[test]
fn metrics_are_valid_text_format() {
    let (_service, address) = Service::start(&[("TESTBED_ERROR_RATE", "0.5")]);
    for path in ["/", "/", "/healthz", "/other"] {
        get(address, path);
    }
    let answer = get(address, "/metrics");
    assert!(answer.head.contains("Content-Type: text/plain; version=0.0.4"), "{}", answer.head);
    let mut families = Vec::new();
    let mut samples = 0;
    for line in answer.body.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            families.push(kind.split_once(' ').unwrap());
        } else if !line.starts_with("# HELP ") {
            let (name, rest) = line.split_once('{').expect("a sample with labels");
            let (_, value) = rest.split_once("} ").expect("labels that end");
            value.parse::<f64>().expect("a number");
            let (family, kind) = *families.last().expect("a TYPE before its samples");
            let suffix = name.strip_prefix(family).expect("a sample of the family above");
            match kind {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                _ => assert_eq!(suffix, "", "{line}"),
            }
            samples += 1;
        }
    }
    assert_eq!(families.len(), 3);
    // Build info, and for each of four series a counter, 13 buckets, a sum and a count.
    assert_eq!(samples, 1 + 4 * (1 + 13 + 2), "{}", answer.body);
}

#[test]
fn the_health_check_tells_good_from_bad_and_from_gone() {
    let (good, address) = Service::start(&[]);
    let output = healthcheck(address, "/readyz");
    assert_eq!(output.code, Some(0));
    assert!(output.stdout.contains("\"ready\""));
    assert_eq!(healthcheck(address, "/none").code, Some(1));

    let (_bad, bad_address) = Service::start(&[("TESTBED_UNHEALTHY_AFTER", "0s")]);
    let output = healthcheck(bad_address, "/healthz");
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("\"unhealthy\""));

    good.signal("TERM");
    assert_eq!(good.exit_code(), Some(0));
    let output = healthcheck(address, "/healthz");
    assert_eq!(output.code, Some(1));
    assert!(!output.stderr.is_empty());
}
