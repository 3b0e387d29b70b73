use serde_json::json;
use stillme_rollback_core::Secret;

use super::*;
use crate::recreate::{ApiVersion, EngineFacts, Replacement, Source, recreate};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const VOLUME: &str = "aaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccdddd";

/// A container with something of everything, as an engine shows it.
fn container() -> Value {
    json!({
        "Id": ID, "Image": "sha256:old",
        "Config": {"User": "app", "Hostname": "box"},
        "HostConfig": {
            "NetworkMode": "front", "CapAdd": ["CHOWN"], "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": true, "Privileged": false,
            "Binds": ["data:/data", "/anonymous"], "PidMode": "", "IpcMode": "private", "UTSMode": "",
            "Mounts": [{"Type": "volume", "Target": "/m"}],
            "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": ""}],
            "MaskedPaths": ["/proc/kcore"], "ReadonlyPaths": ["/proc/sys"], "Memory": 7, "PidsLimit": 9,
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "VolumesFrom": [format!("{OTHER}:ro")], "Runtime": "runc", "Links": ["/db:/web/db"],
            "RestartPolicy": {"Name": "always"}, "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        },
        "Mounts": [
            {"Type": "volume", "Name": "data", "Destination": "/data", "RW": true},
            {"Type": "volume", "Name": VOLUME, "Destination": "/anonymous", "RW": true},
            {"Type": "volume", "Name": "mounted", "Destination": "/m", "RW": true},
        ],
        "NetworkSettings": {
            "Networks": {"front": {"NetworkID": "n1"}},
            "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21490"}]},
        },
    })
}

fn names() -> BTreeMap<String, String> {
    BTreeMap::from([(OTHER.to_owned(), "other".to_owned())])
}

fn recreated(container: &Value) -> Recreated {
    let image = |id: &str| Secret::new(json!({"Id": id, "Config": {"User": "app"}}));
    let facts = EngineFacts::new(ApiVersion::new(1, 41)).with_default_runtime("runc");
    let source =
        Source::new(Secret::new(container.clone()), image("sha256:old"), facts).with_names(names());
    let replacement = Replacement::new("app:v1", image("sha256:new")).with_pinned_ports();
    recreate(&source, &replacement).unwrap()
}

/// The request of a plan, with something laid over it.
fn tampered(pointer: &str, value: Value) -> Recreated {
    let mut recreated = recreated(&container());
    let mut body = recreated.body.expose().clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[key] = value;
    recreated.body = Secret::new(body);
    recreated
}

#[test]
fn t7_what_is_only_spelled_otherwise_is_no_privilege() {
    let container = container();
    let recreated = recreated(&container);
    assert_ne!(
        recreated.body.expose()["HostConfig"],
        container["HostConfig"],
        "or it shows nothing"
    );
    check(&container, &names(), &recreated).unwrap();
}

#[test]
fn t7_a_container_that_shares_with_another_keeps_doing_so() {
    for mode in ["NetworkMode", "PidMode", "IpcMode"] {
        let mut container = container();
        container["HostConfig"][mode] = format!("container:{OTHER}").into();
        check(&container, &names(), &recreated(&container)).unwrap();
    }
}

