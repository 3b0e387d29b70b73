//! `HostConfig`: what is copied, what is fixed, what is refused.

use serde_json::{Value, json};
use stillme_rollback_core::{ErrorKind, Secret};

use super::{Given, ID, OTHER, assert_part, part};

/// What is shown, and what is sent of it; `null`: the key is not.
fn check(rows: impl IntoIterator<Item = (&'static str, Value, Value)>) {
    for (name, host, sent) in rows {
        let given = Given { host, names: vec![(OTHER, "db")], ..Given::default() };
        let recreated = given.recreate().expect(name);
        assert_part(name, &part(&recreated, "/HostConfig"), &sent);
    }
}

fn unchanged(name: &'static str, host: Value) -> (&'static str, Value, Value) {
    (name, host.clone(), host)
}

#[test]
fn what_is_not_known_to_need_a_change_is_copied() {
    check([
        unchanged(
            "restart policy",
            json!({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
        ),
        unchanged(
            "limits",
            json!({"Memory": 1024, "NanoCpus": 5, "PidsLimit": 7, "MemorySwappiness": 10}),
        ),
        unchanged(
            "ports",
            json!({"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21080"}]}}),
        ),
        unchanged("runtime", json!({"Runtime": "runsc"})),
        unchanged("a field of a newer engine", json!({"Newer": {"a": [1, null]}})),
        unchanged(
            "security",
            json!({"CapAdd": ["NET_ADMIN"], "Privileged": true, "SecurityOpt": ["x"], "ReadonlyRootfs": true}),
        ),
        unchanged("hosts", json!({"Dns": ["1.1.1.1"], "ExtraHosts": ["a:1.2.3.4"]})),
    ]);
}

#[test]
fn links_are_written_as_they_are_asked_for() {
    check([
        ("as shown", json!({"Links": ["/db:/web/database"]}), json!({"Links": ["db:database"]})),
        ("as asked", json!({"Links": ["db:database"]}), json!({"Links": ["db:database"]})),
        ("without an alias", json!({"Links": ["/db"]}), json!({"Links": ["db"]})),
        (
            "in any order",
            json!({"Links": ["/b:/web/b", "/a:/web/a", "/a:/web/a"]}),
            json!({"Links": ["a:a", "b:b"]}),
        ),
        ("none", json!({"Links": null}), json!({"Links": null})),
    ]);
}

#[test]
fn ids_of_other_containers_become_names() {
    check([
        (
            "network",
            json!({"NetworkMode": format!("container:{OTHER}")}),
            json!({"NetworkMode": "container:db"}),
        ),
        (
            "ipc",
            json!({"IpcMode": format!("container:{OTHER}")}),
            json!({"IpcMode": "container:db"}),
        ),
        (
            "pid",
            json!({"PidMode": format!("container:{OTHER}")}),
            json!({"PidMode": "container:db"}),
        ),
        ("a name", json!({"PidMode": "container:db"}), json!({"PidMode": "container:db"})),
        (
            "no container",
            json!({"IpcMode": "shareable", "PidMode": "host"}),
            json!({"IpcMode": "shareable", "PidMode": "host"}),
        ),
        (
            "volumes",
            json!({"VolumesFrom": [OTHER, format!("{OTHER}:ro"), "db:rw"]}),
            json!({"VolumesFrom": ["db", "db:ro", "db:rw"]}),
        ),
    ]);
}

#[test]
fn a_container_that_is_gone_is_named_in_the_refusal() {
    for host in [
        json!({"NetworkMode": format!("container:{OTHER}")}),
        json!({"IpcMode": format!("container:{OTHER}")}),
        json!({"PidMode": format!("container:{OTHER}")}),
        json!({"VolumesFrom": [format!("{OTHER}:ro")]}),
    ] {
        let error = Given { host, ..Given::default() }.recreate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.contains(OTHER) && text.contains("nothing was touched"), "{text}");
    }
}

