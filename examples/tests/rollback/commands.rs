//! What needs no engine.

use crate::tool::Running;

#[tokio::test]
async fn completions_are_scripts_of_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, mark) in [
        ("bash", "complete -F _rollback"),
        ("zsh", "#compdef rollback"),
        ("fish", "complete -c rollback"),
        ("elvish", "edit:completion:arg-completer[rollback]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = Running::alone(&["completions", shell], folder.path()).wait().await;
        ran.ended_with(0).says(mark).says("health-url");
    }
}

#[tokio::test]
async fn the_help_teaches() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Running::alone(&["--help"], folder.path()).wait().await.ended_with(0);
    ran.says("Examples:").says("Exit codes:").says("health-url");
    for command in ["docker", "resume", "abort"] {
        let ran = Running::alone(&[command, "--help"], folder.path()).wait().await;
        ran.ended_with(0).says("Example");
    }
    Running::alone(&["--version"], folder.path()).wait().await.ended_with(0).says("rollback ");
    let ran = Running::alone(&[] as &[&str], folder.path()).wait().await.ended_with(2);
    ran.says("Usage:");
}

#[tokio::test]
async fn without_a_run_there_is_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Running::alone(&["runs"], folder.path()).wait().await.ended_with(0);
    runs.says("no runs in");
    let resume = Running::alone(&["resume"], folder.path()).wait().await.ended_with(0);
    resume.says("no run is unfinished");
    let run = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for command in ["show", "abort", "resume"] {
        let ran = Running::alone(&[command, run], folder.path()).wait().await.ended_with(1);
        ran.says("there is no run");
    }
}