/// The table of threat T7: whatever the new container would be allowed beyond the old one is refused.
#[test]
fn t7_a_plan_that_adds_a_privilege_is_refused() {
    let mount = |mount: Value| json!([mount]);
    for (pointer, value, named) in [
        ("/HostConfig/Privileged", json!(true), "Privileged"),
        ("/HostConfig/CapAdd", json!(["CHOWN", "SYS_ADMIN"]), "CapAdd"),
        ("/HostConfig/CapDrop", json!([]), "CapDrop"),
        ("/HostConfig/CapDrop", json!(["CHOWN"]), "CapDrop"),
        ("/HostConfig/CapDrop", Value::Null, "no CapDrop"),
        ("/HostConfig/SecurityOpt", json!(["seccomp=unconfined"]), "SecurityOpt"),
        ("/HostConfig/SecurityOpt", Value::Null, "no SecurityOpt"),
        ("/HostConfig/ReadonlyRootfs", json!(false), "no ReadonlyRootfs"),
        ("/HostConfig/MaskedPaths", json!([]), "no MaskedPaths"),
        ("/HostConfig/ReadonlyPaths", Value::Null, "no ReadonlyPaths"),
        ("/HostConfig/Binds", json!(["data:/data", "/:/host"]), "Binds"),
        ("/HostConfig/Binds", json!(["/var/run/docker.sock:/var/run/docker.sock"]), "Binds"),
        ("/HostConfig/Binds", json!(["secrets:/anonymous"]), "Binds"),
        ("/HostConfig/Binds", json!([format!("{VOLUME}:/elsewhere")]), "Binds"),
        (
            "/HostConfig/Mounts",
            mount(json!({"Type": "bind", "Source": "/", "Target": "/m"})),
            "Mounts",
        ),
        (
            "/HostConfig/Mounts",
            mount(json!({"Type": "volume", "Source": "secrets", "Target": "/m"})),
            "Mounts",
        ),
        ("/HostConfig/NetworkMode", json!("host"), "NetworkMode"),
        ("/HostConfig/NetworkMode", json!("container:other"), "NetworkMode"),
        ("/HostConfig/PidMode", json!("host"), "PidMode"),
        ("/HostConfig/IpcMode", json!("host"), "IpcMode"),
        ("/HostConfig/UTSMode", json!("host"), "UTSMode"),
        ("/HostConfig/UsernsMode", json!("host"), "UsernsMode"),
        ("/HostConfig/CgroupnsMode", json!("host"), "CgroupnsMode"),
        ("/HostConfig/VolumesFrom", json!(["other:rw"]), "VolumesFrom"),
        ("/HostConfig/GroupAdd", json!(["0"]), "GroupAdd"),
        (
            "/HostConfig/Devices",
            mount(
                json!({"PathOnHost": "/dev/sda", "PathInContainer": "/dev/n", "CgroupPermissions": "rwm"}),
            ),
            "Devices",
        ),
        ("/HostConfig/DeviceCgroupRules", json!(["a *:* rwm"]), "DeviceCgroupRules"),
        ("/HostConfig/DeviceRequests", json!([{"Count": -1}]), "DeviceRequests"),
        ("/HostConfig/Sysctls", json!({"kernel.msgmax": "9"}), "Sysctls"),
        ("/HostConfig/Runtime", json!("other"), "Runtime"),
        (
            "/HostConfig/PortBindings",
            json!({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}]}),
            "PortBindings",
        ),
        ("/HostConfig/PortBindings", json!({"22/tcp": [{"HostIp": "127.0.0.1"}]}), "PortBindings"),
        ("/HostConfig/PublishAllPorts", json!(true), "PublishAllPorts"),
        ("/HostConfig/Memory", json!(0), "no Memory"),
        ("/HostConfig/PidsLimit", Value::Null, "no PidsLimit"),
        ("/HostConfig/SomethingNew", json!(true), "SomethingNew"),
        ("/User", json!("root"), "user root"),
        ("/NetworkingConfig", json!({"EndpointsConfig": {"admin": {}}}), "network admin"),
    ] {
        let error = check(&container(), &names(), &tampered(pointer, value.clone())).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{pointer} {value}");
        assert!(text.contains(named), "{pointer} {value}: {text}");
        assert!(error.hint().unwrap().contains("nothing was touched"), "{text}");
    }
}

#[test]
fn t7_what_takes_a_right_away_is_no_privilege() {
    for (pointer, value) in [
        ("/HostConfig/CapAdd", Value::Null),
        ("/HostConfig/Binds", json!(["data:/data"])),
        ("/HostConfig/PortBindings", json!({})),
        ("/User", Value::Null),
    ] {
        check(&container(), &names(), &tampered(pointer, value)).unwrap();
    }
}

#[test]
fn t7_an_image_that_is_root_again_is_warned_of() {
    let image = |user: &str| json!({"Config": {"User": user}});
    for (old, set, image_user, warns) in [
        ("app", "", "", true),
        ("app", "", "root", true),
        ("app", "", "0:0", true),
        ("app", "", "other", false),
        ("app", "app", "root", false),
        ("", "", "root", false),
        ("0", "", "", false),
    ] {
        let container = json!({"Config": {"User": old}});
        let note = becomes_root(&container, &json!({"User": set}), &image(image_user));
        assert_eq!(note.is_some(), warns, "{old} {set} {image_user}");
    }
}
