use serde_json::json;

use super::*;

fn upstream(digit: &str, name: &str) -> Upstream {
    let id = ContainerId::new(digit.repeat(64)).unwrap();
    Upstream::new(id, ContainerName::new(name).unwrap())
}

#[test]
fn a_name_says_proxy_service_and_port() {
    for good in ["kamal:kamal-proxy/web:80", "kamal:proxy.1/app-web.2_x:8080"] {
        assert_eq!(good.parse::<Service>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "kamal:",
        "kamal-proxy/web:80",
        "kamal:kamal-proxy:80",
        "kamal:kamal-proxy/web",
        "kamal:kamal-proxy/web:0",
        "kamal:kamal-proxy/web:70000",
        "kamal:kamal-proxy/--force:80",
        "kamal:kamal-proxy/we b:80",
        "kamal:-x/web:80",
        "nginx:proxy/web:80",
    ] {
        let error = bad.parse::<Service>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
    }
}

/// As version 0.9.2 prints it.
fn printed(rows: &[[&str; 6]]) -> String {
    let head = ["Service", "Host", "Path", "Target", "State", "TLS"];
    let all: Vec<_> = std::iter::once(&head).chain(rows).collect();
    let width = |i: usize| all.iter().map(|row| row[i].len()).max().unwrap();
    let line = |(n, row): (usize, &&[&str; 6])| {
        let style = |i: usize| match (n, i) {
            (0, _) => "3;94",
            (_, 0) => "1;34",
            _ => "",
        };
        let cell = |(i, text): (usize, &&str)| {
            format!("\u{1b}[{}m{text}\u{1b}[0m{}  ", style(i), " ".repeat(width(i) - text.len()))
        };
        row.iter().enumerate().map(cell).collect::<String>() + "\n"
    };
    all.iter().enumerate().map(line).collect()
}

#[test]
fn the_list_says_where_the_traffic_goes() {
    let (old, new) = (upstream("a", "web"), upstream("b", "web.rbn-12345678"));
    let id = |upstream: &Upstream| upstream.id.short().to_owned();
    let elsewhere = |text: &str| Traffic::Elsewhere(text.to_owned());
    for (target, state, traffic) in [
        (format!("{}:8080", id(&old)), "running", Traffic::To(old.id.clone())),
        (format!("{}:8080", id(&new)), "running", Traffic::To(new.id.clone())),
        ("web:8080".to_owned(), "running", Traffic::To(old.id.clone())),
        ("web:80".to_owned(), "running", elsewhere("web:80")),
        ("other:8080".to_owned(), "running", elsewhere("other:8080")),
        (
            format!("{}:8080,web:8080", id(&new)),
            "running",
            elsewhere(&format!("{}:8080,web:8080", id(&new))),
        ),
        ("web:8080".to_owned(), "paused", elsewhere("nowhere: the service is paused")),
    ] {
        let table = printed(&[
            ["api", "api.example.com", "/", "web:8080", "running", "yes"],
            ["web", "*", "/", &target, state, "no"],
        ]);
        let rows = list::read(&table).unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].tls && rows[0].host == "api.example.com");
        assert_eq!(rows[1].traffic(8080, &[old.clone(), new.clone()]), traffic, "{target}");
    }
}

#[test]
fn older_lists_have_no_paths_and_cells_may_be_empty() {
    let rows = list::read(
        "Service  Host  Target   State    TLS  \nweb            web:80   running  no   \n",
    );
    let row = &rows.unwrap()[0];
    assert_eq!((row.service.as_str(), row.host.as_str()), ("web", ""));
    assert_eq!((row.target.as_str(), row.state.as_str(), row.tls), ("web:80", "running", false));
    assert_eq!(list::read("Error: no such command"), None);
    assert_eq!(list::read(""), None);
}

