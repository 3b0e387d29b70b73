//! `Config`: every row of the merge.

use serde_json::{Value, json};

use super::{Given, ID, V1_44, V1_51, V1_52, assert_part, part};
use crate::recreate::EngineFacts;

struct Row {
    name: &'static str,
    /// `Config` of the old image, of the container, of the new image.
    old: Value,
    shown: Value,
    new: Value,
    /// What is sent; `null`: the key is not.
    sent: Value,
    undecided: &'static [&'static str],
}

fn row(name: &'static str, old: Value, shown: Value, sent: Value) -> Row {
    let new = old.clone();
    Row { name, old, shown, new, sent, undecided: &[] }
}

impl Row {
    fn then(mut self, new: Value, undecided: &'static [&'static str]) -> Self {
        (self.new, self.undecided) = (new, undecided);
        self
    }
}

fn check(rows: impl IntoIterator<Item = Row>) {
    for Row { name, old, shown, new, sent, undecided } in rows {
        let given = Given { config: shown, old, new, ..Given::default() };
        let recreated = given.recreate().expect(name);
        assert_part(name, &part(&recreated, ""), &sent);
        let found: Vec<_> = recreated.undecided.iter().map(ToString::to_string).collect();
        assert_eq!(found, undecided, "{name}");
    }
}

fn env(entries: &[&str]) -> Value {
    json!({ "Env": entries })
}

#[test]
fn env_is_split_by_key_and_order() {
    let nothing = || json!({"Env": null});
    check([
        row("nothing", env(&[]), nothing(), nothing()),
        row("the image's only", env(&["A=1"]), env(&["A=1"]), nothing()),
        row("the user's only", env(&[]), env(&["X=1"]), env(&["X=1"])),
        row("the user's before the image's", env(&["A=1"]), env(&["X=1", "A=1"]), env(&["X=1"])),
        row("another value of the user", env(&["A=1"]), env(&["A=2"]), env(&["A=2"])),
        row(
            "the same value of the user, shown by its place",
            env(&["A=1", "B=2"]),
            env(&["B=2", "A=1"]),
            env(&["B=2"]),
        ),
        row(
            "the same value between two of the user's",
            env(&["A=1", "B=2"]),
            env(&["X=1", "A=1", "Y=1", "B=2"]),
            env(&["X=1", "A=1", "Y=1"]),
        ),
        row("a name without a value", env(&["A=1"]), env(&["A", "X="]), env(&["A", "X="])),
        row("a value with `=`", env(&["A=b=c"]), env(&["X=y=z", "A=b=c"]), env(&["X=y=z"])),
        row(
            "a name twice in the image, nothing of the user",
            env(&["A=1", "A=2"]),
            env(&["A=1", "A=2"]),
            nothing(),
        ),
        row(
            "a name twice in the image, one of the user",
            env(&["A=1", "A=2"]),
            env(&["X=1", "A=1"]),
            env(&["X=1"]),
        ),
        row(
            "an image that explains nothing: what equals it is dropped",
            env(&["A=1", "B=2"]),
            env(&["B=2", "C=3"]),
            env(&["C=3"]),
        ),
        row("the same in the new image", env(&["A=1"]), env(&["A=1"]), nothing())
            .then(env(&["A=1", "B=1"]), &[]),
        row("another value in the new image", env(&["A=1"]), env(&["X=1", "A=1"]), env(&["X=1"]))
            .then(env(&["A=2"]), &["env A"]),
        row("by its place the image's", env(&["A=1", "B=2"]), env(&["B=2", "A=1"]), env(&["B=2"]))
            .then(env(&[]), &["env A"]),
    ]);
}

