//! Networks: primary first, only what was configured.

use serde_json::{Value, json};

use super::{Given, ID, V1_41, V1_44, V1_51, part};
use crate::recreate::{ApiVersion, EngineFacts};

fn running() -> Value {
    json!({
        "IPAMConfig": {"IPv4Address": "10.9.0.9"}, "Links": ["db:database"], "DriverOpts": {"a": "b"},
        "Aliases": ["web", &ID[..12], "host-name"], "GwPriority": 5,
        "NetworkID": "n1", "EndpointID": "e1", "Gateway": "10.9.0.1", "IPAddress": "10.9.0.9",
        "IPPrefixLen": 24, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
        "MacAddress": "02:42:0a:09:00:09", "DNSNames": ["x"],
    })
}

fn given(api: ApiVersion, mode: &str, networks: Value) -> Given {
    Given {
        config: json!({"Hostname": "host-name"}),
        host: json!({ "NetworkMode": mode }),
        networks,
        engine: EngineFacts::new(api),
        ..Given::default()
    }
}

/// The endpoints of the create, and those that are connected afterwards.
fn endpoints(given: &Given) -> (Value, Value) {
    let recreated = given.recreate().unwrap();
    let at_create = part(&recreated, "/NetworkingConfig/EndpointsConfig");
    let afterwards: Vec<_> = recreated
        .connects
        .iter()
        .map(|connect| json!([connect.network, connect.endpoint.expose()]))
        .collect();
    (Value::Object(at_create), Value::Array(afterwards))
}

#[test]
fn only_what_was_configured_is_sent() {
    for (api, aliases) in [
        (V1_41, json!(["web"])),
        (V1_44, json!(["web"])),
        (V1_51, json!(["web", &ID[..12], "host-name"])),
    ] {
        let (at_create, afterwards) = endpoints(&given(api, "front", json!({"front": running()})));
        let endpoint = json!({
            "IPAMConfig": {"IPv4Address": "10.9.0.9"}, "Links": ["db:database"],
            "DriverOpts": {"a": "b"}, "GwPriority": 5, "Aliases": aliases,
        });
        assert_eq!(at_create, json!({"front": endpoint}), "{api}");
        assert_eq!(afterwards, json!([]), "{api}");
    }
}

#[test]
fn old_engines_take_one_endpoint_and_then_the_others() {
    let with =
        |address: &str| json!({"IPAMConfig": {"IPv4Address": address}, "NetworkID": address});
    let (a, m, z) = (with("10.1.0.9"), with("10.2.0.9"), with("10.3.0.9"));
    let networks = json!({"z": z, "m": m, "a": a});
    let sent = |address: &str| json!({"IPAMConfig": {"IPv4Address": address}});
    let (sa, sm, sz) = (sent("10.1.0.9"), sent("10.2.0.9"), sent("10.3.0.9"));
    for (api, mode, at_create, afterwards) in [
        (V1_41, "m", json!({"m": sm}), json!([["a", sa], ["z", sz]])),
        (V1_41, "10.3.0.9", json!({"z": sz}), json!([["a", sa], ["m", sm]])),
        (V1_44, "m", json!({"a": sa, "m": sm, "z": sz}), json!([])),
    ] {
        let found = endpoints(&given(api, mode, networks.clone()));
        assert_eq!(found, (at_create, afterwards), "{api} {mode}");
    }
}

#[test]
fn the_default_bridge_knows_no_aliases() {
    for mode in ["default", "bridge", ""] {
        let networks = json!({"bridge": {"Aliases": ["web"], "NetworkID": "n"}});
        let (at_create, _) = endpoints(&given(V1_41, mode, networks));
        assert_eq!(at_create, json!({}), "{mode}: an endpoint without settings is not sent");
    }
}

#[test]
fn a_second_network_beside_the_default_bridge_is_kept() {
    let networks = json!({"bridge": {}, "back": {"Aliases": ["web"]}});
    let (at_create, afterwards) = endpoints(&given(V1_41, "default", networks.clone()));
    assert_eq!(at_create, json!({}));
    assert_eq!(afterwards, json!([["back", {"Aliases": ["web"]}]]));
    let (at_create, _) = endpoints(&given(V1_51, "default", networks));
    assert_eq!(at_create, json!({"bridge": {}, "back": {"Aliases": ["web"]}}));
}

#[test]
fn modes_without_endpoints_send_none() {
    for mode in ["host", "none", "container:db"] {
        let given = given(V1_41, mode, json!({"host": {"NetworkID": "n"}}));
        assert_eq!(endpoints(&given), (json!({}), json!([])), "{mode}");
        assert!(given.recreate().unwrap().notes().is_empty(), "{mode}");
    }
}

#[test]
fn a_container_that_left_its_network_is_noted() {
    for networks in [json!({}), json!({"other": {}})] {
        let recreated = given(V1_41, "front", networks).recreate().unwrap();
        assert!(recreated.notes()[0].text.contains("front"));
    }
}

#[test]
fn a_field_that_is_not_known_is_named_and_not_sent() {
    let networks = json!({"front": {"Aliases": ["web"], "Newer": 1, "Unset": null}});
    let given = given(V1_51, "front", networks);
    let notes = given.recreate().unwrap().notes();
    assert!(notes.len() == 1 && notes[0].text.contains("Newer on network front"), "{notes:?}");
    assert_eq!(endpoints(&given).0, json!({"front": {"Aliases": ["web"]}}));
}
