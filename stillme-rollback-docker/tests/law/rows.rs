//! The rows: what a user asked for, and the lines of both images. Nothing here is started.

use serde_json::{Value, json};
use stillme_rollback_docker::recreate::ApiVersion;

use super::Lab;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Lines of the old image and of the new one.
    pub(crate) a: String,
    pub(crate) b: String,
    /// The create body of the user, without image and networks.
    pub(crate) wanted: Value,
    pub(crate) networks: Vec<(String, Value)>,
}

/// Every image needs a command, or nothing can be created of it.
const RUNS: &str = "ENTRYPOINT [\"/e\"]\n";

fn row(name: &'static str, a: &str, b: &str, wanted: Value) -> Row {
    Row { name, a: runnable(a), b: runnable(b), wanted, networks: Vec::new() }
}

fn runnable(lines: &str) -> String {
    let has = lines.lines().any(|line| line.starts_with("CMD") || line.starts_with("ENTRYPOINT"));
    if has { lines.to_owned() } else { format!("{RUNS}{lines}") }
}

/// A row on the same image twice: the container's own settings.
fn own(name: &'static str, wanted: Value) -> Row {
    row(name, "", "LABEL other=1", wanted)
}

fn host(name: &'static str, host: Value) -> Row {
    own(name, json!({ "HostConfig": host }))
}

impl Row {
    fn on(mut self, network: &str, endpoint: Value) -> Self {
        self.networks.push((network.to_owned(), endpoint));
        self
    }
}

pub(crate) fn rows(lab: &Lab) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(env());
    rows.extend(command());
    rows.extend(defaults());
    rows.extend(health());
    rows.extend(plain());
    rows.extend(host_config());
    rows.extend(volumes(lab));
    rows.extend(shared(lab));
    rows.extend(networks(lab));
    if lab.engine.api >= ApiVersion::new(1, 48) {
        rows.extend(recent(lab));
    }
    rows
}

fn env() -> Vec<Row> {
    let user = |env: &[&str]| json!({ "Env": env });
    vec![
        row("env: the image's only", "ENV A=1 B=1", "ENV A=2 C=1", json!({})),
        row("env: the user's only", "", "ENV C=1", user(&["X=1", "Y="])),
        row("env: the user's before the image's", "ENV A=1", "ENV A=2", user(&["X=1"])),
        row("env: the user's over the image's", "ENV A=1", "ENV A=2", user(&["A=9"])),
        row(
            "env: of the image's own value, seen by its place",
            "ENV A=1 B=1",
            "ENV A=2 B=2",
            user(&["B=1"]),
        ),
        row(
            "env: values with spaces, quotes, `=`",
            "ENV A=\"x y\"",
            "ENV A=\"=z\"",
            user(&["X=a=b \"c\"", "Y=ü"]),
        ),
        row("env: a name without a value", "ENV A=1", "ENV A=2", user(&["A"])),
        row("env: the search path", "ENV PATH=/a", "ENV PATH=/b", json!({})),
    ]
}

fn command() -> Vec<Row> {
    let a = "ENTRYPOINT [\"/e\"]\nCMD [\"c\"]";
    let b = "ENTRYPOINT [\"/f\"]\nCMD [\"d\"]";
    vec![
        row("command: the image's", a, b, json!({})),
        row("command: a cmd of the user", a, b, json!({"Cmd": ["x"]})),
        row("command: an entrypoint of the user", a, b, json!({"Entrypoint": ["/x"]})),
        row("command: both of the user", a, b, json!({"Entrypoint": ["/x"], "Cmd": ["y"]})),
        row("command: the image's entrypoint by the user", a, b, json!({"Entrypoint": ["/e"]})),
        row(
            "command: the image's cmd with another entrypoint",
            a,
            b,
            json!({"Entrypoint": ["/x"], "Cmd": ["c"]}),
        ),
        row("command: an entrypoint reset", a, b, json!({"Entrypoint": [""], "Cmd": ["x"]})),
        row(
            "command: an entrypoint reset, the image's cmd",
            a,
            b,
            json!({"Entrypoint": [""], "Cmd": ["c"]}),
        ),
        row("command: an empty entrypoint", a, b, json!({"Entrypoint": []})),
        row(
            "command: an empty entrypoint and a cmd",
            a,
            b,
            json!({"Entrypoint": [], "Cmd": ["x"]}),
        ),
        row("command: an image without entrypoint", "CMD [\"c\"]", b, json!({})),
        row("command: a new image without entrypoint", a, "CMD [\"d\"]", json!({})),
        row("command: a shell's line", "CMD c d", "CMD e f", json!({})),
    ]
}

