use std::time::SystemTime;

use super::*;

fn run() -> RunId {
    RunId::from_parts(SystemTime::UNIX_EPOCH, 42)
}

#[test]
fn names_are_those_of_the_engine() {
    for good in ["web", "a1", "9x", "web-1.2_3", &"x".repeat(255)] {
        assert!(ContainerName::new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "a",
        "-web",
        ".web",
        "_web",
        "/web",
        "we b",
        "web;id",
        "web\n",
        "wéb",
        "$(id)",
        "w\u{430}b",
        "../x",
        "a/b",
        &"x".repeat(256),
        &"x".repeat(65_536),
    ] {
        assert!(ContainerName::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn ids_are_whole() {
    let hex = "0123456789abcdef".repeat(4);
    assert_eq!(ContainerId::new(hex.as_str()).unwrap().short(), "0123456789ab");
    assert_eq!(ImageId::new(format!("sha256:{hex}")).unwrap().short(), "0123456789ab");
    for bad in
        [&hex[..12], &hex.to_uppercase(), "web", "", &format!("{hex}0"), &format!("sha256:{hex}")]
    {
        assert!(ContainerId::new(bad).is_err(), "{bad}");
    }
    for bad in [hex.as_str(), "sha256:", "sha256:0123", &format!("sha512:{hex}")] {
        assert!(ImageId::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn temporary_names_are_read_back() {
    let web = ContainerName::new("web").unwrap();
    let short = run().short();
    let waiting = web.waiting(&run()).unwrap();
    assert_eq!(waiting.as_str(), format!("web.rbn-{short}"));
    assert_eq!(waiting.role(), Role::Waiting { base: "web", run: &short });
    let aside = web.aside(&run()).unwrap();
    assert_eq!(aside.as_str(), format!("web.rbo-{short}"));
    assert_eq!(aside.role(), Role::Aside { base: "web", run: &short });
}

#[test]
fn names_that_only_look_temporary_are_somebodys_own() {
    for name in [
        "web",
        "web.rbn-",
        "web.rbo-short",
        "web.rbo-TOOLARGE",
        "web.rbo-123456789",
        "rbo-12345678",
    ] {
        assert_eq!(ContainerName::new(name).unwrap().role(), Role::Service, "{name}");
    }
}

#[test]
fn a_name_without_room_for_a_run_is_refused() {
    assert!(ContainerName::new("x".repeat(242)).unwrap().waiting(&run()).is_ok());
    let error = ContainerName::new("x".repeat(243)).unwrap().waiting(&run()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn what_is_read_from_a_file_is_checked_too() {
    assert!(serde_json::from_str::<ContainerName>(r#""web""#).is_ok());
    assert!(serde_json::from_str::<ContainerName>(r#""-rf""#).is_err());
    assert!(serde_json::from_str::<ContainerId>(r#""web""#).is_err());
}