#[test]
fn entrypoint_and_cmd_are_undone_together() {
    let both = |entrypoint: Value, cmd: Value| json!({"Entrypoint": entrypoint, "Cmd": cmd});
    let e = || json!(["/e"]);
    let c = || json!(["c"]);
    check([
        row("both the image's", both(e(), c()), both(e(), c()), both(Value::Null, Value::Null)),
        row(
            "a cmd of the user",
            both(e(), c()),
            both(e(), json!(["x"])),
            both(Value::Null, json!(["x"])),
        ),
        row(
            "an entrypoint of the user",
            both(e(), c()),
            both(json!(["/x"]), Value::Null),
            both(json!(["/x"]), Value::Null),
        ),
        row(
            "entrypoint and cmd of the user",
            both(e(), c()),
            both(json!(["/x"]), json!(["y"])),
            both(json!(["/x"]), json!(["y"])),
        ),
        row(
            "an entrypoint of the user, the cmd like the image's",
            both(e(), c()),
            both(json!(["/x"]), c()),
            both(json!(["/x"]), c()),
        ),
        row(
            "the image's entrypoint by the user, which drops the cmd",
            both(e(), c()),
            both(e(), Value::Null),
            both(e(), Value::Null),
        ),
        row(
            "an entrypoint that was reset",
            both(e(), c()),
            both(Value::Null, json!(["x"])),
            both(json!([""]), json!(["x"])),
        ),
        row(
            "an entrypoint that was reset, the cmd like the image's",
            both(e(), c()),
            both(Value::Null, c()),
            both(json!([""]), c()),
        ),
        row(
            "an empty entrypoint, which keeps the cmd",
            both(e(), c()),
            both(json!([]), c()),
            both(json!([]), Value::Null),
        ),
        row(
            "an empty entrypoint and a cmd",
            both(e(), c()),
            both(json!([]), json!(["x"])),
            both(json!([]), json!(["x"])),
        ),
        row(
            "an image without entrypoint",
            both(Value::Null, c()),
            both(Value::Null, c()),
            both(Value::Null, Value::Null),
        ),
        row(
            "a cmd of the user, no entrypoint",
            both(Value::Null, c()),
            both(Value::Null, json!(["x"])),
            both(Value::Null, json!(["x"])),
        ),
        row(
            "both, and a new image",
            both(e(), c()),
            both(e(), c()),
            both(Value::Null, Value::Null),
        )
        .then(both(json!(["/new"]), c()), &["entrypoint and command"]),
        row(
            "an entrypoint alone, in both images",
            both(e(), Value::Null),
            both(e(), Value::Null),
            both(Value::Null, Value::Null),
        )
        .then(both(e(), c()), &["entrypoint and command"]),
    ]);
}

#[test]
fn labels_are_the_users_unless_the_image_has_the_same() {
    let labels = |labels: Value| json!({ "Labels": labels });
    check([
        row("none", labels(json!({})), labels(json!({})), labels(Value::Null)),
        row(
            "the image's",
            labels(json!({"a": "1"})),
            labels(json!({"a": "1"})),
            labels(Value::Null),
        ),
        row(
            "the user's",
            labels(Value::Null),
            labels(json!({"a": "1"})),
            labels(json!({"a": "1"})),
        ),
        row(
            "the user's over the image's",
            labels(json!({"a": "1"})),
            labels(json!({"a": "2", "b": ""})),
            labels(json!({"a": "2", "b": ""})),
        ),
        row(
            "of an earlier run of ours",
            labels(json!({})),
            labels(json!({
                "dev.stillme.rollback.run": "old", "dev.stillme.rollback.from": "x",
                "dev.stillme.rollback.target-image": "y", "dev.stillme.rollback.spec": "z",
                "dev.stillme.rollback.strategy": "warm-swap",
            })),
            labels(json!({"dev.stillme.rollback.strategy": "warm-swap"})),
        ),
        row(
            "the same as the old image's",
            labels(json!({"a": "1", "b": "1"})),
            labels(json!({"a": "1", "b": "1"})),
            labels(Value::Null),
        )
        .then(labels(json!({"a": "2", "b": "1"})), &["label a"]),
    ]);
}

