use super::*;

const HEX: &str = "86e0e091d0da6bde2456dbb48306f3956bbeb2eae1b5b9a43045843f69fe4aaa";

#[test]
fn the_parts_are_found() {
    let digest = format!("sha256:{HEX}");
    for (text, repository, tag, with_digest) in [
        ("app:v1", "app", Some("v1"), false),
        ("localhost:5000/a/b:t_1.x-", "localhost:5000/a/b", Some("t_1.x-"), false),
        (&format!("a/b@{digest}"), "a/b", None, true),
        (&format!("h.io:1/a:v1@{digest}"), "h.io:1/a", Some("v1"), true),
        ("[2001:db8::1]:5000/app:v1", "[2001:db8::1]:5000/app", Some("v1"), false),
    ] {
        let image: ImageRef = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(image.repository(), repository, "{text}");
        assert_eq!(image.tag(), tag, "{text}");
        assert_eq!(image.digest(), with_digest.then_some(digest.as_str()), "{text}");
        assert_eq!(image.to_string(), text);
    }
}

#[test]
fn what_is_ambiguous_or_steers_is_refused() {
    let upper = format!("a@sha256:{}", HEX.to_ascii_uppercase());
    let long_tag = format!("a:{}", "t".repeat(129));
    let huge = "a".repeat(65_536);
    for bad in [
        "",
        ":",
        "app",
        "app:",
        ":v1",
        "App:v1",
        "a:-x",
        "a:.x",
        "a:v1;id",
        "a:$(id)",
        "a:v\n1",
        "a: v1",
        "-a:v1",
        "a:v\u{430}lid",
        "a:\u{ff56}1",
        "a:\u{0661}",
        "a@sha256:abc",
        &upper,
        &long_tag,
        &huge,
        "a//b:v1",
        "a/../b:v1",
        "http://a/b:v1",
        "a:v1@",
        "a:v1\0",
    ] {
        let error = bad.parse::<ImageRef>().expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().len() < 2500, "an error must not repeat 64 KiB of input");
    }
}

#[test]
fn another_tag_keeps_the_repository() {
    let image: ImageRef = "h:5000/app:v2".parse().unwrap();
    assert_eq!(image.with_tag("v1").unwrap().as_str(), "h:5000/app:v1");
    for bad in ["v1@sha256:00", "x/y", "a:b", "", "-v1"] {
        assert!(image.with_tag(bad).is_err(), "{bad}");
    }
}

/// Where two independent parsers agree that a reference is good, so do we, and with the same parts.
/// (`oci-spec` alone accepts Unicode tags and fills in `latest`: those are excluded by name.)
#[test]
fn agrees_with_a_second_parser() {
    let digest = format!("sha256:{HEX}");
    for text in [
        "a:b",
        "a/b:c",
        "a.b/c:d",
        "a.b:1/c/d:e",
        "localhost/a:b",
        "a__b:c",
        "a--b:c",
        "a_b:c",
        "a.b:c",
        "a..b:c",
        "a___b:c",
        "a-:b",
        "_a:b",
        "A/b:c",
        "a/B:c",
        "a:B",
        "a:b:c",
        "127.0.0.1:5000/a:b",
        "xn--n3h.com/my-app:tag",
        &format!("a@{digest}"),
        &format!("a:b@{digest}"),
    ] {
        let other = text.parse::<oci_spec::distribution::Reference>().ok();
        let ours = text.parse::<ImageRef>().ok();
        assert_eq!(ours.is_some(), other.is_some(), "{text}");
        if let (Some(ours), Some(other)) = (ours, other) {
            assert_eq!(ours.digest(), other.digest(), "{text}");
            if ours.tag().is_some() {
                assert_eq!(ours.tag(), other.tag(), "{text}");
            }
        }
    }
}
