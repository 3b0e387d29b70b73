use super::*;

#[test]
fn honest_urls_are_read() {
    for (text, host, port, shown) in [
        ("http://localhost", "localhost", 80, "http://localhost/"),
        ("HTTP://LocalHost:8080/", "localhost", 8080, "http://localhost:8080/"),
        (
            "https://web.example.org/healthz",
            "web.example.org",
            443,
            "https://web.example.org/healthz",
        ),
        ("http://127.0.0.1:8080/healthz", "127.0.0.1", 8080, "http://127.0.0.1:8080/healthz"),
        ("http://[::1]:8080/healthz", "[::1]", 8080, "http://[::1]:8080/healthz"),
        ("http://[0:0::1]/", "[::1]", 80, "http://[::1]/"),
        ("http://my_app-1:80/a/../b", "my_app-1", 80, "http://my_app-1/b"),
        (
            "http://xn--mnchen-3ya.example/",
            "xn--mnchen-3ya.example",
            80,
            "http://xn--mnchen-3ya.example/",
        ),
        ("http://web/a%20b", "web", 80, "http://web/a%20b"),
        ("http://web/a@b", "web", 80, "http://web/a@b"),
        ("http://web?a=b&t0p&c=", "web", 80, "http://web/?a=***&***&c=***"),
        ("http://1a.example/", "1a.example", 80, "http://1a.example/"),
    ] {
        let url = HealthUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((url.host().to_string().as_str(), url.port()), (host, port), "{text}");
        assert_eq!(url.to_string(), shown, "{text}");
    }
}

#[test]
fn the_request_keeps_what_is_not_shown() {
    let url = HealthUrl::parse("http://web/h?token=t0p").unwrap();
    assert_eq!(url.expose(), "http://web/h?token=t0p");
    assert!(!format!("{url:?} {url}").contains("t0p"));
    assert!(url.has_query());
    let bare = url.without_query();
    assert_eq!(bare.expose(), "http://web/h");
    assert!(!bare.has_query());
    assert_eq!(bare, HealthUrl::parse("http://web/h").unwrap());
}

#[test]
fn endpoints_are_read() {
    for (text, result) in [
        ("localhost:5432", Ok("localhost:5432")),
        ("[::1]:5432", Ok("[::1]:5432")),
        ("10.0.0.7:1", Ok("10.0.0.7:1")),
        ("localhost", Err(InvalidUrl::Port)),
        ("localhost:", Err(InvalidUrl::Port)),
        ("localhost:0", Err(InvalidUrl::Port)),
        ("localhost:65536", Err(InvalidUrl::Port)),
        ("localhost:+80", Err(InvalidUrl::Port)),
        (":80", Err(InvalidUrl::NoHost)),
        ("::1:80", Err(InvalidUrl::Ipv6)),
        ("u:p@host:80", Err(InvalidUrl::UserInfo)),
        ("u@host:80", Err(InvalidUrl::UserInfo)),
        ("http://host:80", Err(InvalidUrl::Ipv6)),
        ("host/path:80", Err(InvalidUrl::HostName)),
        ("", Err(InvalidUrl::Empty)),
        ("0x7f.1:80", Err(InvalidUrl::AmbiguousIp)),
    ] {
        let read = Endpoint::parse(text).map(|endpoint| endpoint.to_string());
        assert_eq!(read, result.map(str::to_owned), "{text}");
    }
}