#[test]
fn exposed_ports_and_volumes_are_unions() {
    let ports = |ports: Value| json!({ "ExposedPorts": ports });
    let volumes = |volumes: Value| json!({ "Volumes": volumes });
    check([
        row("no ports", ports(Value::Null), json!({}), ports(Value::Null)),
        row(
            "ports of both",
            ports(json!({"80/tcp": {}})),
            ports(json!({"80/tcp": {}, "81/tcp": {}})),
            ports(json!({"81/tcp": {}})),
        ),
        row(
            "a port that the new image lacks",
            ports(json!({"80/tcp": {}})),
            ports(json!({"80/tcp": {}})),
            ports(Value::Null),
        )
        .then(json!({}), &["exposed port 80/tcp"]),
        row(
            "volumes of both",
            volumes(json!({"/a": {}})),
            volumes(json!({"/a": {}, "/b": {}})),
            volumes(json!({"/b": {}})),
        ),
        row(
            "a volume that the new image lacks",
            volumes(json!({"/a": {}})),
            volumes(json!({"/a": {}})),
            volumes(Value::Null),
        )
        .then(json!({}), &[]),
    ]);
}

#[test]
fn a_published_port_is_the_users_also_if_the_image_exposes_it() {
    let given = Given {
        old: json!({"ExposedPorts": {"80/tcp": {}}}),
        config: json!({"ExposedPorts": {"80/tcp": {}}}),
        host: json!({"PortBindings": {
            "80/tcp": [{"HostIp": "", "HostPort": "21080"}],
            "90/tcp": [{"HostIp": "", "HostPort": "21090"}],
        }}),
        ..Given::default()
    };
    let recreated = given.recreate().unwrap();
    assert_eq!(part(&recreated, "/ExposedPorts"), *json!({"80/tcp": {}}).as_object().unwrap());
    assert!(recreated.undecided.is_empty());
}

#[test]
fn user_directory_and_signal_are_the_images_if_equal() {
    for field in ["User", "WorkingDir", "StopSignal"] {
        let of = |value: &str| json!({ field: value });
        for (name, old, shown, sent) in [
            ("neither", "", "", json!({})),
            ("the image's", "x", "x", json!({field: null})),
            ("the user's", "x", "y", of("y")),
            ("the user's alone", "", "y", of("y")),
        ] {
            check([row(name, of(old), of(shown), sent)]);
        }
        let given = Given { old: of("x"), config: of("x"), new: of("z"), ..Given::default() };
        let undecided = &given.recreate().unwrap().undecided;
        assert_eq!(undecided.iter().map(ToString::to_string).collect::<Vec<_>>(), [field]);
    }
}

#[test]
fn the_health_check_is_undone_field_by_field() {
    let health = |health: Value| json!({ "Healthcheck": health });
    let image = || json!({"Test": ["CMD", "/h"], "Interval": 5, "Retries": 3, "StartInterval": 7});
    check([
        row("none", health(Value::Null), json!({}), health(Value::Null)),
        row("the image's", health(image()), health(image()), health(Value::Null)),
        row(
            "another interval",
            health(image()),
            health(json!({"Test": ["CMD", "/h"], "Interval": 9, "Retries": 3, "StartInterval": 7})),
            health(json!({"Interval": 9})),
        ),
        row(
            "another test",
            health(image()),
            health(json!({"Test": ["CMD", "/x"], "Interval": 5, "Retries": 3, "StartInterval": 7})),
            health(json!({"Test": ["CMD", "/x"]})),
        ),
        row(
            "another start interval",
            health(image()),
            health(json!({"Test": ["CMD", "/h"], "Interval": 5, "Retries": 3, "StartInterval": 8})),
            health(json!({"StartInterval": 8})),
        ),
        row(
            "switched off",
            health(image()),
            health(json!({"Test": ["NONE"], "Interval": 5, "Retries": 3, "StartInterval": 7})),
            health(json!({"Test": ["NONE"]})),
        ),
        row("the user's alone", health(Value::Null), health(image()), health(image())),
        row(
            "a field of a newer engine",
            health(json!({"Test": ["CMD", "/h"], "Newer": 1})),
            health(json!({"Test": ["CMD", "/h"], "Newer": 2})),
            health(json!({"Newer": 2})),
        ),
        row("another in the new image", health(image()), health(image()), health(Value::Null))
            .then(
                health(
                    json!({"Test": ["CMD", "/h"], "Interval": 6, "Retries": 3, "StartInterval": 7}),
                ),
                &["health check's Interval"],
            ),
    ]);
}

