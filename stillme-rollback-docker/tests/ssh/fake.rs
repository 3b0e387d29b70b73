//! A program in the place of `ssh` that does what it should not.

use std::fs;
use std::time::Duration;

use stillme_rollback_core::{Disposition, Error, ErrorKind, chain};
use stillme_rollback_docker::http::{Call, Client, Limits};
use stillme_rollback_docker::{DockerEnv, Endpoint};
use tempfile::TempDir;

use super::script;

/// Functions for the scripts: one reads a request's head, one gives the sign of life.
const SPEAKS: &str = r#"
cr=$(printf '\r')
request() { while IFS= read -r line; do [ "$line" = "$cr" ] && return; done; exit 0; }
greet() { request; printf 'HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n'; }
answer() { printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' "${#1}" "$1"; }
version() { greet; request; answer '{"ApiVersion":"1.41","Version":"20.10.24"}'; }
"#;

fn endpoint(folder: &TempDir, text: &str) -> Endpoint {
    let program = script::write(folder.path(), "ssh", &format!("{SPEAKS}{text}"));
    let mut env = DockerEnv::default();
    env.host = Some("ssh://me@web-1.example:2222".to_owned());
    let Endpoint::Ssh(at) = Endpoint::resolve(&env).unwrap() else { panic!("no ssh endpoint") };
    Endpoint::Ssh(at.with_program(program))
}

fn limits(connect: Duration) -> Limits {
    let mut limits = Limits::default();
    limits.connect_ssh = connect;
    limits.call = Duration::from_secs(20);
    limits
}

/// What connecting ends with, when the program does this.
async fn failure(text: &str, connect: Duration) -> (Error, TempDir) {
    let folder = TempDir::new().unwrap();
    let endpoint = endpoint(&folder, text);
    let connecting = Client::connect_to(endpoint, limits(connect));
    let error =
        tokio::time::timeout(Duration::from_secs(30), connecting).await.unwrap().unwrap_err();
    assert!(error.hint().unwrap().starts_with("nothing was sent"), "{error}");
    assert!(error.to_string().contains("ssh://me@web-1.example:2222"), "{error}");
    assert!(error.to_string().len() < 2000, "{error}");
    (error, folder)
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_program_gets_arguments_and_no_shell() {
    let folder = TempDir::new().unwrap();
    let arguments = folder.path().join("arguments");
    let text = format!("printf '%s\\n' \"$@\" > '{}'\nversion", arguments.display());
    let client = Client::connect_to(endpoint(&folder, &text), limits(LONG)).await.unwrap();
    assert_eq!(client.server().version, "20.10.24");
    let given = fs::read_to_string(arguments).unwrap();
    let given: Vec<&str> = given.lines().collect();
    let expected = "-T -oBatchMode=yes -oConnectTimeout=20 -l me -p 2222 -- web-1.example docker system dial-stdio";
    assert_eq!(given, expected.split(' ').collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_hangs_is_given_up_and_killed_with_all_that_it_started() {
    let text = r#"
        sleep 1000 & echo $! > "${0%/*}/child"; echo $$ > "${0%/*}/own"
        echo 'debug: waiting for the proxy' >&2
        wait"#;
    let (error, folder) = failure(text, Duration::from_secs(2)).await;
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Unavailable, Disposition::Retry));
    assert!(error.message().contains("within 2 s"), "{error}");
    assert!(error.to_string().contains("waiting for the proxy"), "{error}");
    // The first is collected by us; its own child by whoever inherits it.
    script::until_gone(script::number_in(&folder.path().join("own"))).await;
    script::until_ended(script::number_in(&folder.path().join("child"))).await;
}

#[tokio::test]
async fn one_that_ends_at_once_is_cited_in_few_and_printable_words() {
    let (error, _) = failure(
        "i=0; while [ $i -lt 20000 ]; do echo \"noise $i\"; i=$((i+1)); done >&2
         printf '\\033[2Jme@web-1.example: Permission denied (publickey).\\r\\n' >&2; exit 255",
        LONG,
    )
    .await;
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Unavailable, Disposition::Retry));
    let text = error.to_string();
    assert!(text.contains("noise 19999 | \\u{1b}[2Jme@web-1.example: Permission denied"), "{text}");
    assert!(!text.contains("noise 19000"), "{text}");
    assert!(text.contains("DOCKER_HOST=ssh://me@web-1.example:2222 docker version"), "{text}");
}

