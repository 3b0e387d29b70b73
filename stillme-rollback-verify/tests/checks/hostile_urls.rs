//! URLs that mean to lead a check astray: each gets its typed refusal, and none is repeated in it.

use std::net::IpAddr;

use stillme_rollback_core::{Error, ErrorKind};
use stillme_rollback_verify::{Denied, HealthUrl, HttpCheck, InvalidUrl};

/// Why a URL is refused.
#[derive(Debug, PartialEq)]
enum Refusal {
    Invalid(InvalidUrl),
    Denied(Denied),
}

fn judged(text: &str) -> Result<(), Refusal> {
    let url = HealthUrl::parse(text).map_err(Refusal::Invalid)?;
    stillme_rollback_verify::AddressPolicy::default()
        .check_host(url.host())
        .map_err(Refusal::Denied)
}

fn metadata(ip: &str) -> Refusal {
    Refusal::Denied(Denied::Metadata(ip.parse::<IpAddr>().unwrap()))
}

#[test]
fn every_hostile_url_has_its_refusal() {
    use InvalidUrl::{
        AmbiguousIp, Character, Disputed, Empty, EncodedHost, Escape, Fragment, HostName, Ipv6,
        NoHost, NotAscii, Port, Scheme, TooLong, UserInfo,
    };
    let long_label = format!("http://{}.example/", "a".repeat(64));
    let long_name = format!("http://{}example/", "a.".repeat(130));
    let huge = format!("http://web/{}", "a".repeat(65_536));
    let corpus: Vec<(&str, Refusal)> = [
        // Schemes.
        ("", Empty),
        ("localhost:8080/healthz", Scheme),
        ("/healthz", Scheme),
        ("file:///etc/passwd", Scheme),
        ("ftp://web/", Scheme),
        ("gopher://web:70/_GET", Scheme),
        ("unix:///var/run/docker.sock", Scheme),
        ("javascript:alert(1)", Scheme),
        ("data:text/plain,ok", Scheme),
        ("http:web/", Scheme),
        ("http:/web/", Scheme),
        ("httpx://web/", Scheme),
        ("view-source:http://web/", Scheme),
        ("-http://web/", Scheme),
        // Users and passwords.
        ("http://c4nary@web/", UserInfo),
        ("http://ops:c4nary@web/healthz", UserInfo),
        ("http://web@169.254.169.254/", UserInfo),
        ("http://web:80@evil/", UserInfo),
        ("http://@web/", UserInfo),
        ("http://:@web/", UserInfo),
        ("http://a:c4nary@b:c4nary@web/", UserInfo),
        ("http://web#@evil/", Fragment),
        ("http://web?@evil/#c4nary", Fragment),
        // Characters.
        (" http://web/", Character(1)),
        ("http://web/ ", Character(12)),
        ("http://web/a\nb", Character(13)),
        ("http://web/a\r\nHost: evil", Character(13)),
        ("ht\ttp://web/", Character(3)),
        ("http://web\0/", Character(11)),
        ("http://web\u{7f}/", Character(11)),
        ("http://web/\u{1b}]0;owned\u{7}", Character(12)),
        ("http:\\\\web\\", Character(6)),
        ("http://web\\@evil/", Character(11)),
        ("http://web/{id}", Character(12)),
        ("http://web/`id`", Character(12)),
        ("http://<web>/", Character(8)),
        ("http://web/%", Escape(12)),
        ("http://web/%zz", Escape(12)),
        ("http://web/%0", Escape(12)),
        // Look-alikes.
        ("http://w\u{435}b/", NotAscii(9)),
        ("http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", NotAscii(8)),
        ("http://169\u{3002}254\u{3002}169\u{3002}254/", NotAscii(11)),
        ("http://\u{24db}ocalhost/", NotAscii(8)),
        ("http://web/\u{202e}gpj", NotAscii(12)),
        ("http://we\u{200b}b/", NotAscii(10)),
        ("http\u{ff1a}//web/", NotAscii(5)),
        ("http://xn--/", HostName),
        ("http://xn--a-ecp.ru/", Disputed),
        // Hosts.
        ("http://", NoHost),
        ("http:///healthz", NoHost),
        ("http://:8080/", NoHost),
        ("http://?x", NoHost),
        ("http://%31%36%39.254.169.254/", EncodedHost),
        ("http://web%2eevil/", EncodedHost),
        ("http://web%00.evil/", EncodedHost),
        ("http://web..example/", HostName),
        ("http://.web/", HostName),
        ("http://web./", HostName),
        ("http://-web/", HostName),
        ("http://web-/", HostName),
        ("http://*/", HostName),
        ("http://$(id)/", HostName),
        ("http://web;id/", HostName),
        ("http://web,evil/", HostName),
        (&*long_label, HostName),
        (&*long_name, HostName),
        (&*huge, TooLong(65_547)),
        // Numbers that are read differently.
        ("http://2130706433/", AmbiguousIp),
        ("http://2852039166/", AmbiguousIp),
        ("http://0xa9fea9fe/", AmbiguousIp),
        ("http://0xA9.0xFE.0xA9.0xFE/", AmbiguousIp),
        ("http://0251.0376.0251.0376/", AmbiguousIp),
        ("http://169.254.43518/", AmbiguousIp),
        ("http://169.16689662/", AmbiguousIp),
        ("http://127.1/", AmbiguousIp),
        ("http://0/", AmbiguousIp),
        ("http://0x/", AmbiguousIp),
        ("http://127.0.0.1./", AmbiguousIp),
        ("http://127.0.0.01/", AmbiguousIp),
        ("http://256.0.0.1/", AmbiguousIp),
        ("http://1.2.3.4.5/", AmbiguousIp),
        ("http://web.0x7f/", AmbiguousIp),
        // IPv6.
        ("http://::1/", Ipv6),
        ("http://[::1/", Ipv6),
        ("http://::1]/", Ipv6),
        ("http://[]/", Ipv6),
        ("http://[web]/", Ipv6),
        ("http://[127.0.0.1]/", Ipv6),
        ("http://[::1]web/", Ipv6),
        ("http://[fe80::1%25eth0]/", EncodedHost),
        ("http://[::ffff:0x7f.1]/", Ipv6),
        // Ports.
        ("http://web:/", Port),
        ("http://web:0/", Port),
        ("http://web:65536/", Port),
        ("http://web:-1/", Port),
        ("http://web:+80/", Port),
        ("http://web:8080:80/", Ipv6),
        ("http://web:0x50/", Port),
        ("http://web:00000080/", Port),
        ("http://[::1]:/", Port),
    ]
    .into_iter()
    .map(|(text, invalid)| (text, Refusal::Invalid(invalid)))
    .chain([
        ("http://169.254.169.254/latest/meta-data/", metadata("169.254.169.254")),
        ("http://169.254.170.2/v2/credentials", metadata("169.254.170.2")),
        ("http://100.100.100.200/", metadata("100.100.100.200")),
        ("https://[fd00:ec2::254]/", metadata("fd00:ec2::254")),
        ("http://[fe80::1]/", metadata("fe80::1")),
        ("http://[::ffff:169.254.169.254]/", metadata("::ffff:169.254.169.254")),
        ("http://[::ffff:a9fe:a9fe]/", metadata("::ffff:169.254.169.254")),
        ("http://[64:ff9b::a9fe:a9fe]/", metadata("64:ff9b::a9fe:a9fe")),
        (
            "http://255.255.255.255/",
            Refusal::Denied(Denied::NoUnicast([255, 255, 255, 255].into())),
        ),
        (
            "http://Metadata.Google.Internal/computeMetadata/v1/",
            Refusal::Denied(Denied::MetadataName("metadata.google.internal".to_owned())),
        ),
    ])
    .collect();
    assert!(corpus.len() > 100);
    let wrong: Vec<_> = corpus
        .iter()
        .map(|(text, refusal)| (&text[..text.len().min(60)], judged(text), refusal))
        .filter(|(_, judged, refusal)| judged.as_ref() != Err(*refusal))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_refusal_becomes_the_projects_error_and_repeats_nothing() {
    for (text, kind) in [
        ("http://ops:c4nary@web/healthz", ErrorKind::InvalidInput),
        ("ftp://ops:c4nary@web/", ErrorKind::InvalidInput),
        ("http://web\n/c4nary", ErrorKind::InvalidInput),
        ("http://c4nary..web/", ErrorKind::InvalidInput),
        ("http://169.254.169.254/c4nary?c4nary", ErrorKind::PermissionDenied),
    ] {
        let error = HealthUrl::parse(text)
            .map_err(Error::from)
            .and_then(|url| HttpCheck::builder(url).build())
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("c4nary"), "{shown}");
        assert!(shown.contains("nothing was"), "{shown}");
    }
}
