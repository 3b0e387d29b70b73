use std::collections::BTreeMap;

use serde_json::json;
use stillme_rollback_core::{Settings, Version};

use super::*;

fn id(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

fn container(n: u8, from: Option<u8>, policy: &str) -> Value {
    json!({
        "Id": id(n), "Image": "image",
        "Config": {"Labels": from.map(|from| json!({LABEL_FROM: id(from)}))},
        "HostConfig": {"RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}},
    })
}

/// Container 9 runs, the others are kept.
fn detail(running: Value, kept: &[(u8, Value)]) -> Detail {
    let list: Vec<_> = kept
        .iter()
        .map(|(n, _)| json!({"id": id(*n), "name": format!("web.rbo-0000000{n}"), "runs": false}))
        .collect();
    let containers: BTreeMap<_, _> = kept.iter().map(|(n, kept)| (id(*n), kept.clone())).collect();
    let engine = json!({"api": "1.41", "os": "linux", "arch": "amd64", "host_name": "", "default_runtime": ""});
    serde_json::from_value(json!({
        "engine": engine, "container": running, "image": {}, "images": {}, "names": {},
        "previous": null, "changed_files": 0, "leftovers": [], "protected": {},
        "kept": list, "kept_containers": containers,
    }))
    .unwrap()
}

fn release(kept: &[u8]) -> Release {
    kept.iter().fold(Release::new(Version::new("image").unwrap()), |release, n| {
        release.with_evidence(Evidence::Kept { instance: format!("web.rbo-0000000{n}") })
    })
}

fn policy_of(detail: &Detail, to: &Release) -> (String, String) {
    let chosen = choose(detail, to, &release(&[])).unwrap();
    let policy = chosen.origin.restart["Name"].as_str().unwrap().to_owned();
    (policy, chosen.notes[0].text.clone())
}

/// The restart policy was taken from a container when it was put aside: what it was is found elsewhere.
#[test]
fn the_restart_policy_is_the_one_that_it_had() {
    let record = |instance: u8| {
        let policy = (RESTART_POLICY.to_owned(), "on-failure:3".to_owned());
        Settings::new(BTreeMap::from([policy])).of(id(instance))
    };
    let replaced = detail(container(9, Some(1), "always"), &[(1, container(1, None, "no"))]);
    let chain = detail(
        container(9, Some(2), "always"),
        &[(2, container(2, Some(1), "no")), (1, container(1, None, "no"))],
    );
    let own = detail(container(9, None, "always"), &[(1, container(1, None, "unless-stopped"))]);
    let stranger = detail(container(9, None, "always"), &[(1, container(1, None, "no"))]);
    for (name, detail, settings, policy, from) in [
        ("by hand since", &own, Some(record(1)), "unless-stopped", "its own"),
        ("recorded", &replaced, Some(record(1)), "on-failure", "recorded"),
        ("of another one", &replaced, Some(record(7)), "always", "which replaced it"),
        ("who replaced it", &replaced, None, "always", "which replaced it"),
        ("who replaced that one", &chain, None, "always", "which replaced it"),
        ("unknown", &stranger, None, "always", "nothing tells"),
    ] {
        let mut to = release(&[1]);
        to.settings = settings.map(Box::new);
        let (found, note) = policy_of(detail, &to);
        assert_eq!(found, policy, "{name}");
        assert!(note.contains(from), "{name}: {note}");
    }
    let mut to = release(&[1]);
    to.settings = Some(Box::new(record(1)));
    let restart = choose(&replaced, &to, &to).unwrap().origin.restart;
    assert_eq!(restart, json!({"Name": "on-failure", "MaximumRetryCount": 3}));
}

#[test]
fn the_newest_of_several_is_taken_and_the_others_are_named() {
    let kept = [(2, container(2, None, "no")), (1, container(1, None, "no"))];
    let detail = detail(container(9, None, "no"), &kept);
    let chosen = choose(&detail, &release(&[1, 2]), &release(&[])).unwrap();
    assert_eq!(chosen.origin.container.as_str(), id(2));
    let text: Vec<_> = chosen.notes.iter().map(|note| note.text.as_str()).collect();
    assert!(text.join("; ").contains("web.rbo-00000001"), "{text:?}");
    let chosen = choose(&detail, &release(&[1]), &release(&[])).unwrap();
    assert_eq!(chosen.origin.container.as_str(), id(1));
    assert_eq!(chosen.notes.len(), 1);
}

#[test]
fn without_the_container_there_are_no_values() {
    let other = json!({"Id": id(1), "Image": "another", "HostConfig": {}});
    let settings = |value: &str| {
        let values =
            [("env TOKEN".to_owned(), value.to_owned()), ("same".to_owned(), "1".to_owned())];
        Settings::new(BTreeMap::from(values))
    };
    for kept in [vec![], vec![(1, other)]] {
        let detail = detail(container(9, None, "no"), &kept);
        let (then, now) = (release(&[1]), release(&[]));
        let (then, now) = (then.with_settings(settings("#1")), now.with_settings(settings("#2")));
        let Err(error) = choose(&detail, &then, &now) else { panic!("it is gone") };
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.contains("env TOKEN") && !text.contains("same"), "{text}");
        assert!(text.contains("nothing was touched") && text.contains("--with-config"), "{text}");
    }
}