#[tokio::test]
async fn the_ways_of_ending_are_told_apart() {
    for (text, kind, disposition, says) in [
        ("exit 127", ErrorKind::Unavailable, Disposition::Permanent, "no docker command"),
        ("exit 1", ErrorKind::Unavailable, Disposition::Retry, "ended before an engine"),
        ("exit 0", ErrorKind::Unavailable, Disposition::Retry, "ended before an engine"),
        ("kill -9 $$", ErrorKind::Unavailable, Disposition::Retry, "ended before an engine"),
        ("echo Welcome; cat", ErrorKind::Corrupt, Disposition::Permanent, "`Welcome`"),
        ("cat", ErrorKind::Corrupt, Disposition::Permanent, "`HEAD /_ping HTTP/1.1"),
        ("printf HTTP/1.1", ErrorKind::Corrupt, Disposition::Permanent, "`HTTP/1.1`"),
        ("cat /dev/zero", ErrorKind::Corrupt, Disposition::Permanent, "no engine"),
        (
            "request; printf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n'; cat",
            ErrorKind::Unavailable,
            Disposition::Permanent,
            "closes the connection",
        ),
    ] {
        let (error, _) = failure(text, LONG).await;
        assert_eq!((error.kind(), error.disposition()), (kind, disposition), "{text}: {error}");
        assert!(error.message().contains(says), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let folder = TempDir::new().unwrap();
    let Endpoint::Ssh(at) = endpoint(&folder, "") else { panic!("no ssh endpoint") };
    let at = at.with_program(folder.path().join("nothing"));
    let error = Client::connect_to(Endpoint::Ssh(at), limits(LONG)).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Permanent);
    assert!(error.hint().unwrap().contains("openssh-client"), "{error}");
}

/// A client of a program that answers the first connection and does `then` at every other.
async fn client(folder: &TempDir, then: &str) -> Client {
    let text = format!(
        "if mkdir \"${{0%/*}}/first\" 2>/dev/null; then version; cat >/dev/null; exit; fi\necho $$ > \"${{0%/*}}/own\"\n{then}"
    );
    Client::connect_to(endpoint(folder, &text), limits(LONG)).await.unwrap()
}

fn stop() -> Call {
    Call::posting("stop container", "/containers/x/stop")
}

/// The whole reason for asking for a sign of life first.
#[tokio::test]
async fn what_was_never_sent_is_not_in_doubt_and_what_was_is() {
    let folder = TempDir::new().unwrap();
    let client_of = client(&folder, "echo 'Connection reset by peer' >&2; exit 255").await;
    let error = client_of.call(&stop()).await.unwrap_err();
    assert!(!error.is_in_doubt(), "{error}");
    assert!(error.to_string().contains("reset by peer"), "{error}");

    let folder = TempDir::new().unwrap();
    let dies = "greet; request; echo 'Broken pipe' >&2; exit 255";
    let error = client(&folder, dies).await.call(&stop()).await.unwrap_err();
    assert!(error.is_in_doubt(), "{error}");
    let all = chain(&error).join("; ");
    assert!(all.contains("255") && all.contains("Broken pipe"), "{all}");
}

/// An answer without a length ends with the connection: only a good end makes it a whole one.
#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole_only_after_a_good_end() {
    for (end, whole) in [("exit 0", true), ("exit 255", false), ("kill -9 $$", false)] {
        let folder = TempDir::new().unwrap();
        let then = format!("greet; request; printf 'HTTP/1.1 200 OK\\r\\n\\r\\nhello'; {end}");
        let client = client(&folder, &then).await;
        let answer = client.call(&Call::reading("read", "/x")).await;
        assert_eq!(answer.is_ok_and(|answer| answer.body() == b"hello"), whole, "{end}");
    }
}

#[tokio::test]
async fn a_connection_that_is_done_or_dropped_leaves_no_process() {
    let folder = TempDir::new().unwrap();
    let own = folder.path().join("own");
    let reached = client(&folder, "greet; request; answer '{}'; sleep 1000").await;
    reached.call(&stop()).await.unwrap();
    script::until_gone(script::number_in(&own)).await;

    let folder = TempDir::new().unwrap();
    let own = folder.path().join("own");
    let hangs = client(&folder, "greet; request; touch \"${0%/*}/asked\"; sleep 1000").await;
    let asked = folder.path().join("asked");
    let until_asked = async {
        while !fs::exists(&asked).unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let stop = stop();
    tokio::select! {
        _ = hangs.call(&stop) => panic!("it was answered"),
        () = until_asked => {}
    }
    script::until_gone(script::number_in(&own)).await;
}
