use serde_json::json;
use stillme_rollback_core::Secret;

use super::*;

fn plain() -> Expectation {
    Expectation::default()
}

#[test]
fn statuses_are_judged() {
    let named = |text: &str| plain().status(text.parse().unwrap());
    for (expectation, status, good) in [
        (plain(), 200, true),
        (plain(), 204, true),
        (plain(), 304, true),
        (plain(), 399, true),
        (plain(), 199, false),
        (plain(), 400, false),
        (plain(), 500, false),
        (named("200"), 200, true),
        (named("200"), 204, false),
        (named("200-299,404"), 404, true),
        (named("200-299,404"), 299, true),
        (named("200-299,404"), 300, false),
        (named("503"), 503, true),
    ] {
        let judged = expectation.judge(&HttpAnswer::new(status, ""));
        assert_eq!(judged.is_ok(), good, "{status}: {judged:?}");
    }
    assert_eq!(
        named("200,204").judge(&HttpAnswer::new(500, "t0p")),
        Err(String::from("500, expected 200,204"))
    );
}

#[test]
fn malformed_statuses_are_refused() {
    for bad in [
        "",
        "2xx",
        "99",
        "600",
        "0200",
        "+200",
        "200-",
        "-200",
        "300-200",
        "200,",
        "200 ",
        "200;204",
        "२००",
        &"200,".repeat(100),
    ] {
        assert!(bad.parse::<Statuses>().is_err(), "{bad:?}");
    }
    for good in ["200", "200-299", "200-299,404"] {
        assert_eq!(good.parse::<Statuses>().unwrap().to_string(), good);
    }
}

#[test]
fn text_is_found_anywhere_in_what_was_read() {
    let expectation = plain().containing("ready");
    let judge = |body: &str, is_cut: bool| {
        let mut answer = HttpAnswer::new(200, body);
        answer.is_cut = is_cut;
        expectation.judge(&answer)
    };
    assert!(judge("already", false).is_ok());
    assert!(judge(&format!("{}ready", "x".repeat(60_000)), true).is_ok());
    assert_eq!(
        judge("read", false),
        Err(String::from("200, but the body does not hold the expected text"))
    );
    assert!(judge(&"x".repeat(65_536), true).unwrap_err().contains("64 KiB"));
    assert!(judge("", false).is_err());
}

#[test]
fn json_fields_are_compared() {
    for (pointer, equals, body, good) in [
        ("/status", json!("up"), r#"{"status":"up"}"#, true),
        ("/status", json!("up"), r#"{"status":"UP"}"#, false),
        ("/status", json!("up"), r#"{"state":"up"}"#, false),
        ("/status", json!("up"), r#"{"status":["up"]}"#, false),
        ("/a/0/b", json!(true), r#"{"a":[{"b":true}]}"#, true),
        ("/a~1b/~0", json!(null), r#"{"a/b":{"~":null}}"#, true),
        ("/n", json!(1), r#"{"n":1.0}"#, true),
        ("/n", json!(1), r#"{"n":1e0}"#, true),
        ("/n", json!(1), r#"{"n":"1"}"#, false),
        ("/n", json!(0), r#"{"n":null}"#, false),
        ("", json!("ok"), r#""ok""#, true),
        ("", json!([1, 2]), "[1,2]", true),
        ("/status", json!("up"), "up", false),
        ("/status", json!("up"), r#"{"status":"up"} trailing"#, false),
        ("/status", json!("up"), r#"{"status":"up""#, false),
        ("/status", json!("up"), "", false),
        ("/status", json!("up"), &"[".repeat(60_000), false),
    ] {
        let expectation = plain().json(pointer, equals);
        expectation.check().unwrap();
        let judged = expectation.judge(&HttpAnswer::new(200, body));
        assert_eq!(judged.is_ok(), good, "{pointer} in {body:.40}: {judged:?}");
    }
    let two = plain().json("/a", json!(1)).json("/b", json!(2));
    assert!(two.judge(&HttpAnswer::new(200, r#"{"a":1,"b":2}"#)).is_ok());
    assert!(two.judge(&HttpAnswer::new(200, r#"{"a":1,"b":1}"#)).is_err());
}

#[test]
fn a_body_that_was_cut_or_compressed_is_not_believed() {
    let expectation = plain().json("", json!({}));
    let mut cut = HttpAnswer::new(200, "{}");
    cut.is_cut = true;
    assert!(expectation.judge(&cut).is_err());
    let mut encoded = HttpAnswer::new(200, "{}");
    encoded.is_encoded = true;
    assert!(expectation.judge(&encoded).is_err());
    assert!(plain().judge(&encoded).is_ok(), "nothing is asked of it");
}

#[test]
fn nothing_of_the_body_is_in_the_reason() {
    let mut answer = HttpAnswer::new(200, "");
    answer.body = Secret::new(br#"{"status":"c4nary","c4nary":1}"#.to_vec());
    for expectation in [
        plain().containing("x"),
        plain().json("/status", json!("up")),
        plain().json("/x", json!("up")),
        plain().status("204".parse().unwrap()),
    ] {
        let why = expectation.judge(&answer).unwrap_err();
        assert!(!why.contains("c4nary"), "{why}");
    }
    assert!(!format!("{answer:?}").contains("c4nary"));
}

#[test]
fn what_no_answer_can_meet_is_refused() {
    for bad in [
        plain().containing(""),
        plain().containing("x".repeat(5000)),
        plain().json("status", json!(1)),
        plain().json("/a~2", json!(1)),
        plain().json("/a~", json!(1)),
        plain().json(format!("/{}", "x".repeat(5000)), json!(1)),
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}
