//! Generated settings of a user: what `docker run` can be given, few enough at a time to be read.
//!
//! The values are taken from a small stock that the images share (`images.rs`), so that settings often
//! equal a default, contradict one, or stand beside one.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::Lab;

/// One option of a user. Of those with the same slot only the first counts: engines refuse both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    slot: String,
    /// What it adds to the create body.
    adds: Value,
}

/// Where a container is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// What an engine chooses.
    Unsaid,
    /// `bridge`, `none` or `host`.
    BuiltIn(&'static str),
    /// A network of a user: names there, and whether the address is fixed.
    Front(Vec<&'static str>, bool),
    /// Two networks of a user; whether the second one by name is the primary one.
    FrontAndBack(bool),
    /// An engine's own bridge, and one of a user.
    BridgeAndBack,
    /// The network of another container.
    Shared,
}

/// Everything that a user asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) settings: Vec<Setting>,
    pub(crate) place: Place,
}

/// What is refused together with the network of another container.
const NOT_WITH_SHARED: [&str; 3] = ["Hostname", "ExposedPorts", "MacAddress"];
const NOT_WITH_SHARED_HOST: [&str; 5] =
    ["PortBindings", "PublishAllPorts", "Dns", "ExtraHosts", "UTSMode"];

impl Wanted {
    /// The create body, without the image and the networks.
    pub(crate) fn body(&self, lab: &Lab) -> Value {
        let mut body = json!({"HostConfig": {}});
        let mut slots = BTreeSet::new();
        for setting in &self.settings {
            if slots.insert(setting.slot.as_str()) {
                add(&mut body, &named(&setting.adds, lab));
            }
        }
        if let Some(mode) = self.mode(lab) {
            body["HostConfig"]["NetworkMode"] = mode.into();
        }
        if self.place == Place::BuiltIn("host") {
            body.as_object_mut().unwrap().remove("MacAddress");
        }
        if self.place == Place::Shared {
            for key in NOT_WITH_SHARED {
                body.as_object_mut().unwrap().remove(key);
            }
            for key in NOT_WITH_SHARED_HOST {
                body["HostConfig"].as_object_mut().unwrap().remove(key);
            }
        }
        body
    }

    fn mode(&self, lab: &Lab) -> Option<String> {
        Some(match &self.place {
            Place::Unsaid => return None,
            Place::BuiltIn(name) => (*name).to_owned(),
            Place::Front(..) | Place::FrontAndBack(false) => lab.front().to_owned(),
            Place::FrontAndBack(true) => lab.back().to_owned(),
            Place::BridgeAndBack => "default".to_owned(),
            Place::Shared => format!("container:{}", lab.neighbour()),
        })
    }

    /// The endpoints, the primary one first.
    pub(crate) fn networks(&self, lab: &Lab) -> Vec<(String, Value)> {
        let (front, back) = (lab.front().to_owned(), lab.back().to_owned());
        let fixed = |which| json!({"IPAMConfig": {"IPv4Address": lab.address(which)}});
        match &self.place {
            Place::Front(aliases, is_fixed) => {
                let mut endpoint = if *is_fixed { fixed(0) } else { json!({}) };
                if !aliases.is_empty() {
                    endpoint["Aliases"] = json!(aliases);
                }
                vec![(front, endpoint)]
            }
            Place::FrontAndBack(false) => {
                vec![(front, json!({"Aliases": ["web"]})), (back, fixed(1))]
            }
            Place::FrontAndBack(true) => {
                vec![(back, fixed(1)), (front, json!({"Aliases": ["web"]}))]
            }
            Place::BridgeAndBack => {
                vec![("bridge".to_owned(), json!({})), (back, json!({"Aliases": ["inner"]}))]
            }
            Place::Unsaid | Place::BuiltIn(_) | Place::Shared => Vec::new(),
        }
    }
}

