//! What can be seen only of containers that run.

use serde_json::{Value, json};

use super::Lab;
use super::engine::tar;
use super::lab::idle;

/// An engine, a lab on it, and an image that runs, in two versions.
struct Running {
    lab: Lab,
    v1: String,
    v2: String,
}

impl Running {
    fn open() -> Option<Self> {
        let lab = Lab::open()?;
        let program = idle();
        let image = |lines: &str| lab.image_with(lines, &[("idle", &program)]);
        let v1 = image("ENTRYPOINT [\"/idle\"]\nENV V=1");
        let v2 = image("ENTRYPOINT [\"/idle\"]\nENV V=2\nVOLUME /data\nEXPOSE 80");
        Some(Self { lab, v1, v2 })
    }

    fn post(&self, path: &str) {
        let (status, answer) = self.lab.engine.call("POST", path, &Value::Null);
        assert!(matches!(status, 200 | 204 | 304), "{path}: {status} {answer}");
    }

    fn start(&self, id: &str) {
        self.post(&format!("/containers/{id}/start"));
    }

    /// Stops without a grace: the program does not listen to signals.
    fn stop(&self, id: &str) {
        self.post(&format!("/containers/{id}/stop?t=0"));
    }

    fn started(&self, wanted: &Value, networks: &[(String, Value)]) -> String {
        let id = self.lab.run(wanted, networks, &self.v2);
        self.start(&id);
        id
    }

    /// Creates the container once more, stops it, starts the new one.
    fn replace(&self, old: &str) -> (String, stillme_rollback_docker::recreate::Recreated) {
        let (new, recreated) = self.lab.recreate(old, &self.v1);
        self.stop(old);
        self.start(&new);
        (new, recreated)
    }

    fn put_file(&self, id: &str, directory: &str, name: &str) {
        let path = format!("/containers/{id}/archive?path={directory}");
        let archive = tar(&[(name, b"kept")]);
        let (status, _) = self.lab.engine.raw("PUT", &path, "application/x-tar", &archive);
        assert_eq!(status, 200);
    }

    fn has_file(&self, id: &str, path: &str) -> bool {
        let path = format!("/containers/{id}/archive?path={path}");
        self.lab.engine.raw("GET", &path, "application/json", &[]).0 == 200
    }

    fn exists(&self, id: &str) -> bool {
        self.lab.engine.call("GET", &format!("/containers/{id}/json"), &Value::Null).0 == 200
    }
}

#[test]
fn the_data_of_an_anonymous_volume_stay_with_the_service() {
    let Some(test) = Running::open() else { return };
    let old = test.started(&json!({}), &[]);
    test.put_file(&old, "/data", "marker");
    let (new, recreated) = test.replace(&old);
    // The new image declares no volume at all.
    assert_eq!(recreated.carried.len(), 1);
    test.lab.remove(&old);
    assert!(test.has_file(&new, "/data/marker"));
    test.lab.remove_later(format!("/volumes/{}?force=1", recreated.carried[0].name));
}

#[test]
fn a_container_that_removes_itself_leaves_its_volume_to_the_next_one() {
    let Some(test) = Running::open() else { return };
    let old = test.started(&json!({"HostConfig": {"AutoRemove": true}}), &[]);
    test.put_file(&old, "/data", "marker");
    let (new, recreated) = test.lab.recreate(&old, &test.v1);
    assert!(recreated.auto_remove);
    test.stop(&old);
    // Ends when it is gone; one that is gone already is not found.
    let wait = format!("/containers/{old}/wait?condition=removed");
    assert!(matches!(test.lab.engine.call("POST", &wait, &Value::Null).0, 200 | 404));
    assert!(!test.exists(&old));
    test.start(&new);
    assert!(test.has_file(&new, "/data/marker"));
    assert_eq!(test.lab.inspect(&new)["HostConfig"]["AutoRemove"], true);
    test.lab.remove_later(format!("/volumes/{}?force=1", recreated.carried[0].name));
}

#[test]
fn fixed_addresses_and_aliases_are_taken_over() {
    let Some(test) = Running::open() else { return };
    let lab = &test.lab;
    let (front, back) = (lab.front().to_owned(), lab.back().to_owned());
    let at = |which: u32, alias: &str| json!({"IPAMConfig": {"IPv4Address": lab.address(which)}, "Aliases": [alias]});
    let networks = [(front.clone(), at(0, "web")), (back.clone(), at(1, "inner"))];
    let old = test.started(&json!({"HostConfig": {"NetworkMode": front}}), &networks);
    // Created while the old one has the addresses; started when it has not.
    let (new, _) = test.replace(&old);
    let found = &lab.inspect(&new)["NetworkSettings"]["Networks"];
    for (network, which, alias) in [(&front, 0, "web"), (&back, 1, "inner")] {
        assert_eq!(found[network]["IPAddress"], lab.address(which), "{network}");
        let aliases = found[network]["Aliases"].as_array().unwrap();
        assert!(aliases.contains(&alias.into()), "{network}: {aliases:?}");
        assert!(!aliases.contains(&old[..12].into()), "{network}: {aliases:?}");
    }
}

