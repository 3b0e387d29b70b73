use std::time::Duration;

use serde_json::json;

use super::*;

fn http(url: &str) -> HttpCheck {
    HttpCheck::builder(HealthUrl::parse(url).unwrap())
        .expecting(
            Expectation::default()
                .status("200-299,404".parse().unwrap())
                .containing("ready")
                .json("/status", json!("up")),
        )
        .cadence(Cadence::default().successes(5).interval(Duration::from_millis(250)).fail_after(4))
        .policy(AddressPolicy::default().allow(Host::parse("169.254.20.10").unwrap()))
        .build()
        .unwrap()
}

#[test]
fn a_check_comes_back_from_its_spec_as_it_was() {
    let check = http("http://localhost:8080/healthz");
    let spec = check.spec();
    assert_eq!(spec.kind, "http");
    assert_eq!(
        spec.title,
        "GET http://localhost:8080/healthz: 200-299,404, an expected text, field `/status`, 5 in a row"
    );
    let text = serde_json::to_string(&spec).unwrap();
    let read: CheckSpec = serde_json::from_str(&text).unwrap();
    let again = SpecReader::new().read(&read).unwrap();
    assert_eq!(format!("{again:?}"), format!("{check:?}"));
}

#[test]
fn the_arguments_are_stable() {
    let plain = HttpCheck::builder(HealthUrl::parse("http://web/h").unwrap()).build().unwrap();
    let cadence = json!({
        "successes": 3, "interval_ms": 500, "timeout_ms": 1000, "boot_grace_ms": 30000
    });
    assert_eq!(
        plain.spec().arguments,
        json!({ "url": "http://web/h", "expect": {}, "cadence": cadence, "policy": {} })
    );
    assert_eq!(
        http("http://web/h").spec().arguments,
        json!({
            "url": "http://web/h",
            "expect": {
                "status": "200-299,404",
                "containing": "ready",
                "json": [{ "pointer": "/status", "equals": "up" }],
            },
            "cadence": {
                "successes": 5, "interval_ms": 250, "timeout_ms": 1000, "fail_after": 4,
                "boot_grace_ms": 30000,
            },
            "policy": { "allow": ["169.254.20.10"] },
        })
    );
    let tcp = TcpCheck::builder(Endpoint::parse("[::1]:5432").unwrap())
        .policy(AddressPolicy::default())
        .build()
        .unwrap();
    assert_eq!(
        tcp.spec().arguments,
        json!({ "endpoint": "[::1]:5432", "cadence": cadence, "policy": {} })
    );
    let again = SpecReader::new().read(&tcp.spec()).unwrap();
    assert_eq!(format!("{again:?}"), format!("{tcp:?}"));
}

#[test]
fn a_query_is_in_no_plan_and_has_to_be_given_again() {
    let url = "http://web/h?token=c4nary";
    let spec = http(url).spec();
    let text = serde_json::to_string(&spec).unwrap();
    assert!(!text.contains("c4nary"), "{text}");
    assert_eq!(spec.arguments["query_left_out"], true);

    let error = verifier_from(std::slice::from_ref(&spec)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("--health-url"), "{error}");

    let given = |text: &str| SpecReader::new().url(HealthUrl::parse(text).unwrap());
    assert!(given(url).read(&spec).is_ok());
    for other in ["http://web/h", "http://web/other?token=x", "http://evil/h?token=x"] {
        assert!(given(other).read(&spec).is_err(), "{other}");
    }
}

#[test]
fn unknown_kinds_are_named() {
    let specs = [
        http("http://web/h").spec(),
        CheckSpec::new("grpc", "t", json!({})),
        CheckSpec::new("grpc", "t", json!({})),
        CheckSpec::new("exec\u{1b}", "t", json!({})),
    ];
    let error = verifier_from(&specs).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "build checks of plan: no check of kind `exec\\u{1b}`, `grpc` is known here; \
         nothing was touched; known are http and tcp"
    );
    assert!(verifier_from(&specs[..1]).is_ok());
    assert!(verifier_from(&[]).unwrap().is_empty());
}

#[test]
fn what_this_version_does_not_know_is_refused_not_left_out() {
    let good = http("http://web/h").spec();
    for (place, kind) in [
        ("/latency", ErrorKind::UnknownFormat),
        ("/expect/header", ErrorKind::UnknownFormat),
        ("/cadence/jitter", ErrorKind::UnknownFormat),
        ("/policy/deny", ErrorKind::UnknownFormat),
    ] {
        let mut spec = good.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = spec.arguments.pointer_mut(parent).unwrap();
        parent[name] = json!(1);
        let error = SpecReader::new().read(&spec).unwrap_err();
        assert_eq!(error.kind(), kind, "{place}: {error}");
    }
}

#[test]
fn a_plan_that_was_tampered_with_gets_no_further_than_an_operator() {
    for (place, value, kind) in [
        ("/url", json!("http://169.254.169.254/"), ErrorKind::PermissionDenied),
        ("/url", json!("file:///etc/passwd"), ErrorKind::InvalidInput),
        ("/url", json!(7), ErrorKind::UnknownFormat),
        ("/cadence/successes", json!(0), ErrorKind::InvalidInput),
        ("/cadence/interval_ms", json!(0), ErrorKind::InvalidInput),
        ("/cadence/timeout_ms", json!(u64::MAX), ErrorKind::InvalidInput),
        ("/cadence/successes", json!(-1), ErrorKind::UnknownFormat),
        ("/expect/status", json!("2xx"), ErrorKind::UnknownFormat),
        ("/expect/containing", json!(""), ErrorKind::InvalidInput),
        ("/policy/allow", json!(["a b"]), ErrorKind::InvalidInput),
    ] {
        let mut spec = http("http://web/h").spec();
        *spec.arguments.pointer_mut(place).unwrap() = value;
        let error = SpecReader::new().read(&spec).unwrap_err();
        assert_eq!(error.kind(), kind, "{place}: {error}");
    }
    for arguments in [json!(null), json!([]), json!("x"), json!({})] {
        let spec = CheckSpec::new("http", "t", arguments);
        assert!(SpecReader::new().read(&spec).is_err());
    }
}