#[test]
fn the_rest_is_copied_and_the_images_own_data_are_not() {
    check([
        row(
            "copied",
            json!({}),
            json!({
                "Domainname": "d", "Tty": true, "OpenStdin": true, "StdinOnce": true, "AttachStdout": true,
                "StopTimeout": 7, "NetworkDisabled": true, "Newer": {"a": [1]},
            }),
            json!({
                "Domainname": "d", "Tty": true, "OpenStdin": true, "StdinOnce": true, "AttachStdout": true,
                "StopTimeout": 7, "NetworkDisabled": true, "Newer": {"a": [1]},
            }),
        ),
        row(
            "the image's data",
            json!({}),
            json!({"ArgsEscaped": true, "OnBuild": ["RUN x"], "Shell": ["/sh"], "Image": "app:v2"}),
            json!({"ArgsEscaped": null, "OnBuild": null, "Shell": null, "Image": "app:v1"}),
        ),
    ]);
}

#[test]
fn a_host_name_is_sent_only_if_the_user_set_it() {
    let host = |host: Value| host;
    for (name, hostname, host, sent) in [
        ("the old id", &ID[..12], json!({}), Value::Null),
        ("the user's", "web", json!({}), json!("web")),
        ("the host's network and name", "machine", json!({"NetworkMode": "host"}), Value::Null),
        (
            "the host's network, another name",
            "web",
            host(json!({"NetworkMode": "host"})),
            json!("web"),
        ),
        ("the host's name on a bridge", "machine", json!({}), json!("machine")),
        ("the host's UTS namespace", "machine", json!({"UTSMode": "host"}), Value::Null),
        (
            "another container's network",
            "web",
            json!({"NetworkMode": "container:web"}),
            Value::Null,
        ),
    ] {
        let mut given = Given { config: json!({"Hostname": hostname}), host, ..Given::default() };
        given.engine = given.engine.with_host_name("machine");
        let recreated = given.recreate().expect(name);
        assert_part(name, &part(&recreated, ""), &json!({"Hostname": sent}));
    }
}

#[test]
fn a_configured_mac_address_goes_where_the_engine_wants_it() {
    let mac = "02:42:ac:11:00:63";
    for (api, in_config, at_endpoint) in [
        (super::V1_41, json!(mac), Value::Null),
        (V1_44, Value::Null, json!(mac)),
        (V1_51, Value::Null, json!(mac)),
    ] {
        let given = Given {
            config: json!({"MacAddress": mac}),
            networks: json!({"bridge": {"MacAddress": mac}}),
            engine: EngineFacts::new(api),
            ..Given::default()
        };
        let recreated = given.recreate().unwrap();
        let name = api.to_string();
        assert_part(&name, &part(&recreated, ""), &json!({"MacAddress": in_config}));
        let endpoint = part(&recreated, "/NetworkingConfig/EndpointsConfig/bridge");
        assert_part(&name, &endpoint, &json!({"MacAddress": at_endpoint}));
    }
}

#[test]
fn a_generated_mac_address_is_never_sent() {
    for api in [super::V1_41, V1_44, V1_51, V1_52] {
        let given = Given {
            networks: json!({"bridge": {"MacAddress": "02:42:ac:11:00:02", "IPAddress": "172.17.0.2"}}),
            engine: EngineFacts::new(api),
            ..Given::default()
        };
        let recreated = given.recreate().unwrap();
        assert!(part(&recreated, "/NetworkingConfig").is_empty(), "{api}");
        assert_eq!(
            recreated.notes().len(),
            usize::from(api == V1_52),
            "{api}: says that it can't tell"
        );
    }
}