fn defaults() -> Vec<Row> {
    vec![
        row("labels: of both", "LABEL a=1 b=1", "LABEL a=2 c=1", json!({"Labels": {"x": "1"}})),
        row(
            "labels: the user's over the image's",
            "LABEL a=1",
            "LABEL a=2",
            json!({"Labels": {"a": "9"}}),
        ),
        row("labels: an empty one", "LABEL a=1", "LABEL a=2", json!({"Labels": {"a": ""}})),
        row(
            "ports: of both",
            "EXPOSE 80 81/udp",
            "EXPOSE 82",
            json!({"ExposedPorts": {"90/tcp": {}}}),
        ),
        row("ports: the image's only", "EXPOSE 80", "EXPOSE 82", json!({})),
        row(
            "ports: published and exposed by the image",
            "EXPOSE 80",
            "EXPOSE 82",
            json!({"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21480"}]}}}),
        ),
        row("user: the image's", "USER 7", "USER 8", json!({})),
        row("user: the user's", "USER 7", "USER 8", json!({"User": "9:9"})),
        row("directory: the image's", "WORKDIR /a", "WORKDIR /b", json!({})),
        row("directory: the user's", "WORKDIR /a", "WORKDIR /b", json!({"WorkingDir": "/c"})),
        row("signal: the image's", "STOPSIGNAL SIGINT", "STOPSIGNAL SIGQUIT", json!({})),
        row(
            "signal: the user's",
            "STOPSIGNAL SIGINT",
            "STOPSIGNAL SIGQUIT",
            json!({"StopSignal": "SIGHUP"}),
        ),
        row("signal: the image's, and none in the new one", "STOPSIGNAL SIGINT", "", json!({})),
        row(
            "image data: ONBUILD and SHELL",
            "ONBUILD LABEL x=1\nSHELL [\"/s\"]",
            "ONBUILD LABEL y=1",
            json!({}),
        ),
    ]
}

fn health() -> Vec<Row> {
    let a = "HEALTHCHECK --interval=5s --timeout=2s --retries=3 --start-period=1s CMD [\"/h\"]";
    let b = "HEALTHCHECK --interval=6s --retries=4 CMD [\"/i\"]";
    let user = |health: Value| json!({ "Healthcheck": health });
    vec![
        row("health: the image's", a, b, json!({})),
        row("health: none in the new image", a, "", json!({})),
        row("health: the user's interval", a, b, user(json!({"Interval": 9_000_000_000_u64}))),
        row("health: the user's test", a, b, user(json!({"Test": ["CMD-SHELL", "x"]}))),
        row(
            "health: the user's retries and start",
            a,
            b,
            user(json!({"Retries": 9, "StartPeriod": 8_000_000_000_u64})),
        ),
        row("health: switched off", a, b, user(json!({"Test": ["NONE"]}))),
        row(
            "health: the user's alone",
            "",
            b,
            user(json!({"Test": ["CMD", "/x"], "Timeout": 3_000_000_000_u64})),
        ),
    ]
}

fn plain() -> Vec<Row> {
    vec![
        own("host name: none", json!({})),
        own("host name: the user's", json!({"Hostname": "web", "Domainname": "example.test"})),
        own("host name: the host's network", json!({"HostConfig": {"NetworkMode": "host"}})),
        own(
            "host name: the host's network, the user's name",
            json!({"Hostname": "web", "HostConfig": {"NetworkMode": "host"}}),
        ),
        own("host name: the host's UTS namespace", json!({"HostConfig": {"UTSMode": "host"}})),
        own("MAC address", json!({"MacAddress": "02:42:ac:11:00:63"})),
        own(
            "terminal and streams",
            json!({"Tty": true, "OpenStdin": true, "StdinOnce": true, "AttachStdin": true, "AttachStdout": true, "AttachStderr": true}),
        ),
        own("stop timeout", json!({"StopTimeout": 7})),
        own("no network at all", json!({"NetworkDisabled": true})),
    ]
}