/// The state of a service that was deployed with nothing but its target, as version 0.9.2 keeps it.
fn state() -> Value {
    json!([{
        "name": "web",
        "options": {
            "hosts": [""], "path_prefixes": ["/"], "tls_enabled": false, "tls_certificate_path": "",
            "tls_private_key_path": "", "tls_redirect": true, "canonical_host": "", "acme_directory": "",
            "acme_cache_path": "/state/certs", "error_page_path": "", "strip_prefix": true,
            "writer_affinity_timeout": 1_000_000_000_i64, "read_targets_accept_websockets": false,
        },
        "target_options": {
            "health_check_config": {
                "path": "/up", "port": 0, "interval": 1_000_000_000_i64,
                "timeout": 5_000_000_000_i64, "host": "",
            },
            "response_timeout": 30_000_000_000_i64, "buffer_requests": false, "buffer_responses": false,
            "max_memory_buffer_size": 1_048_576, "max_request_body_size": 0, "max_response_body_size": 0,
            "log_request_headers": null, "log_response_headers": null, "forward_headers": true,
            "scope_cookie_paths": false,
        },
        "active_targets": ["0123456789ab:80"], "active_readers": null, "rollout_targets": null,
        "rollout_readers": null, "pause_controller": {"state": 0}, "rollout_controller": null,
    }])
}

fn options_of(pointer: &str, value: Value) -> Result<Vec<String>, String> {
    let mut state = state();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    state.pointer_mut(&format!("/0{parent}")).unwrap()[field] = value;
    options::of(&state, "web", "/state/kamal-proxy.state")
}

#[test]
fn every_setting_is_given_again() {
    let plain = options_of("/name", json!("web")).unwrap();
    let wanted = [
        "--path-prefix=/",
        "--strip-path-prefix=true",
        "--tls=false",
        "--tls-redirect=true",
        "--writer-affinity-timeout=1000000000ns",
        "--read-target-websockets=false",
        "--buffer-requests=false",
        "--buffer-responses=false",
        "--forward-headers=true",
        "--buffer-memory=1048576",
        "--target-timeout=30000000000ns",
        "--scope-cookie-paths=false",
        "--health-check-interval=1000000000ns",
        "--health-check-path=/up",
        "--health-check-timeout=5000000000ns",
    ];
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(sorted(plain.clone()), sorted(words(wanted)));
    let second = 1_000_000_000_i64;
    for (pointer, value, option) in [
        ("/options/hosts", json!(["a.example.com"]), "--host=a.example.com"),
        ("/options/path_prefixes", json!(["/api"]), "--path-prefix=/api"),
        ("/options/tls_enabled", json!(true), "--tls=true"),
        ("/options/tls_certificate_path", json!("/c.pem"), "--tls-certificate-path=/c.pem"),
        ("/options/tls_private_key_path", json!("/k.pem"), "--tls-private-key-path=/k.pem"),
        ("/options/tls_redirect", json!(false), "--tls-redirect=false"),
        ("/options/canonical_host", json!("example.com"), "--canonical-host=example.com"),
        ("/options/acme_directory", json!(options::STAGING), "--tls-staging"),
        ("/options/error_page_path", json!("/pages"), "--error-pages=/pages"),
        ("/options/strip_prefix", json!(false), "--strip-path-prefix=false"),
        ("/options/writer_affinity_timeout", json!(0), "--writer-affinity-timeout=0ns"),
        ("/options/read_targets_accept_websockets", json!(true), "--read-target-websockets=true"),
        ("/target_options/response_timeout", json!(2 * second), "--target-timeout=2000000000ns"),
        ("/target_options/buffer_requests", json!(true), "--buffer-requests=true"),
        ("/target_options/buffer_responses", json!(true), "--buffer-responses=true"),
        ("/target_options/max_memory_buffer_size", json!(5), "--buffer-memory=5"),
        ("/target_options/max_request_body_size", json!(6), "--max-request-body=6"),
        ("/target_options/max_response_body_size", json!(7), "--max-response-body=7"),
        ("/target_options/log_request_headers", json!(["X-A"]), "--log-request-header=X-A"),
        ("/target_options/log_response_headers", json!(["X-B"]), "--log-response-header=X-B"),
        ("/target_options/forward_headers", json!(false), "--forward-headers=false"),
        ("/target_options/scope_cookie_paths", json!(true), "--scope-cookie-paths=true"),
        (
            "/target_options/health_check_config/path",
            json!("/healthz"),
            "--health-check-path=/healthz",
        ),
        ("/target_options/health_check_config/port", json!(81), "--health-check-port=81"),
        (
            "/target_options/health_check_config/interval",
            json!(second / 2),
            "--health-check-interval=500000000ns",
        ),
        (
            "/target_options/health_check_config/timeout",
            json!(second),
            "--health-check-timeout=1000000000ns",
        ),
        ("/target_options/health_check_config/host", json!("h"), "--health-check-host=h"),
    ] {
        let options = options_of(pointer, value).unwrap();
        let changed: Vec<_> = options.iter().filter(|option| !plain.contains(option)).collect();
        assert_eq!(changed, [option], "{pointer}");
    }
    let several = options_of("/options/hosts", json!(["a.example.com", "b.example.com"])).unwrap();
    let hosts: Vec<_> = several.iter().filter(|option| option.starts_with("--host=")).collect();
    assert_eq!(hosts, ["--host=a.example.com", "--host=b.example.com"]);
}