#[test]
fn names_that_the_engine_adds_are_not_sent_and_come_again() {
    let Some(test) = Running::open() else { return };
    let front = test.lab.front().to_owned();
    let wanted = json!({"Hostname": "web", "HostConfig": {"NetworkMode": front}});
    let names = |id: &str| {
        let endpoint = &test.lab.inspect(id)["NetworkSettings"]["Networks"][&front];
        let all =
            [&endpoint["Aliases"], &endpoint["DNSNames"]].into_iter().filter_map(Value::as_array);
        let names = all.flatten().filter(|name| **name != id[..12]).cloned();
        names.map(|name| name.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    for aliases in [json!([]), json!(["web"]), json!(["web", "www"])] {
        let networks = [(front.clone(), json!({ "Aliases": aliases }))];
        let old = test.started(&wanted, &networks);
        let (new, recreated) = test.replace(&old);
        let sent = recreated.body.expose().to_string();
        assert!(!sent.contains(&old[..12]), "{aliases}: {sent}");
        let direct = test.lab.run(&wanted, &networks, &test.v1);
        test.start(&direct);
        let own_name = |id: &str| test.lab.inspect(id)["Name"].as_str().unwrap()[1..].to_owned();
        let without = |id: &str| {
            let mut names = names(id);
            names.remove(&format!("\"{}\"", own_name(id)));
            names
        };
        assert_eq!(without(&new), without(&direct), "{aliases}");
    }
}

#[test]
fn an_assigned_address_is_not_made_a_fixed_one() {
    let Some(test) = Running::open() else { return };
    let front = test.lab.front().to_owned();
    let old = test.started(&json!({"HostConfig": {"NetworkMode": front}}), &[]);
    assert_ne!(test.lab.inspect(&old)["NetworkSettings"]["Networks"][&front]["IPAddress"], "");
    let (new, _) = test.replace(&old);
    let endpoint = &test.lab.inspect(&new)["NetworkSettings"]["Networks"][&front];
    let fixed = endpoint["IPAMConfig"].as_object().cloned().unwrap_or_default();
    assert!(fixed.is_empty(), "{endpoint}");
}

#[test]
fn a_mac_address_is_taken_over_only_if_it_was_configured() {
    let Some(test) = Running::open() else { return };
    let mac = "02:42:0a:d5:09:63";
    let running = |id: &str| {
        test.lab.inspect(id)["NetworkSettings"]["Networks"]["bridge"]["MacAddress"].clone()
    };
    let old = test.started(&json!({ "MacAddress": mac }), &[]);
    assert_eq!(running(&old), mac);
    let (new, _) = test.replace(&old);
    assert_eq!(running(&new), mac);

    let old = test.started(&json!({}), &[]);
    let recreated = test.lab.plan(&old, &test.v1, |replacement| replacement).unwrap();
    let generated = running(&old).as_str().unwrap().to_owned();
    assert!(!generated.is_empty());
    assert!(!recreated.body.expose().to_string().contains(&generated));
}

#[test]
fn a_restart_policy_is_that_of_the_container_and_survives() {
    let Some(test) = Running::open() else { return };
    for policy in ["always", "unless-stopped", "on-failure"] {
        let old = test.started(&json!({"HostConfig": {"RestartPolicy": {"Name": policy}}}), &[]);
        let (new, _) = test.replace(&old);
        let found = test.lab.inspect(&new);
        assert_eq!(found["HostConfig"]["RestartPolicy"]["Name"], policy);
        assert_eq!(found["State"]["Running"], true);
    }
}

#[test]
fn links_lead_to_the_same_container() {
    let Some(test) = Running::open() else { return };
    let target = test.started(&json!({}), &[]);
    let name = test.lab.inspect(&target)["Name"].as_str().unwrap().to_owned();
    let old = test.started(&json!({"HostConfig": {"Links": [format!("{target}:db")]}}), &[]);
    let (new, _) = test.replace(&old);
    let found = test.lab.inspect(&new);
    let own = found["Name"].as_str().unwrap();
    assert_eq!(found["HostConfig"]["Links"], json!([format!("{name}:{own}/db")]));
}

#[test]
fn the_network_of_another_container_is_shared_again() {
    let Some(test) = Running::open() else { return };
    let other = test.started(&json!({"Hostname": "gateway"}), &[]);
    let wanted = json!({"HostConfig": {"NetworkMode": format!("container:{other}")}});
    let old = test.started(&wanted, &[]);
    // What the engine filled in at the start would be refused at the create.
    assert_eq!(test.lab.inspect(&old)["Config"]["Hostname"], "gateway");
    let (new, _) = test.replace(&old);
    let found = test.lab.inspect(&new);
    assert_eq!(found["Config"]["Hostname"], "gateway");
    assert_eq!(found["State"]["Running"], true);
}

#[test]
fn ports_that_the_engine_chose_can_be_kept() {
    let Some(test) = Running::open() else { return };
    let wanted = json!({
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}},
    });
    let old = test.started(&wanted, &[]);
    let port = |id: &str| {
        test.lab.inspect(id)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"].clone()
    };
    let chosen = port(&old);
    let pinned =
        test.lab.plan(&old, &test.v1, |replacement| replacement.with_pinned_ports()).unwrap();
    let new = test.lab.create(pinned.body.expose()).unwrap();
    test.stop(&old);
    test.start(&new);
    assert_eq!(port(&new), chosen);
}

#[test]
fn a_network_mode_whose_container_is_gone_is_refused() {
    let Some(test) = Running::open() else { return };
    let other = test.started(&json!({}), &[]);
    let old = test.started(&json!({"HostConfig": {"PidMode": format!("container:{other}")}}), &[]);
    test.stop(&other);
    test.lab.remove(&other);
    let error = test.lab.plan(&old, &test.v1, |replacement| replacement).unwrap_err();
    assert!(error.contains(&other) && error.contains("nothing was touched"), "{error}");
}