/// Adds to a body: maps and lists grow, what is neither is replaced.
fn add(body: &mut Value, more: &Value) {
    match (body, more) {
        (Value::Object(body), Value::Object(more)) => {
            for (key, value) in more {
                add(body.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(body), Value::Array(more)) => body.extend(more.iter().cloned()),
        (body, more) => *body = more.clone(),
    }
}

/// `<volume>` is a volume of the lab's own.
fn named(adds: &Value, lab: &Lab) -> Value {
    serde_json::from_str(&adds.to_string().replace("<volume>", &lab.volume())).unwrap()
}

pub(crate) fn wanted() -> impl Strategy<Value = Wanted> {
    (prop::collection::vec(setting(), 0..9), place())
        .prop_map(|(settings, place)| Wanted { settings, place })
}

fn place() -> impl Strategy<Value = Place> {
    let aliases = prop::sample::subsequence(vec!["web", "www"], 0..=2);
    prop_oneof![
        4 => Just(Place::Unsaid),
        1 => select(vec!["bridge", "none", "host"]).prop_map(Place::BuiltIn),
        3 => (aliases, any::<bool>()).prop_map(|(names, fixed)| Place::Front(names, fixed)),
        1 => any::<bool>().prop_map(Place::FrontAndBack),
        1 => Just(Place::BridgeAndBack),
        1 => Just(Place::Shared),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        4 => env(),
        3 => command(),
        2 => keyed("label", "Labels", &["a", "b", "c", "d"], &["1", "2", ""]),
        3 => health(),
        3 => select(fixed(DEFAULTS)),
        3 => select(fixed(CONTAINER)),
        6 => select(fixed(HOST)).prop_map(|setting| {
            Setting { adds: json!({"HostConfig": setting.adds}), ..setting }
        }),
        3 => select(fixed(MOUNTS)),
        2 => select(fixed(PORTS)),
    ]
}

fn env() -> impl Strategy<Value = Setting> {
    let value = select(vec!["=1", "=2", "=", "=x y=z", "=ü \"q\"", ""]);
    (select(vec!["A", "B", "C", "D"]), value).prop_map(|(key, value)| Setting {
        slot: format!("env {key}"),
        adds: json!({"Env": [format!("{key}{value}")]}),
    })
}

fn command() -> impl Strategy<Value = Setting> {
    let entrypoints = [json!(["/e"]), json!(["/u", "v"]), json!([]), json!([""])];
    let cmds = [json!(["c"]), json!(["x", "y"])];
    let entrypoints = entrypoints.map(|words| json!({"Entrypoint": words}));
    let all = entrypoints.into_iter().chain(cmds.map(|words| json!({"Cmd": words})));
    select(all.collect::<Vec<_>>()).prop_map(|adds| {
        let slot = adds.as_object().unwrap().keys().next().unwrap().clone();
        Setting { slot, adds }
    })
}

fn keyed(
    slot: &'static str,
    field: &'static str,
    keys: &[&'static str],
    values: &[&'static str],
) -> impl Strategy<Value = Setting> {
    (select(keys.to_vec()), select(values.to_vec())).prop_map(move |(key, value)| Setting {
        slot: format!("{slot} {key}"),
        adds: json!({field: {key: value}}),
    })
}

fn health() -> impl Strategy<Value = Setting> {
    let second = 1_000_000_000_u64;
    let tests = [json!(["CMD", "/h"]), json!(["CMD-SHELL", "x"]), json!(["NONE"])];
    let tests = tests.map(|test| ("Test", test));
    let times = ["Interval", "Timeout", "StartPeriod"];
    let times = times.iter().flat_map(|field| [5, 6].map(|n| (*field, json!(n * second))));
    let retries = [3, 4].map(|n| ("Retries", json!(n)));
    let all: Vec<_> = tests.into_iter().chain(times).chain(retries).collect();
    select(all).prop_map(|(field, value)| Setting {
        slot: format!("health {field}"),
        adds: json!({"Healthcheck": {field: value}}),
    })
}

/// What an image has a default for.
const DEFAULTS: &[(&str, &str)] = &[
    ("user", r#"{"User": "7"}"#),
    ("user", r#"{"User": "9:9"}"#),
    ("directory", r#"{"WorkingDir": "/a"}"#),
    ("directory", r#"{"WorkingDir": "/c"}"#),
    ("signal", r#"{"StopSignal": "SIGINT"}"#),
    ("signal", r#"{"StopSignal": "SIGHUP"}"#),
];

/// What it has none for.
const CONTAINER: &[(&str, &str)] = &[
    // Not a name that is an alias, too: engines below API 1.45 make it one (see `running.rs`).
    ("names", r#"{"Hostname": "box", "Domainname": "example.test"}"#),
    ("names", r#"{"HostConfig": {"UTSMode": "host"}}"#),
    ("mac", r#"{"MacAddress": "02:42:ac:11:00:63"}"#),
    ("streams", r#"{"Tty": true, "OpenStdin": true}"#),
    (
        "streams",
        r#"{"AttachStdin": true, "OpenStdin": true, "StdinOnce": true, "AttachStdout": true}"#,
    ),
    ("timeout", r#"{"StopTimeout": 7}"#),
];

/// What is the host's; each stands in `HostConfig`.
const HOST: &[(&str, &str)] = &[
    ("life", r#"{"RestartPolicy": {"Name": "always"}}"#),
    ("life", r#"{"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}"#),
    ("life", r#"{"RestartPolicy": {"Name": "unless-stopped"}}"#),
    ("life", r#"{"AutoRemove": true}"#),
    ("memory", r#"{"Memory": 67108864, "MemoryReservation": 33554432}"#),
    ("processors", r#"{"NanoCpus": 500000000, "CpuShares": 512}"#),
    ("processes", r#"{"PidsLimit": 99}"#),
    ("ulimits", r#"{"Ulimits": [{"Name": "nproc", "Soft": 90, "Hard": 99}]}"#),
    ("capabilities", r#"{"CapAdd": ["NET_ADMIN"], "CapDrop": ["CHOWN"]}"#),
    ("capabilities", r#"{"CapDrop": ["ALL"]}"#),
    ("privileges", r#"{"Privileged": true}"#),
    ("privileges", r#"{"SecurityOpt": ["no-new-privileges"]}"#),
    ("root", r#"{"ReadonlyRootfs": true}"#),
    ("groups", r#"{"GroupAdd": ["7"]}"#),
    ("resolver", r#"{"Dns": ["192.0.2.1"], "DnsSearch": ["example.test"]}"#),
    ("hosts", r#"{"ExtraHosts": ["a:192.0.2.2"]}"#),
    ("logs", r#"{"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}}"#),
    ("logs", r#"{"LogConfig": {"Type": "none"}}"#),
    ("shm", r#"{"ShmSize": 1048576}"#),
    ("ipc", r#"{"IpcMode": "shareable"}"#),
    ("ipc", r#"{"IpcMode": "host"}"#),
    ("pids", r#"{"PidMode": "host"}"#),
    ("init", r#"{"Init": true}"#),
    ("sysctls", r#"{"Sysctls": {"kernel.msgmax": "99"}}"#),
    ("oom", r#"{"OomScoreAdj": 7}"#),
    (
        "devices",
        r#"{"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "r"}]}"#,
    ),
    ("runtime", r#"{"Runtime": "runc"}"#),
];

/// What is mounted; `/v` and `/w` are also volumes of images.
const MOUNTS: &[(&str, &str)] = &[
    ("at /v", r#"{"HostConfig": {"Binds": ["<volume>:/v"]}}"#),
    ("at /v", r#"{"HostConfig": {"Tmpfs": {"/v": "size=1m"}}}"#),
    ("at /v", r#"{"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/v"}]}}"#),
    ("at /v", r#"{"Volumes": {"/v": {}}}"#),
    (
        "at /w",
        r#"{"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/w", "Source": "<volume>", "ReadOnly": true}]}}"#,
    ),
    ("at /w", r#"{"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/w"}]}}"#),
    ("at /w", r#"{"HostConfig": {"Binds": ["/w"]}}"#),
    ("at /u", r#"{"Volumes": {"/u": {}}}"#),
    ("at /n", r#"{"HostConfig": {"Binds": ["<volume>:/n:ro"]}}"#),
    ("at /host", r#"{"HostConfig": {"Binds": ["/tmp:/host:ro"]}}"#),
];

/// What is exposed and published.
const PORTS: &[(&str, &str)] = &[
    ("port 80", r#"{"ExposedPorts": {"80/tcp": {}}}"#),
    (
        "port 80",
        r#"{"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21480"}]}}}"#,
    ),
    ("port 90", r#"{"ExposedPorts": {"90/tcp": {}}}"#),
    (
        "port 91",
        r#"{"ExposedPorts": {"91/tcp": {}}, "HostConfig": {"PortBindings": {"91/tcp": [{"HostIp": "", "HostPort": ""}]}}}"#,
    ),
    (
        "port 92",
        r#"{"HostConfig": {"PortBindings": {"92/udp": [{"HostIp": "", "HostPort": "21482"}]}}}"#,
    ),
    ("all ports", r#"{"HostConfig": {"PublishAllPorts": true}}"#),
];

fn fixed(table: &[(&str, &str)]) -> Vec<Setting> {
    let setting = |(slot, adds): &(&str, &str)| {
        let adds: Map<String, Value> = serde_json::from_str(adds).unwrap();
        Setting { slot: (*slot).to_owned(), adds: adds.into() }
    };
    table.iter().map(setting).collect()
}