#[test]
fn what_is_refused_with_the_network_of_another_container_is_not_sent() {
    let given = Given {
        config: json!({"Hostname": "db-host", "Domainname": "d", "ExposedPorts": {"80/tcp": {}}, "MacAddress": "x"}),
        host: json!({
            "NetworkMode": "container:db", "PortBindings": {"80/tcp": []}, "PublishAllPorts": true,
            "Dns": ["1.1.1.1"], "ExtraHosts": ["a:1.2.3.4"], "Links": ["/db:/web/db"], "Memory": 7,
        }),
        networks: json!({}),
        ..Given::default()
    };
    let recreated = given.recreate().unwrap();
    let gone = json!({"Hostname": null, "Domainname": "d", "ExposedPorts": null, "MacAddress": null, "NetworkingConfig": null});
    assert_part("config", &part(&recreated, ""), &gone);
    let gone = json!({
        "PortBindings": null, "PublishAllPorts": null, "Dns": null, "ExtraHosts": null, "Links": null,
        "NetworkMode": "container:db", "Memory": 7,
    });
    assert_part("host config", &part(&recreated, "/HostConfig"), &gone);
    assert!(recreated.notes().is_empty());
}

#[test]
fn what_the_engine_filled_in_is_left_to_it() {
    let mut given = Given {
        host: json!({
            "Runtime": "runc", "MemorySwappiness": 0, "KernelMemory": 1, "KernelMemoryTCP": 1,
            "Devices": [{"PathOnHost": "/dev/a", "CgroupPermissions": ""}, {"PathOnHost": "/dev/b", "CgroupPermissions": "r"}],
        }),
        ..Given::default()
    };
    given.engine = given.engine.with_default_runtime("runc").with_cgroup_v2();
    let sent = json!({
        "Runtime": null, "MemorySwappiness": null, "KernelMemory": null, "KernelMemoryTCP": null,
        "Devices": [{"PathOnHost": "/dev/a", "CgroupPermissions": "rwm"}, {"PathOnHost": "/dev/b", "CgroupPermissions": "r"}],
    });
    assert_part("filled in", &part(&given.recreate().unwrap(), "/HostConfig"), &sent);
}

#[test]
fn a_container_that_removes_itself_is_flagged() {
    for (host, flagged) in [
        (json!({"AutoRemove": true}), true),
        (json!({"AutoRemove": false}), false),
        (json!({}), false),
    ] {
        let given = Given { host, ..Given::default() };
        assert_eq!(given.recreate().unwrap().auto_remove, flagged);
    }
}

#[test]
fn ports_that_the_engine_chose_move_unless_pinned() {
    let given = Given {
        host: json!({"PortBindings": {
            "80/tcp": [{"HostIp": "", "HostPort": ""}],
            "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}, {"HostIp": "", "HostPort": "21081"}],
        }}),
        ports: json!({
            "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32770"}, {"HostIp": "::", "HostPort": "32771"}],
            "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32772"}, {"HostIp": "0.0.0.0", "HostPort": "21081"}],
        }),
        ..Given::default()
    };
    assert_eq!(given.recreate().unwrap().notes().len(), 2, "one a port");
    let pinned = Given { pin: true, ..given }.recreate().unwrap();
    assert!(pinned.notes().is_empty());
    let sent = json!({"PortBindings": {
        "80/tcp": [{"HostIp": "", "HostPort": "32770"}],
        "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32772"}, {"HostIp": "", "HostPort": "21081"}],
    }});
    assert_part("pinned", &part(&pinned, "/HostConfig"), &sent);
}

#[test]
fn publishing_all_ports_is_noted() {
    let given = Given { host: json!({"PublishAllPorts": true}), ..Given::default() };
    assert_eq!(given.recreate().unwrap().notes().len(), 1);
}

#[test]
fn answers_that_do_not_fit_are_refused() {
    let given = Given::default();
    let replacement = given.replacement();
    let whole = given.source().container.expose().clone();
    let image = given.source().image.expose().clone();
    let without = |key: &str| {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(key);
        part
    };
    for (name, container, image, kind) in [
        ("no answer", Value::Null, image.clone(), ErrorKind::Corrupt),
        ("no id", without("Id"), image.clone(), ErrorKind::Corrupt),
        ("no config", without("Config"), image.clone(), ErrorKind::Corrupt),
        ("no host config", without("HostConfig"), image.clone(), ErrorKind::Corrupt),
        ("another image", whole.clone(), json!({"Id": "sha256:cccc"}), ErrorKind::Mismatch),
        ("no image", whole.clone(), Value::Null, ErrorKind::Mismatch),
    ] {
        let source = super::Source::new(
            Secret::new(container),
            Secret::new(image),
            super::EngineFacts::new(super::V1_41),
        );
        let error = super::recreate(&source, &replacement).expect_err(name);
        assert_eq!(error.kind(), kind, "{name}");
        assert!(error.to_string().contains("nothing was touched"), "{name}: {error}");
    }
    assert!(ID.len() == 64, "the fixture's id is one");
}
