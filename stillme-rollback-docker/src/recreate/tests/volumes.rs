//! Anonymous volumes: their data stay with the service.

use serde_json::{Value, json};

use super::{Given, OTHER, part};

fn volume(name: &str, destination: &str, rw: bool) -> Value {
    json!({"Type": "volume", "Name": name, "Destination": destination, "RW": rw, "Mode": "z"})
}

struct Row {
    name: &'static str,
    config: Value,
    host: Value,
    mounts: Value,
    binds: Value,
    carried: &'static [&'static str],
}

#[test]
fn anonymous_volumes_are_mounted_by_name() {
    let rows = [
        Row {
            name: "none",
            config: json!({}),
            host: json!({"Binds": null}),
            mounts: json!([]),
            binds: Value::Null,
            carried: &[],
        },
        Row {
            name: "of the image, of the user, read-only, in any order",
            config: json!({"Volumes": {"/b": {}, "/a": {}}}),
            host: json!({"Binds": ["/srv:/srv"]}),
            mounts: json!([volume("vb", "/b", false), volume("va", "/a", true)]),
            binds: json!(["/srv:/srv", "va:/a", "vb:/b:ro"]),
            carried: &["va", "vb"],
        },
        Row {
            name: "named volumes and directories of the host have a name already",
            config: json!({}),
            host: json!({"Binds": ["data:/a/:ro", "/srv:/b"]}),
            mounts: json!([volume("data", "/a", false), {"Type": "bind", "Source": "/srv", "Destination": "/b"}]),
            binds: json!(["data:/a/:ro", "/srv:/b"]),
            carried: &[],
        },
        Row {
            name: "a bind without a source",
            config: json!({}),
            host: json!({"Binds": ["/a"]}),
            mounts: json!([volume("va", "/a", true)]),
            binds: json!(["va:/a"]),
            carried: &["va"],
        },
        Row {
            name: "those of another container stay its own",
            config: json!({"Volumes": {"/own": {}}}),
            host: json!({"VolumesFrom": [OTHER]}),
            mounts: json!([volume("v1", "/theirs", true), volume("v2", "/own", true)]),
            binds: json!(["v2:/own"]),
            carried: &["v2"],
        },
        Row {
            name: "memory is no data",
            config: json!({}),
            host: json!({"Tmpfs": {"/t": ""}}),
            mounts: json!([{"Type": "tmpfs", "Destination": "/t"}]),
            binds: Value::Null,
            carried: &[],
        },
    ];
    for Row { name, config, host, mounts, binds, carried } in rows {
        let given = Given { config, host, mounts, names: vec![(OTHER, "db")], ..Given::default() };
        let recreated = given.recreate().expect(name);
        let found = part(&recreated, "/HostConfig");
        assert_eq!(found.get("Binds").unwrap_or(&Value::Null), &binds, "{name}");
        let names: Vec<_> = recreated.carried.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(names, carried, "{name}");
    }
}

#[test]
fn an_anonymous_mount_gets_its_volume_as_source() {
    let given = Given {
        host: json!({"Mounts": [
            {"Type": "volume", "Target": "/a", "VolumeOptions": {"NoCopy": true}},
            {"Type": "volume", "Target": "/b", "Source": "named"},
            {"Type": "tmpfs", "Target": "/t"},
        ]}),
        mounts: json!([volume("va", "/a", true), volume("named", "/b", true)]),
        ..Given::default()
    };
    let recreated = given.recreate().unwrap();
    let sent = json!([
        {"Type": "volume", "Target": "/a", "Source": "va", "VolumeOptions": {"NoCopy": true}},
        {"Type": "volume", "Target": "/b", "Source": "named"},
        {"Type": "tmpfs", "Target": "/t"},
    ]);
    assert_eq!(part(&recreated, "/HostConfig")["Mounts"], sent);
    assert_eq!(recreated.carried.len(), 1);
}