fn host_config() -> Vec<Row> {
    vec![
        host("restart: always", json!({"RestartPolicy": {"Name": "always"}})),
        host("restart: unless stopped", json!({"RestartPolicy": {"Name": "unless-stopped"}})),
        host(
            "restart: on failure",
            json!({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
        ),
        host("removes itself", json!({"AutoRemove": true})),
        host(
            "limits",
            json!({"Memory": 67_108_864, "MemoryReservation": 33_554_432, "NanoCpus": 500_000_000, "PidsLimit": 99, "CpuShares": 512}),
        ),
        host(
            "ulimits",
            json!({"Ulimits": [{"Name": "nproc", "Soft": 90, "Hard": 99}, {"Name": "core", "Soft": 0, "Hard": 0}]}),
        ),
        host(
            "capabilities",
            json!({"CapAdd": ["NET_ADMIN"], "CapDrop": ["CHOWN"], "Privileged": false}),
        ),
        host("privileged", json!({"Privileged": true})),
        host(
            "security",
            json!({"SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": true, "GroupAdd": ["7"]}),
        ),
        host(
            "names and addresses",
            json!({"Dns": ["192.0.2.1"], "DnsSearch": ["example.test"], "DnsOptions": ["ndots:1"], "ExtraHosts": ["a:192.0.2.2"]}),
        ),
        host("logs", json!({"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}})),
        host("memory file systems", json!({"Tmpfs": {"/t": "size=1m"}, "ShmSize": 1_048_576})),
        host(
            "devices",
            json!({"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "r"}], "DeviceCgroupRules": ["c 1:3 r"]}),
        ),
        host(
            "init, sysctls, oom",
            json!({"Init": true, "Sysctls": {"net.core.somaxconn": "99"}, "OomScoreAdj": 7}),
        ),
        host("runtime named", json!({"Runtime": "runc"})),
        host("process ids of the host", json!({"PidMode": "host", "IpcMode": "shareable"})),
        own(
            "ports: published, also where the engine chooses",
            json!({
                "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
                "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21481"}], "81/tcp": [{"HostIp": "", "HostPort": ""}]}},
            }),
        ),
        host(
            "ports: bound without being exposed",
            json!({"PortBindings": {"83/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21483"}]}}),
        ),
        host("ports: all published", json!({"PublishAllPorts": true})),
    ]
}

fn volumes(lab: &Lab) -> Vec<Row> {
    let named = format!("{}-data", lab.front());
    lab.remove_later(format!("/volumes/{named}?force=1"));
    vec![
        row("volumes: the image's", "VOLUME /v", "VOLUME /v", json!({})),
        row("volumes: the user's", "VOLUME /v", "VOLUME /v", json!({"Volumes": {"/u": {}}})),
        host(
            "volumes: named, and a directory of the host",
            json!({"Binds": [format!("{named}:/n:ro"), "/tmp:/host"]}),
        ),
        host("volumes: a bind without a source", json!({"Binds": ["/anonymous"]})),
        host(
            "volumes: mounts",
            json!({"Mounts": [
                {"Type": "volume", "Target": "/anonymous"},
                {"Type": "volume", "Target": "/named", "Source": named, "ReadOnly": true},
                {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1_048_576}},
            ]}),
        ),
    ]
}

