//! What a plan says of a recreation, and what it must not say.

use std::collections::BTreeMap;

use serde_json::json;
use stillme_rollback_core::HashKey;

use super::{Given, OTHER, V1_44};
use crate::names::{LABEL_RUN, LABEL_SPEC};
use crate::recreate::{EngineFacts, differences, recreate};

const CANARY: &str = "c4n4ry-s3cr3t";

fn secretive() -> Given {
    Given {
        old: json!({"Env": ["A=1", "GONE=1"], "Labels": {"v": "2"}, "Cmd": ["serve"], "User": "app", "ExposedPorts": {"80/tcp": {}}}),
        new: json!({"Env": ["A=2", "B=1"], "Labels": {"v": "1"}, "Cmd": ["serve", "--old"], "User": "app", "Healthcheck": {"Test": ["CMD", CANARY], "Interval": 5}}),
        config: json!({
            "Env": [format!("TOKEN={CANARY}"), "A=1", "GONE=1"], "Labels": {"v": "2", "token": CANARY},
            "Cmd": ["serve"], "User": "app", "ExposedPorts": {"80/tcp": {}},
        }),
        networks: json!({"bridge": {}, "back": {"DriverOpts": {"token": CANARY}}}),
        ..Given::default()
    }
}

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

#[test]
fn differences_name_what_changes_and_show_no_value_that_may_be_secret() {
    let given = secretive();
    let (source, replacement) = (given.source(), given.replacement());
    let recreated = recreate(&source, &replacement).unwrap();
    let changes = differences(&source, &replacement, &recreated, &key()).unwrap();
    let settings: Vec<_> = changes.iter().map(|change| change.setting.as_str()).collect();
    assert_eq!(
        settings,
        [
            "Image",
            "command",
            "env A",
            "env B",
            "env GONE",
            "exposed port 80/tcp",
            "health check Interval",
            "health check Test",
            "label v",
        ]
    );
    let (a, b) = (key().short_hash("A=1"), key().short_hash("A=2"));
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "Image: app:v2 → app:v1");
    assert_eq!(lines[2], format!("env A: #{a} → #{b}"));
    assert_eq!(lines[5], "exposed port 80/tcp: removed declared");
    assert_eq!(lines[6], "health check Interval: added 5");
}

#[test]
fn a_secret_shows_nowhere() {
    let given = secretive();
    let (source, replacement) = (given.source(), given.replacement());
    let recreated = recreate(&source, &replacement).unwrap();
    let changes = differences(&source, &replacement, &recreated, &key()).unwrap();
    let mut said =
        format!("{source:?} {replacement:?} {recreated:?} {changes:?} {:?}", recreated.notes());
    said += &serde_json::to_string(&changes).unwrap();
    said += &serde_json::to_string(&recreated.undecided).unwrap();
    said += &changes.iter().map(ToString::to_string).collect::<String>();
    assert!(!said.contains(CANARY), "{said}");
    assert!(recreated.body.expose().to_string().contains(CANARY), "it is there, unseen");
}

#[test]
fn what_could_not_be_decided_is_one_note() {
    let notes = secretive().recreate().unwrap().notes();
    assert_eq!(notes.len(), 1);
    for name in ["env A", "env GONE", "label v", "entrypoint and command", "exposed port 80/tcp"] {
        assert!(notes[0].text.contains(name), "{name}: {}", notes[0].text);
    }
}

#[test]
fn nothing_changes_with_the_same_image() {
    let mut given = secretive();
    given.new = given.old.clone();
    let (source, replacement) = (given.source(), given.replacement());
    let recreated = recreate(&source, &replacement).unwrap();
    let changes = differences(&source, &replacement, &recreated, &key()).unwrap();
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["Image: app:v2 → app:v1"]);
    assert!(recreated.undecided.is_empty());
}

#[test]
fn the_hash_knows_every_setting_and_no_run() {
    let given = secretive();
    let hash = |given: &Given| given.recreate().unwrap().spec_hash(&key());
    let plain = hash(&given);
    assert_eq!(plain, hash(&given), "the same request, the same hash");
    assert_ne!(plain, given.recreate().unwrap().spec_hash(&HashKey::from_bytes([8; 32])));

    let labels = BTreeMap::from([
        (LABEL_RUN.to_owned(), "run".to_owned()),
        (LABEL_SPEC.to_owned(), plain.clone()),
    ]);
    let labelled = given.replacement().with_labels(labels);
    let recreated = recreate(&given.source(), &labelled).unwrap();
    assert_eq!(recreated.body.expose()["Labels"][LABEL_RUN], "run");
    assert_eq!(recreated.spec_hash(&key()), plain, "labels of ours do not count");

    let ulimits = |first: &str, second: &str| Given {
        host: json!({"Ulimits": [{"Name": first}, {"Name": second}]}),
        ..given.clone()
    };
    let (one, two) = (ulimits("core", "nproc"), ulimits("nproc", "core"));
    assert_eq!(hash(&one), hash(&two), "the engine lists them in any order");

    let others = [
        one,
        Given { config: json!({"Env": ["TOKEN=other", "A=1", "GONE=1"]}), ..given.clone() },
        Given { host: json!({"Memory": 1}), ..given.clone() },
        Given { networks: json!({"bridge": {}, "back": {"Aliases": ["a"]}}), ..given.clone() },
        Given { networks: json!({"bridge": {}}), ..given.clone() },
        Given { engine: EngineFacts::new(V1_44), ..given.clone() },
        Given {
            host: json!({"PidMode": format!("container:{OTHER}")}),
            names: vec![(OTHER, "db")],
            ..given
        },
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(hash(other), plain, "{index}");
    }
}
