//! What a record keeps of settings: names, and nothing that could be a secret.

use std::collections::BTreeMap;

use serde_json::json;
use stillme_rollback_core::HashKey;

use super::*;
use crate::recreate::{Shown, changes, settings};

const CANARY: &str = "canary";

fn key() -> HashKey {
    HashKey::from_bytes([3; 32])
}

fn shown(given: &Given) -> BTreeMap<String, Shown> {
    settings(&given.recreate().unwrap(), &given.replacement(), &key())
}

fn full(value: &str) -> Given {
    Given {
        config: json!({
            "Env": [format!("TOKEN={value}")],
            "Labels": {"secret": value},
            "Cmd": ["serve", value],
            "Domainname": value,
            "StopTimeout": 7,
            "Healthcheck": {"Test": ["CMD", value], "Retries": 3},
        }),
        host: json!({
            "Binds": [format!("{value}:/data")],
            "LogConfig": {"Type": "splunk", "Config": {"splunk-token": value}},
            "ExtraHosts": [format!("{value}:10.0.0.1")],
            "Memory": 64,
            "Privileged": true,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4},
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        }),
        networks: json!({"bridge": {"IPAMConfig": {"IPv4Address": value}}}),
        ..Given::default()
    }
}

#[test]
fn nothing_that_could_be_a_secret_is_kept() {
    let all = shown(&full(CANARY));
    assert!(!format!("{all:?}").contains(CANARY), "{all:?}");
    for (name, value) in [
        ("StopTimeout", "7"),
        ("health check Retries", "3"),
        ("host Memory", "64"),
        ("host Privileged", "true"),
        ("restart policy", "on-failure:4"),
        ("port 80/tcp", "127.0.0.1:8080"),
        ("network mode", "bridge"),
    ] {
        assert_eq!(all[name], Shown::Value(value.to_owned()), "{name}");
    }
}

#[test]
fn every_setting_that_differs_is_named() {
    let (before, after) = (shown(&full(CANARY)), shown(&full("other")));
    let named: Vec<_> = changes(&before, &after).into_iter().map(|change| change.setting).collect();
    assert_eq!(
        named,
        [
            "Domainname",
            "command",
            "env TOKEN",
            "health check Test",
            "host ExtraHosts",
            "host LogConfig",
            "label secret",
            "mount /data",
            "network bridge",
        ]
    );
    assert!(changes(&before, &before).is_empty());
    let gone = changes(&before, &BTreeMap::new());
    assert!(gone.iter().all(|change| change.after.is_none()) && gone.len() == before.len());
}
