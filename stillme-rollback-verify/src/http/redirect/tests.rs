use super::*;

fn led(from: &str, location: &str) -> Result<String, Stray> {
    let from = HealthUrl::parse(from).unwrap();
    let answer = HttpAnswer::new(302, "").with_location(location);
    next(&from, &answer).map(|url| url.expose().to_owned())
}

#[test]
fn a_redirect_stays_on_its_server() {
    for (from, location, to) in [
        ("http://web:8080/a", "/b?x=1", "http://web:8080/b?x=1"),
        ("http://web:8080/a/b", "c", "http://web:8080/a/c"),
        ("http://web:8080/a", "http://WEB:8080/b", "http://web:8080/b"),
        ("http://web/a", "https://web/b", "https://web/b"),
        ("http://web/a", "https://web:443/b", "https://web/b"),
        ("http://web/a", "//web/b", "http://web/b"),
        ("http://web/a", "/b#part", "http://web/b"),
        ("http://[::1]:81/a", "http://[::1]:81/b", "http://[::1]:81/b"),
        ("http://web:8443/a", "https://web:8443/b", "https://web:8443/b"),
    ] {
        assert_eq!(led(from, location).as_deref(), Ok(to), "{location}");
    }
}

#[test]
fn every_other_redirect_is_refused_by_name() {
    let other = |origin: &str| Stray::OtherServer(origin.to_owned());
    for (from, location, stray) in [
        ("http://web/", "http://evil/", other("http://evil")),
        ("http://web/", "//evil/x", other("http://evil")),
        ("http://web/", "http://web.evil/", other("http://web.evil")),
        ("http://localhost:8080/", "http://localhost:9090/", other("http://localhost:9090")),
        ("http://localhost:8080/", "https://localhost:8443/", other("https://localhost:8443")),
        ("http://localhost/", "http://127.0.0.1/", other("http://127.0.0.1")),
        (
            "http://web/",
            "http://169.254.169.254/latest/meta-data/",
            other("http://169.254.169.254"),
        ),
        ("http://web/", "http://[fd00:ec2::254]/", other("http://[fd00:ec2::254]")),
        ("http://web/", "http://2852039166/", other("http://169.254.169.254")),
        ("https://web/", "http://web/", Stray::Downgrade),
        ("https://web/", "http://web:443/", Stray::Downgrade),
        ("http://web/", "file:///etc/passwd", Stray::Unreadable(InvalidUrl::Scheme)),
        ("http://web/", "gopher://web/", Stray::Unreadable(InvalidUrl::Scheme)),
        ("http://web/", "http://u:p@web/", Stray::Unreadable(InvalidUrl::UserInfo)),
        ("http://web/", "", Stray::Unreadable(InvalidUrl::Empty)),
        ("http://web/", "/a b", Stray::Unreadable(InvalidUrl::Character(3))),
        ("http://web/", "\\\\evil\\", Stray::Unreadable(InvalidUrl::Character(1))),
        ("http://web/", "http://w\u{435}b/", Stray::Unreadable(InvalidUrl::NotAscii(9))),
        ("http://web/", "http://web:0/", Stray::Unreadable(InvalidUrl::Port)),
    ] {
        assert_eq!(led(from, location), Err(stray), "{location}");
    }
    let url = HealthUrl::parse("http://web/").unwrap();
    assert_eq!(next(&url, &HttpAnswer::new(302, "")), Err(Stray::NoLocation));
}

#[test]
fn only_five_statuses_send_elsewhere() {
    let redirects: Vec<u16> = (100..600).filter(|status| is_redirect(*status)).collect();
    assert_eq!(redirects, [301, 302, 303, 307, 308]);
}