#[test]
fn certificates_that_are_kept_elsewhere_stay_there() {
    let mut state = state();
    let settings = &mut state[0]["options"];
    settings["tls_enabled"] = json!(true);
    settings["acme_cache_path"] = json!("/elsewhere");
    let options = options::of(&state, "web", "/state/kamal-proxy.state").unwrap();
    assert!(options.contains(&"--tls-acme-cache-path=/elsewhere".to_owned()), "{options:?}");
}

#[test]
fn what_can_not_be_given_again_is_refused() {
    for (pointer, value, part) in [
        ("/options/brand_new", json!("x"), "`brand_new`"),
        ("/target_options/brand_new", json!(1), "`brand_new`"),
        ("/brand_new", json!(["x"]), "`brand_new`"),
        ("/active_readers", json!(["b:80"]), "`active_readers`"),
        ("/rollout_targets", json!(["b:80"]), "`rollout_targets`"),
        ("/active_targets", json!(["a:80", "b:80"]), "not one target"),
        ("/options/acme_directory", json!("https://ca.example.com"), "no option names"),
        ("/options/hosts", json!(["a,b"]), "`hosts`"),
        ("/options/hosts", json!("a"), "`hosts`"),
        ("/name", json!("other"), "no such service"),
    ] {
        let why = options_of(pointer, value).unwrap_err();
        assert!(why.contains(part), "{pointer}: {why}");
    }
    assert!(
        options_of("/options/brand_new", json!("")).is_ok(),
        "a setting that is off is no matter"
    );
    assert!(options::of(&Value::Null, "web", "/x").is_err());
}

#[test]
fn options_that_are_seen_to_be_missing_are_named() {
    let row = |host: &str, path: &str, tls| Row {
        service: "web".to_owned(),
        host: host.to_owned(),
        path: path.to_owned(),
        target: "web:80".to_owned(),
        state: "running".to_owned(),
        tls,
    };
    for (options, row, missing) in [
        (vec![], row("*", "/", false), None),
        (vec![], row("a.example.com", "/", false), Some("--host")),
        (vec!["--host=a.example.com"], row("a.example.com", "/", false), None),
        (vec!["--hosts=a"], row("a.example.com", "/", false), Some("--host")),
        (vec![], row("*", "/api", false), Some("--path-prefix")),
        (vec!["--host", "a"], row("a", "/", true), Some("--tls")),
        (vec!["--host", "a", "--tls"], row("a", "/", true), None),
    ] {
        let options: Vec<_> = options.into_iter().map(str::to_owned).collect();
        assert_eq!(options::missing(&options, &row), missing, "{options:?} {row:?}");
    }
}

#[test]
fn only_a_known_refusal_is_certain() {
    assert!(refuses("target failed to become healthy within configured timeout"));
    assert!(!refuses("unexpected EOF"));
}
