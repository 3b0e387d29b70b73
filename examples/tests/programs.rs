//! Every small program of this folder runs to its end and says what it should.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(120);

fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Else colours stand between the words.
        .env("NO_COLOR", "1")
        .kill_on_drop(true);
    command
}

/// What a program printed. It is told to end if it takes too long, so that it cleans up.
async fn printed(child: Child) -> (bool, String) {
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    let reading = child.wait_with_output();
    tokio::pin!(reading);
    let ended = match timeout(LIMIT, &mut reading).await {
        Ok(ended) => ended.unwrap(),
        Err(_) => {
            let _ = kill_process(pid, Signal::TERM);
            let _ = timeout(Duration::from_secs(30), &mut reading).await;
            panic!("not done within {LIMIT:?}");
        }
    };
    let text = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    (ended.status.success(), text)
}

/// Runs a program that must succeed and say these things in this order.
async fn says(mut program: Command, lines: &[&str]) {
    let (success, text) = printed(program.spawn().unwrap()).await;
    assert!(success, "{text}");
    let mut rest = text.as_str();
    for line in lines {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line:?} is missing in:\n{text}"));
        rest = &rest[at + line.len()..];
    }
}

#[tokio::test]
async fn embed_in_service() {
    says(
        program(env!("CARGO_BIN_EXE_embed_in_service")),
        &[
            "too many errors: going back",
            "state=RolledBack",
            "not gone back",
            "already runs: nothing to do",
            "nothing-of-the-kind",
            "in the end: web v1 Up restart=true; web.rbo-",
        ],
    )
    .await;
}

#[tokio::test]
async fn resume_after_crash() {
    says(
        program(env!("CARGO_BIN_EXE_resume_after_crash")),
        &[
            "web v2 Exited restart=false",
            "web.rbn-",
            "v1 Created",
            "ROLLED BACK memory/web to v1",
            "resumed",
            "web v1 Up restart=true",
        ],
    )
    .await;
}

#[tokio::test]
async fn custom_executor() {
    says(
        program(env!("CARGO_BIN_EXE_custom_executor")),
        &[
            "ROLLED BACK links/current to v1",
            "current -> releases/v1",
            "NOT ROLLED BACK: links/current runs v1 again",
            "current -> releases/v1",
        ],
    )
    .await;
}