/// What is shared with another container, which is given by id.
fn shared(lab: &Lab) -> Vec<Row> {
    let other = lab.run(
        &json!({"HostConfig": {"IpcMode": "shareable"}}),
        &[],
        &lab.image(&format!("{RUNS}VOLUME /shared")),
    );
    let mode = format!("container:{other}");
    // Engines keep what was said here, name or id; a name is what comes out in any case.
    let name = lab.inspect(&other)["Name"].as_str().unwrap().trim_start_matches('/').to_owned();
    let on_front =
        lab.run(&json!({"HostConfig": {"NetworkMode": lab.front()}}), &[], &lab.image(RUNS));
    vec![
        row(
            "shared: the network",
            "EXPOSE 80",
            "EXPOSE 81",
            json!({"HostConfig": {"NetworkMode": mode}}),
        ),
        host("shared: process ids and memory", json!({"PidMode": mode, "IpcMode": mode})),
        host("shared: volumes", json!({"VolumesFrom": [format!("{name}:ro")]})),
        row(
            "shared: volumes, one of them its own",
            "VOLUME /shared",
            "VOLUME /shared",
            json!({"HostConfig": {"VolumesFrom": [name]}}),
        ),
        host(
            "links on the bridge",
            json!({"Links": [format!("{other}:db"), format!("{other}:db2")]}),
        ),
        host("links on a network", json!({"NetworkMode": lab.front()}))
            .on(lab.front(), json!({"Links": [format!("{on_front}:db")]})),
    ]
}

fn networks(lab: &Lab) -> Vec<Row> {
    let on = |name, network: &str| host(name, json!({ "NetworkMode": network }));
    let (front, back) = (lab.front(), lab.back());
    let fixed = |which: u32| json!({"IPAMConfig": {"IPv4Address": lab.address(which)}});
    vec![
        on("network: the bridge by name", "bridge"),
        on("network: none", "none"),
        on("network: of a user", front),
        on("network: aliases", front).on(front, json!({"Aliases": ["web", "www"]})),
        on("network: a fixed address", front).on(front, fixed(0)),
        on("network: options of the driver", front)
            .on(front, json!({"DriverOpts": {"com.example.a": "b"}})),
        on("network: two of them", front)
            .on(front, json!({"Aliases": ["web"]}))
            .on(back, json!({"Aliases": ["inner"], "IPAMConfig": {"IPv4Address": lab.address(1)}})),
        on("network: the second one by name first", back).on(back, fixed(1)).on(front, fixed(0)),
        on("network: the bridge and one of a user", "default")
            .on("bridge", json!({}))
            .on(back, json!({"Aliases": ["inner"]})),
        own(
            "network: a fixed address and a MAC address",
            json!({"MacAddress": "02:42:0a:d5:00:63", "HostConfig": {"NetworkMode": front}}),
        )
        .on(front, fixed(0)),
    ]
}

/// What engines know since API 1.43 to 1.48.
fn recent(lab: &Lab) -> Vec<Row> {
    let check = |interval: &str| {
        format!("HEALTHCHECK --start-period=5s --start-interval={interval} CMD [\"/h\"]")
    };
    let user = json!({"Healthcheck": {"StartInterval": 3_000_000_000_u64}});
    let (front, back) = (lab.front(), lab.back());
    let files = lab.image("ENV FILES=1");
    let named = format!("{front}-parts");
    lab.remove_later(format!("/volumes/{named}?force=1"));
    let mount = |name, mount: Value| host(name, json!({"Mounts": [mount]}));
    vec![
        row("health: the image's interval at the start", &check("1s"), &check("2s"), json!({})),
        row("health: the user's interval at the start", &check("1s"), &check("2s"), user),
        host("annotations", json!({"Annotations": {"com.example.a": "b"}})),
        host("network: priorities of the gateway", json!({"NetworkMode": front}))
            .on(front, json!({"GwPriority": 1}))
            .on(back, json!({"GwPriority": 5})),
        host("network: a MAC address on it", json!({"NetworkMode": front}))
            .on(front, json!({"MacAddress": "02:42:0a:d5:00:64"})),
        mount(
            "mounts: an image",
            json!({"Type": "image", "Source": files, "Target": "/files", "ReadOnly": true}),
        ),
        mount(
            "mounts: a part of a volume",
            json!({"Type": "volume", "Source": named, "Target": "/part", "VolumeOptions": {"Subpath": "a"}}),
        ),
        mount(
            "mounts: what is below stays writable",
            json!({
                "Type": "bind", "Source": "/tmp", "Target": "/host", "ReadOnly": true,
                "BindOptions": {"ReadOnlyNonRecursive": true},
            }),
        ),
    ]
}
