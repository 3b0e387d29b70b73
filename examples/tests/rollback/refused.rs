//! What is refused, before anything is touched.

use crate::tool::{Running, bench};

#[tokio::test]
async fn without_a_terminal_nobody_is_asked_and_nothing_runs() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    let ran = bench.docker(&["--to", "v1"]).await.ended_with(13);
    ran.says("create the new container").says("--approve").says("nothing was touched");
    let ran = bench.docker(&["--to", "v1", "--output", "json"]).await.ended_with(13);
    assert!(ran.last("plan")["fingerprint"].is_string());
    assert_eq!(ran.last("error")["state"], "refused");
    assert_eq!(ran.last("error")["exit_code"], 13);
    assert!(bench.beside().await.is_empty());
    assert_eq!(bench.version().await, "v2");
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_what_there_is() {
    let Some(bench) = bench().await else { return };
    bench.serving(&["v1", "v2"]).await;
    let unknown = ["docker", "rbtest-no-such-container", "--to", "v1", "--yes"];
    let ran = bench.rollback(unknown).await.ended_with(13);
    ran.says("there is no such container").says("nothing was touched").says("docker ps --all");
    for to in ["v9", "previous"] {
        let ran = bench.docker(&["--to", to, "--yes"]).await.ended_with(13);
        ran.says(":v1").says("nothing was touched");
    }
    let listed = bench.rollback(["versions", "docker", bench.name.as_str()]).await.ended_with(0);
    listed.says("nothing proves what ran before");
    assert!(bench.beside().await.is_empty());
    assert_eq!(bench.version().await, "v2");
}

#[tokio::test]
async fn what_means_nothing_is_a_usage_error_and_steers_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(65_536);
    for arguments in [
        vec!["docker", "web", "--to", "v1\u{1b}[2J"],
        vec!["docker", "web", "--to", "$(id)"],
        vec!["docker", "web", "--to", &long],
        vec!["docker", "we\u{1b}]0;owned\u{7}b", "--to", "v1"],
        vec!["docker", "../web", "--to", "v1"],
        vec!["docker", "w\u{435}b", "--to", "v1"],
        vec!["docker", "web", "--to", "v1", "--approve", "abc"],
        vec!["docker", "web", "--to", "v1", "--health-url", "file:///etc/passwd"],
        vec!["docker", "web", "--to", "v1", "--health-url", "http://ops:canary-7@localhost/"],
        vec!["docker", "web", "--to", "v1", "--deadline", "\u{1b}[2J"],
        vec!["docker", "web", "--to", "v1", "--\u{1b}[2J"],
        vec!["frobnicate\u{1b}[2J"],
        vec!["versions", "docker", "-rf"],
    ] {
        let ran = Running::alone(&arguments, folder.path()).wait().await.ended_with(2);
        let is_unsafe = |c: char| c.is_control() && c != '\n';
        assert!(!ran.err.contains(is_unsafe) && !ran.err.contains("canary"), "{:?}", ran.err);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let host = [("DOCKER_HOST", "unix:///no/such/socket")];
    let arguments = ["docker", "web", "--to", "v1", "--yes", "--output", "json"];
    let ran = Running::alone_with(&arguments, folder.path(), &host).wait().await.ended_with(1);
    let error = ran.last("error");
    assert_eq!(error["untouched"], true);
    assert_eq!(error["state"], serde_json::Value::Null);
    ran.says("unix:///no/such/socket").says("nothing was");
    // Plain TCP to another machine gives the engine to whoever listens: nothing is even sent.
    let host = [("DOCKER_HOST", "tcp://192.0.2.1:2375")];
    let ran = Running::alone_with(&arguments, folder.path(), &host).wait().await.ended_with(1);
    ran.says("192.0.2.1");
}

#[tokio::test]
async fn a_folder_that_can_not_be_used_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let arguments =
        ["docker", "web", "--to", "v1", "--yes", "--journal-dir", file.to_str().unwrap()];
    let ran = Running::alone(&arguments, folder.path()).wait().await.ended_with(1);
    ran.says("--journal-dir").says("nothing was touched");
}
