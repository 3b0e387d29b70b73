use std::ffi::OsString;
use std::fs;
use std::path::Path;

use stillme_rollback_core::ErrorKind;
use tempfile::TempDir;

use super::*;

fn shown(env: &DockerEnv) -> String {
    match Endpoint::resolve(env) {
        Ok(endpoint) => endpoint.to_string(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn with_host(host: &str) -> DockerEnv {
    DockerEnv { host: Some(host.to_owned()), ..DockerEnv::default() }
}

/// What the docker command does with each, but for what is refused on purpose.
#[test]
fn hosts_are_read_as_the_docker_command_reads_them() {
    for (host, endpoint) in [
        ("", "unix:///var/run/docker.sock"),
        ("  ", "unix:///var/run/docker.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
        ("tcp://", "tcp://localhost:2375"),
        ("tcp://:99", "tcp://localhost:99"),
        ("localhost:99", "tcp://localhost:99"),
        ("127.0.0.1", "tcp://127.0.0.1:2375"),
        ("tcp://127.0.0.1:", "tcp://127.0.0.1:2375"),
        ("tcp://[::1]:99", "tcp://[::1]:99"),
        ("tcp://127.1.2.3:99", "tcp://127.1.2.3:99"),
        // Off this machine, in the clear.
        ("tcp://10.0.0.1:2375", "Rejected"),
        ("tcp://localhost.example:2375", "Rejected"),
        ("tcp://0.0.0.0:2375", "Rejected"),
        ("10.0.0.1", "Rejected"),
        // Nothing that could mean anything, or that is not spoken.
        ("ssh://", "InvalidInput"),
        ("fd://", "Unsupported"),
        ("npipe:////./pipe/docker_engine", "Unsupported"),
        ("http://127.0.0.1:99", "InvalidInput"),
        ("tcp://::1:99", "InvalidInput"),
        ("tcp://[::1", "InvalidInput"),
        ("tcp://[::1]x", "InvalidInput"),
        ("tcp://127.0.0.1:0", "InvalidInput"),
        ("tcp://127.0.0.1:65536", "InvalidInput"),
        ("tcp://127.0.0.1:9/base", "InvalidInput"),
        ("tcp://me@127.0.0.1:9", "InvalidInput"),
        ("tcp://127.0.0.1:9\r\nX: y", "InvalidInput"),
        ("tcp://loc\u{430}lhost:9", "InvalidInput"),
    ] {
        assert_eq!(shown(&with_host(host)), endpoint, "{host:?}");
    }
}

/// As above. What has no meaning for a host, or one for a shell or for `ssh` itself, is refused.
#[test]
fn ssh_hosts_are_read_as_the_docker_command_reads_them() {
    for (rest, endpoint) in [
        ("host", "ssh://host"),
        ("me@host", "ssh://me@host"),
        ("me@host:", "ssh://me@host"),
        ("me@host:2222", "ssh://me@host:2222"),
        ("me@host:22/", "ssh://me@host:22"),
        ("me@[::1]:22", "ssh://me@[::1]:22"),
        ("[fe80::1%eth0]", "ssh://[fe80::1%eth0]"),
        ("me@host/run/user/1000/docker.sock", "ssh://me@host/run/user/1000/docker.sock"),
        ("", "InvalidInput"),
        ("@host", "InvalidInput"),
        ("me@", "InvalidInput"),
        ("me@/run/docker.sock", "InvalidInput"),
        ("-oProxyCommand=id", "InvalidInput"),
        ("-oProxyCommand=id@host", "InvalidInput"),
        ("me@-oProxyCommand=id", "InvalidInput"),
        ("me@[-oProxyCommand=id:]", "InvalidInput"),
        ("me@host:-1", "InvalidInput"),
        ("me@host:+22", "InvalidInput"),
        ("me@host:0", "InvalidInput"),
        ("me@host:65536", "InvalidInput"),
        ("me@::1", "InvalidInput"),
        ("me@[::1", "InvalidInput"),
        ("me@[::1]22", "InvalidInput"),
        ("me@host?x=y", "InvalidInput"),
        ("me@host#x", "InvalidInput"),
        ("me@ho st", "InvalidInput"),
        ("me@host\n", "ssh://me@host"),
        ("me@ho\nst", "InvalidInput"),
        ("m\u{435}@host", "InvalidInput"),
        ("me@%h", "InvalidInput"),
        ("$(id)@host", "InvalidInput"),
        ("me@host/run/$(id).sock", "InvalidInput"),
        ("me@host/run/a b.sock", "InvalidInput"),
        ("me@host/run/x;id", "InvalidInput"),
    ] {
        assert_eq!(shown(&with_host(&format!("ssh://{rest}"))), endpoint, "{rest:?}");
    }
}

#[test]
fn a_password_in_a_host_is_refused_and_not_cited() {
    for host in ["ssh://me:canary-7@host", "ssh://me:canary-7@ho st", "ssh://me:canary-7@@host:x"] {
        let error = Endpoint::resolve(&with_host(host)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{error:?} {error}").contains("canary-7"), "{error}");
    }
}

#[test]
fn ssh_gets_nothing_that_it_could_take_for_an_option() {
    let arguments = |host: &str| {
        let Endpoint::Ssh(at) = Endpoint::resolve(&with_host(host)).unwrap() else {
            panic!("{host} is no ssh host")
        };
        let arguments = at.arguments(std::time::Duration::from_secs(15));
        arguments.iter().map(|a| a.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let always = "-T -oBatchMode=yes -oConnectTimeout=15";
    assert_eq!(arguments("ssh://host"), format!("{always} -- host docker system dial-stdio"));
    assert_eq!(
        arguments("ssh://me@[::1]:2222/run/d.sock"),
        format!("{always} -l me -p 2222 -- ::1 docker --host=unix:///run/d.sock system dial-stdio")
    );
}

/// A folder of configuration with the contexts `front` and `back`, and `front` as the current one.
fn config() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), r#"{"currentContext":"front","auths":{}}"#)
        .unwrap();
    add_context(folder.path(), "front", r#"{"Host":"unix:///run/front.sock"}"#);
    add_context(folder.path(), "back", r#"{"Host":"unix:///run/back.sock"}"#);
    folder
}

fn id_of(name: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(name.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

fn add_context(folder: &Path, name: &str, endpoint: &str) {
    let meta = folder.join("contexts/meta").join(id_of(name));
    fs::create_dir_all(&meta).unwrap();
    let text =
        format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#);
    fs::write(meta.join("meta.json"), text).unwrap();
}

fn in_folder(folder: &TempDir) -> DockerEnv {
    DockerEnv { config_dir: Some(folder.path().to_owned()), ..DockerEnv::default() }
}

#[test]
fn a_host_wins_over_a_context_wins_over_the_configuration() {
    let folder = config();
    let env = in_folder(&folder);
    assert_eq!(shown(&env), "unix:///run/front.sock");
    let env = DockerEnv { context: Some("back".to_owned()), ..env };
    assert_eq!(shown(&env), "unix:///run/back.sock");
    let env = DockerEnv { host: Some("unix:///run/host.sock".to_owned()), ..env };
    assert_eq!(shown(&env), "unix:///run/host.sock");
}

#[test]
fn the_default_context_is_the_one_of_variables() {
    let folder = config();
    let env = DockerEnv { context: Some("default".to_owned()), ..in_folder(&folder) };
    assert_eq!(shown(&env), "unix:///var/run/docker.sock");
    let empty = TempDir::new().unwrap();
    assert_eq!(shown(&in_folder(&empty)), "unix:///var/run/docker.sock");
}

#[test]
fn a_context_that_is_not_there_is_never_replaced_by_another_engine() {
    let folder = config();
    for name in ["nope", "../../front", "", "a\u{430}"] {
        let env = DockerEnv { context: Some(name.to_owned()), ..in_folder(&folder) };
        assert_eq!(shown(&env), "NotFound", "{name}");
    }
    let nowhere = DockerEnv { context: Some("front".to_owned()), ..DockerEnv::default() };
    assert_eq!(shown(&nowhere), "NotFound");
}

#[test]
fn a_damaged_configuration_is_an_error_that_does_not_cite_it() {
    let folder = config();
    let file = folder.path().join("config.json");
    // Each is one of which the parser would cite the value.
    for damaged in
        [r#""canary-7""#, r#"{"auths":{"r":{"auth":"canary-7"}},"currentContext":47114711}"#]
    {
        fs::write(&file, damaged).unwrap();
        assert_uncited(&in_folder(&folder));
    }
    // With a host of its own it is not read at all, as by the docker command.
    let env = DockerEnv { host: Some("unix:///x.sock".to_owned()), ..in_folder(&folder) };
    assert_eq!(shown(&env), "unix:///x.sock");
}

#[test]
fn a_damaged_context_is_an_error_that_does_not_cite_it() {
    let folder = config();
    add_context(folder.path(), "front", r#"{"Host":"unix:///x.sock","SkipTLSVerify":"canary-7"}"#);
    assert_uncited(&in_folder(&folder));
}

/// That what can't be read is an error without any value that stands there.
fn assert_uncited(env: &DockerEnv) {
    let error = Endpoint::resolve(env).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let all = format!("{error:?} {}", stillme_rollback_core::chain(&error).join("; "));
    assert!(!all.contains("canary-7") && !all.contains("47114711"), "{all}");
    assert!(all.contains("no valid JSON at line 1, column"), "{all}");
}

#[test]
fn contexts_are_held_to_the_same_safety() {
    let folder = config();
    for (endpoint, expected) in [
        (r#"{"Host":"tcp://10.0.0.1:2375"}"#, "Rejected"),
        (r#"{"Host":"tcp://127.0.0.1:2375"}"#, "tcp://127.0.0.1:2375"),
        (r#"{"Host":"tcp://10.0.0.1:2376","SkipTLSVerify":true}"#, "Rejected"),
        (r#"{"Host":"ssh://me@host"}"#, "ssh://me@host"),
        (r#"{"Host":"ssh://-oProxyCommand=id"}"#, "InvalidInput"),
        (r#"{"Host":""}"#, "unix:///var/run/docker.sock"),
        (r#"{}"#, "unix:///var/run/docker.sock"),
        ("null", "NotFound"),
        (r#"{"Host":7}"#, "Corrupt"),
    ] {
        add_context(folder.path(), "front", endpoint);
        assert_eq!(shown(&in_folder(&folder)), expected, "{endpoint}");
    }
}

#[test]
fn tls_needs_its_authority_and_verifies() {
    let folder = TempDir::new().unwrap();
    let env = DockerEnv { tls_verify: true, ..with_host("tcp://10.0.0.1") };
    assert_eq!(shown(&env), "NotFound", "no folder at all");
    let env = DockerEnv { cert_path: Some(folder.path().to_owned()), ..env };
    assert_eq!(shown(&env), "NotFound", "no ca.pem");
    fs::write(folder.path().join("ca.pem"), "canary-7").unwrap();
    let error = Endpoint::resolve(&env).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error:?}").contains("canary-7"));
    let env = DockerEnv { tls_verify: false, tls: true, ..env };
    assert_eq!(shown(&env), "Rejected", "TLS with anybody");
}

/// A rootless engine is a socket like any other; its path is the user's.
#[test]
fn a_socket_may_have_any_path() {
    for path in
        ["/run/user/1000/docker.sock", "/run/us er/%41?b#c/d\u{f6}cker:1@x.sock", "/a//b/../c"]
    {
        let endpoint = Endpoint::resolve(&with_host(&format!("unix://{path}"))).unwrap();
        assert!(matches!(&endpoint, Endpoint::Unix(at) if at == Path::new(path)), "{endpoint}");
    }
}

#[tokio::test]
async fn a_rootless_engine_is_reached_whatever_its_folder_is_called() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("us er/%41?b#c/d\u{f6}cker:1@x");
    fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let host = format!("unix://{}", socket.display());
    let endpoint = Endpoint::resolve(&with_host(&host)).unwrap();
    let limit = std::time::Duration::from_secs(10);
    let (connected, accepted) = tokio::join!(
        stream::connect(&endpoint, limit),
        tokio::time::timeout(limit, listener.accept())
    );
    assert!(connected.is_ok() && accepted.unwrap().is_ok());
}

#[test]
fn a_socket_needs_no_certificates() {
    let env = DockerEnv { tls_verify: true, ..with_host("unix:///x.sock") };
    assert_eq!(shown(&env), "unix:///x.sock");
}

#[test]
fn variables_are_values_and_empty_ones_are_none() {
    let vars = |name: &str| {
        let value = match name {
            "DOCKER_HOST" => "",
            "DOCKER_CONTEXT" => "front",
            "DOCKER_TLS_VERIFY" => "0",
            "HOME" => "/home/me",
            _ => return None,
        };
        Some(OsString::from(value))
    };
    let env = DockerEnv::from_vars(vars).unwrap();
    assert_eq!(env.host, None);
    assert_eq!(env.context.as_deref(), Some("front"));
    // As for the docker command: any text at all is yes, `0` too.
    assert!(env.tls_verify);
    assert_eq!(env.config_dir.as_deref(), Some(Path::new("/home/me/.docker")));
}

/// As root no socket denies anything, so the mapping is tested without one.
#[test]
fn a_denied_socket_is_told_apart_from_a_missing_engine() {
    use std::io::ErrorKind as Io;
    let endpoint = Endpoint::Unix("/run/engine.sock".into());
    for (io, kind, hint) in [
        (Io::PermissionDenied, ErrorKind::PermissionDenied, "member of the socket's group"),
        (Io::NotFound, ErrorKind::Unavailable, "is the engine running"),
        (Io::ConnectionRefused, ErrorKind::Unavailable, "is the engine running"),
        (Io::NetworkUnreachable, ErrorKind::Unavailable, "is the engine running"),
    ] {
        let error = stream::explain(&endpoint, io.into());
        assert_eq!(error.kind(), kind);
        assert!(error.hint().unwrap().contains(hint), "{error}");
        assert!(error.to_string().contains("unix:///run/engine.sock"), "{error}");
    }
}
