use super::*;

fn led(from: &str, location: &str) -> Result<String, Stray> {
    let from = HealthUrl::parse(from).unwrap();
    let answer = HttpAnswer::new(302, "").with_location(location);
    next(&from, &answer).map(|url| url.expose().to_owned())
}

#[test]
fn a_redirect_stays_on_its_host() {
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
        ("http://web:8080/a", "http://web:9090/b", "http://web:9090/b"),
        ("http://web:8080/a", "//web/b", "http://web/b"),
        ("http://web:8080/a", "https://web:8443/b", "https://web:8443/b"),
        ("http://[::1]:81/a", "http://[::1]:82/b", "http://[::1]:82/b"),
        ("https://web/a", "http://web/b", "http://web/b"),
        ("https://web/a", "http://web:443/b", "http://web:443/b"),
    ] {
        assert_eq!(led(from, location).as_deref(), Ok(to), "{location}");
    }
}

#[test]
fn every_other_redirect_is_refused_by_name() {
    let other = |origin: &str| Stray::OtherHost(origin.to_owned());
    for (from, location, stray) in [
        ("http://web/", "http://evil/", other("http://evil")),
        ("http://web/", "//evil/x", other("http://evil")),
        ("http://web/", "http://web.evil/", other("http://web.evil")),
        ("http://web:8080/", "http://evil:8080/", other("http://evil:8080")),
        ("http://[::1]/", "http://[::2]/", other("http://[::2]")),
        ("https://web/", "https://evil/", other("https://evil")),
        ("http://localhost/", "http://127.0.0.1/", other("http://127.0.0.1")),
        (
            "http://web/",
            "http://169.254.169.254/latest/meta-data/",
            other("http://169.254.169.254"),
        ),
        ("http://web/", "http://[fd00:ec2::254]/", other("http://[fd00:ec2::254]")),
        ("http://web/", "http://2852039166/", other("http://169.254.169.254")),
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
fn a_trail_tells_where_it_ended_and_whether_tls_was_left() {
    for (from, locations, told) in [
        ("http://web/", &[][..], "200"),
        ("http://web/", &["/a", "b"], "200"),
        ("http://web:8080/", &["//web:9090/?t=1"], "redirected to http://web:9090: 200"),
        ("http://web:8080/", &["//web:9090/", "//web:8080/"], "200"),
        ("http://web/", &["https://web/"], "redirected to https://web: 200"),
        ("https://web/", &["http://web/"], "redirected to http://web, leaving TLS on the way: 200"),
        (
            "https://web/",
            &["http://web/", "https://web/"],
            "redirected to https://web, leaving TLS on the way: 200",
        ),
    ] {
        let asked = HealthUrl::parse(from).unwrap();
        let mut trail = Trail::from(&asked);
        for location in locations {
            trail.follow(&HttpAnswer::new(302, "").with_location(*location)).unwrap();
        }
        assert_eq!(trail.tell(String::from("200")), told, "{from} {locations:?}");
    }
}

#[test]
fn a_trail_stays_where_a_stray_redirect_was_answered() {
    let asked = HealthUrl::parse("http://web:8080/").unwrap();
    let mut trail = Trail::from(&asked);
    trail.follow(&HttpAnswer::new(302, "").with_location("//web:9090/")).unwrap();
    trail.follow(&HttpAnswer::new(302, "").with_location("//evil/")).unwrap_err();
    assert_eq!(trail.url().expose(), "http://web:9090/");
}

#[test]
fn only_five_statuses_send_elsewhere() {
    let redirects: Vec<u16> = (100..600).filter(|status| is_redirect(*status)).collect();
    assert_eq!(redirects, [301, 302, 303, 307, 308]);
}
