use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::action::Back;
use super::super::command::ComposeId;
use super::super::definition::Definition;
use super::super::names::Project;
use super::super::version::{ComposeVersion, Flavour};
use super::*;
use crate::names::{ContainerId, ImageId};

fn image(digit: char) -> ImageId {
    ImageId::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn hashes() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn orders() -> Orders {
    let order = Order {
        from: image('a'),
        to: image('b'),
        reference: "app:v1".to_owned(),
        hash: hashes().long_hash(b"ours"),
        back: Back {
            reference: "app:v2".to_owned(),
            by_files: true,
            tag: "stillme-rb/x:y".parse().unwrap(),
        },
        replicas: 2,
    };
    Orders {
        compose: ComposeId {
            flavour: Flavour::Plugin,
            version: ComposeVersion::new("5.6.0").unwrap(),
        },
        definition: Definition {
            project: Project::new("shop").unwrap(),
            dir: PathBuf::from("/shop"),
            files: vec![PathBuf::from("/shop/compose.yml")],
            env_files: Vec::new(),
            profiles: Vec::new(),
            root: PathBuf::from("/shop"),
        },
        services: BTreeMap::from([(ServiceName::new("web").unwrap(), order)]),
        version: None,
    }
}

/// `1a up`: number, image, state; then a hash, then a name.
fn replica(text: &str) -> Replica {
    let mut words = text.split(' ');
    let (what, state) = (words.next().unwrap(), words.next().unwrap());
    let (number, digit) = what.split_at(1);
    Replica {
        id: ContainerId::new("c".repeat(64)).unwrap(),
        service: ServiceName::new("web").unwrap(),
        number: number.to_owned(),
        image: Some(image(digit.chars().next().unwrap())),
        state: state.to_owned(),
        hash: words.next().unwrap_or("theirs").to_owned(),
        name: words.next().unwrap_or("shop-web-1").to_owned(),
        version: String::new(),
        dir: None,
        files: Vec::new(),
        env_files: Vec::new(),
    }
}

#[test]
fn what_the_containers_are_is_seen() {
    let rows: &[(&[&str], [&str; 5], bool)] = &[
        // image, new, old, replicas, leftovers; foreign
        (&["1a running", "2a running"], ["from", "none", "up", "2", "none"], false),
        (&["1b running", "2b running"], ["to", "up", "none", "2", "none"], false),
        (&["1b running", "2a running"], ["mixed", "up", "up", "2", "none"], false),
        (&["1b running", "2b exited"], ["to", "exited", "none", "2", "none"], false),
        (&["1b restarting", "2b running"], ["to", "crashing", "none", "2", "none"], false),
        (&["1b created", "2b running"], ["to", "created", "none", "2", "none"], false),
        (
            &["1b created", "1a exited theirs 0123456789ab_shop-web-1"],
            ["mixed", "created", "exited", "1", "some"],
            false,
        ),
        (&[], ["none", "none", "none", "0", "none"], false),
        (&["1c running"], ["other", "none", "none", "1", "none"], true),
        (&["1c running", "2b running"], ["other", "up", "none", "2", "none"], true),
        (&["1c running ours", "2b running"], ["wrong", "up", "none", "2", "none"], false),
    ];
    let web = ServiceName::new("web").unwrap();
    for (containers, expected, is_foreign) in rows {
        let replicas: Vec<_> = containers.iter().map(|text| replica(text)).collect();
        let facts = facts(Facts::new(), &orders(), &replicas, &hashes());
        let keys = [
            key::image(&web),
            key::new(&web),
            key::old(&web),
            key::replicas(&web),
            key::LEFTOVERS.to_owned(),
        ];
        let found: Vec<_> = keys.iter().map(|key| facts.get(key).unwrap()).collect();
        assert_eq!(found, expected, "{containers:?}");
        assert_eq!(facts.foreign.is_some(), *is_foreign, "{containers:?}");
    }
}

#[test]
fn other_services_are_not_looked_at() {
    let mut other = replica("1c running");
    other.service = ServiceName::new("db").unwrap();
    let facts = facts(Facts::new(), &orders(), &[replica("1a running"), other], &hashes());
    assert!(facts.foreign.is_none());
}
