//! Services of Docker Compose, by the compose command that is installed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use stillme_rollback_docker::Engine as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::compose_commands::{current, first_generation};
use crate::tool::{Bench, Ran, bench};

/// The label of everything that a test makes.
const LABEL: &str = "dev.stillme.testbed.test";

/// A project in the folder of its own.
pub(crate) struct Shop {
    pub(crate) bench: Bench,
    project: tempfile::TempDir,
    /// With the compose command that this engine is used with.
    bin: tempfile::TempDir,
}

impl Shop {
    /// `web` runs the last of these tags, by the compose command that is used with this engine. `None`
    /// without an engine or a compose command.
    pub(crate) async fn serving(tags: &[&str]) -> Option<Self> {
        let bench = bench().await?;
        let Some(program) = first_generation_for(&bench).await.or_else(current) else {
            crate::say("LEFT OUT: there is no compose command for this engine");
            return None;
        };
        Some(Self::serving_by(bench, &program, tags).await)
    }

    /// The same by a compose command.
    pub(crate) async fn serving_by(mut bench: Bench, program: &Path, tags: &[&str]) -> Self {
        let bin = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(program, bin.path().join("docker-compose")).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(bin.path().to_owned()).chain(std::env::split_paths(&path));
        bench.path = Some(std::env::join_paths(dirs).unwrap());
        for tag in tags {
            let (tag, knob) = tag.split_once(':').unwrap_or((tag, "KNOB=none"));
            bench.bed.image(tag, &[&format!("ENV {knob}")]).await;
        }
        let shop = Self { bench, project: tempfile::tempdir().unwrap(), bin };
        let (name, port) = (shop.name(), shop.bench.port);
        let last = tags.last().unwrap();
        let text = format!(
            "version: '2.4'\nservices:\n  web:\n    image: {name}:{last}\n    restart: unless-stopped\n    ports: ['127.0.0.1:{port}:8080']\n  db: {{image: '{name}:{last}'}}\nnetworks: {{default: {{labels: {{{LABEL}: {name}}}}}}}\n"
        );
        std::fs::write(shop.project.path().join("docker-compose.yml"), text).unwrap();
        shop.up().await;
        shop
    }

    /// The project's name.
    pub(crate) fn name(&self) -> &str {
        self.bench.bed.repository()
    }

    /// What its owner does.
    pub(crate) async fn up(&self) {
        let up = Command::new(self.bin.path().join("docker-compose"))
            .args(["-p", self.name(), "up", "-d"])
            .current_dir(self.project.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let up = timeout(Duration::from_secs(120), up).await.unwrap().unwrap();
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    }

    /// `rollback compose web`, with the health URL.
    pub(crate) fn arguments(&self, more: &[&str]) -> Vec<String> {
        let url = self.bench.health_url();
        let begin = ["compose", "web", "-p", self.name(), "--settle", "1s", "--health-url", &url];
        begin.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    }

    pub(crate) async fn rollback(&self, more: &[&str]) -> Ran {
        self.bench.rollback(self.arguments(more)).await
    }

    /// The containers of a service: name, version (the image's tag) and state.
    pub(crate) async fn containers(&self, service: &str) -> Vec<String> {
        let all = self.bench.bed.containers().await;
        let of_service = all
            .iter()
            .filter(|container| container.label("com.docker.compose.service") == Some(service));
        let mut found = Vec::new();
        for container in of_service {
            let inspected = self.bench.bed.inspect(&container.id).await;
            let env = inspected["Config"]["Env"].as_array().unwrap();
            let version = env.iter().find_map(|entry| entry.as_str()?.strip_prefix("VERSION="));
            let name = container.name.as_ref().unwrap().as_str();
            let name = name.strip_prefix(self.name()).unwrap_or(name).replace('-', "_");
            found.push(format!("{name} {} {}", version.unwrap(), container.state));
        }
        found
    }
}

/// The first generation, where it can recreate containers: not where images are in containerd's store.
pub(crate) async fn first_generation_for(bench: &Bench) -> Option<PathBuf> {
    let engine = bench.bed.engine.info().await.unwrap();
    if engine.containerd_store { None } else { first_generation() }
}

#[tokio::test]
async fn a_service_goes_back_and_the_plan_says_what_the_next_up_does() {
    let Some(shop) = Shop::serving(&["v1", "v2"]).await else { return };
    let db = shop.containers("db").await;
    let plan = shop.rollback(&["--to", "v1", "--plan"]).await.ended_with(0);
    plan.says("not sticky: the next `up` deploys").says("nothing was touched");
    assert_eq!(shop.containers("web").await, ["_web_1 v2 running"]);
    shop.rollback(&["--to", "v1", "--yes"])
        .await
        .ended_with(0)
        .says("ROLLED BACK")
        .says("verified");
    assert_eq!(shop.containers("web").await, ["_web_1 v1 running"]);
    assert_eq!(shop.containers("db").await, db);
    shop.rollback(&["--to", "v1", "--yes"]).await.ended_with(10).says("NOTHING TO DO");
    let named = format!("{}/web", shop.name());
    let listed = shop.bench.rollback(["versions", "compose", &named]).await.ended_with(0);
    listed.says("service web").says("previous").says("verified it").says("left it");
    shop.rollback(&["--to", "previous", "--yes", "--sticky", "file"]).await.ended_with(0);
    assert_eq!(shop.containers("web").await, ["_web_1 v2 running"]);
}

#[tokio::test]
async fn a_bad_version_of_a_service_is_undone() {
    let Some(shop) = Shop::serving(&["bad:TESTBED_EXIT_CODE=3", "v2"]).await else { return };
    let ran = shop.rollback(&["--to", "bad", "--yes", "--deadline", "15s"]).await.ended_with(11);
    ran.says("NOT ROLLED BACK").says("rollback versions compose");
    assert_eq!(shop.containers("web").await, ["_web_1 v2 running"]);
}

/// Whatever stands for a name or a path, no process is started for it.
#[tokio::test]
async fn hostile_names_are_refused() {
    let Some(bench) = bench().await else { return };
    for bad in ["$(id)", "a;id", "`id`", "a b", "../a", "a\nb", "\u{202e}x", "a+b", ""] {
        bench.rollback(["compose", bad, "--to", "v1", "--plan"]).await.ended_with(2);
        bench.rollback(["compose", "web", "-p", bad, "--to", "v1", "--plan"]).await.ended_with(2);
        if !bad.contains('+') {
            bench.rollback(["versions", "compose", bad]).await.ended_with(2);
        }
    }
}
