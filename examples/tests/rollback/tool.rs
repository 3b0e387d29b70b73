//! The tool as a process, and a service to take back.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::ImageRef;
use stillme_rollback_docker::{ContainerId, ContainerName};
use tempfile::TempDir;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::real::{Testbed, free_port, testbed};

/// No call of the tool in these tests takes longer.
const LIMIT: Duration = Duration::from_secs(90);

/// A service under test: a corner of the engine, a port, and the tool's own folder.
pub(crate) struct Bench {
    pub(crate) bed: Testbed,
    pub(crate) name: ContainerName,
    pub(crate) port: u16,
    /// The `PATH` of the tool, if it is not that of the test.
    pub(crate) path: Option<OsString>,
    folder: TempDir,
}

/// A corner of the engine, or `None` if the test is to be left out.
pub(crate) async fn bench() -> Option<Bench> {
    let bed = testbed().await?;
    let name = bed.name("web");
    let folder = tempfile::tempdir().unwrap();
    Some(Bench { bed, name, port: free_port(), path: None, folder })
}

impl Bench {
    /// Images of these tags, and the service on the last of them. A tag with a colon carries a knob
    /// of the test service: `v2:TESTBED_UNHEALTHY_AFTER=0s`.
    pub(crate) async fn serving(&self, tags: &[&str]) -> ContainerId {
        self.serving_with(tags, json!({"RestartPolicy": {"Name": "unless-stopped"}})).await
    }

    /// The same, with these settings in its `HostConfig`.
    pub(crate) async fn serving_with(&self, tags: &[&str], host: Value) -> ContainerId {
        let mut image = None;
        for tag in tags {
            let (tag, knob) = tag.split_once(':').unwrap_or((tag, "KNOB=none"));
            image = Some(self.bed.image(tag, &[&format!("ENV {knob}")]).await.0);
        }
        let id = self.bed.run(&self.name, self.body(&image.unwrap(), host)).await;
        self.bed.until_listening(&id).await;
        id
    }

    fn body(&self, image: &ImageRef, host: Value) -> Value {
        let mut body = self.bed.body(image);
        body["HostConfig"] = host;
        body["ExposedPorts"] = json!({"8080/tcp": {}});
        let binding = json!([{"HostIp": "127.0.0.1", "HostPort": self.port.to_string()}]);
        body["HostConfig"]["PortBindings"] = json!({"8080/tcp": binding});
        body
    }

    /// The URL at which it says whether it is well.
    pub(crate) fn health_url(&self) -> String {
        format!("http://127.0.0.1:{}/healthz", self.port)
    }

    /// The tool's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the tool to its end.
    pub(crate) async fn rollback<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Ran {
        self.start(arguments).wait().await
    }

    /// `rollback docker`, with the health URL.
    pub(crate) async fn docker(&self, arguments: &[&str]) -> Ran {
        self.start(self.docker_arguments(arguments)).wait().await
    }

    /// The arguments of `rollback docker`, with the health URL.
    pub(crate) fn docker_arguments(&self, arguments: &[&str]) -> Vec<String> {
        let url = self.health_url();
        let begin = ["docker", self.name.as_str(), "--settle", "1s", "--health-url", &url];
        begin.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect()
    }

    /// Starts the tool.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Running {
        self.start_with(arguments, &[])
    }

    /// Starts the tool with more in its environment.
    pub(crate) fn start_with<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        env: &[(&str, &str)],
    ) -> Running {
        let path = self.path.iter().map(|path| (OsStr::new("PATH"), path.as_os_str()));
        Running::start(arguments, self.folder.path(), path.chain(texts(env)))
    }

    /// Which version answers, and that the port is served by one container only.
    pub(crate) async fn version(&self) -> String {
        let mut running = Vec::new();
        for container in self.bed.containers().await {
            if container.state == "running" {
                running.push(container.name.unwrap().to_string());
            }
        }
        assert_eq!(running, [self.name.as_str()], "exactly one container serves, under its name");
        let answer = timeout(Duration::from_secs(20), async {
            loop {
                if let Some(answer) = get(self.port).await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let answer = answer.await.expect("the service answers within 20 s");
        serde_json::from_str::<Value>(&answer).unwrap()["version"].as_str().unwrap().to_owned()
    }

    /// The names of the test's containers beside the service, sorted.
    pub(crate) async fn beside(&self) -> Vec<String> {
        let all = self.bed.containers().await;
        let names = all.iter().filter_map(|container| container.name.as_ref());
        let mut names: Vec<_> =
            names.filter(|name| **name != self.name).map(ToString::to_string).collect();
        names.sort();
        names
    }
}

/// One request, as plainly as can be; the body of the answer.
async fn get(port: u16) -> Option<String> {
    use tokio::io::AsyncWriteExt as _;
    let asking = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        Some(body.to_owned())
    };
    timeout(Duration::from_secs(2), asking).await.ok().flatten()
}

/// The tool at work.
pub(crate) struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
    err: Lines<BufReader<ChildStderr>>,
    told: Vec<String>,
}

fn texts<'a>(env: &'a [(&str, &str)]) -> impl Iterator<Item = (&'a OsStr, &'a OsStr)> {
    env.iter().map(|(name, value)| (OsStr::new(*name), OsStr::new(*value)))
}

impl Running {
    /// Starts the tool without a service.
    pub(crate) fn alone<S: AsRef<OsStr>>(arguments: &[S], folder: &Path) -> Self {
        Self::alone_with(arguments, folder, &[])
    }

    /// Starts the tool without a service and with more in its environment.
    pub(crate) fn alone_with<S: AsRef<OsStr>>(
        arguments: &[S],
        folder: &Path,
        env: &[(&str, &str)],
    ) -> Self {
        Self::start(arguments, folder, texts(env))
    }

    fn start<'a, S: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = S>,
        folder: &Path,
        env: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollback"));
        command
            .args(arguments)
            // Not the folder of whoever runs the tests.
            .env("STILLME_ROLLBACK_JOURNAL_DIR", folder)
            .env_remove("STILLME_TEST_KILL_AT")
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, seen: Vec::new(), err, told: Vec::new() }
    }

    /// Waits until a line of its output has this in it.
    pub(crate) async fn until(&mut self, text: &str) {
        until(&mut self.out, &mut self.seen, text).await;
    }

    /// Waits until a line of what it tells meanwhile has this in it.
    pub(crate) async fn until_told(&mut self, text: &str) {
        until(&mut self.err, &mut self.told, text).await;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal)
            .unwrap();
    }

    /// Waits until it has ended; what it says is read afterwards.
    #[cfg(feature = "test-kill")]
    pub(crate) async fn ended(&mut self) {
        timeout(LIMIT, self.child.wait()).await.expect("the tool ends in time").unwrap();
    }

    /// Kills it together with the processes that it started.
    #[cfg(feature = "test-kill")]
    pub(crate) fn kill_with_children(&self) {
        let own = self.child.id().unwrap();
        // Its children are found before it is gone: then they have another parent.
        for pid in std::iter::once(own).chain(descendants(own)) {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Waits for its end.
    pub(crate) async fn wait(mut self) -> Ran {
        let ending = async {
            tokio::join!(rest(&mut self.out, &mut self.seen), rest(&mut self.err, &mut self.told));
            self.child.wait().await.unwrap()
        };
        let status = timeout(LIMIT, ending).await.expect("the tool ends in time");
        Ran { status, out: self.seen.join("\n"), err: self.told.join("\n") }
    }
}

/// The processes below another one, as `/proc` shows them.
#[cfg(feature = "test-kill")]
fn descendants(of: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the name, which may hold anything: the state, then the parent.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pairs: Vec<_> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![of];
    let mut next = 0;
    while next < found.len() {
        let below = pairs.iter().filter(|(_, parent)| *parent == found[next]).map(|(pid, _)| *pid);
        let below: Vec<_> = below.collect();
        found.extend(below);
        next += 1;
    }
    found.split_off(1)
}

async fn rest<R: AsyncBufRead + Unpin>(lines: &mut Lines<R>, seen: &mut Vec<String>) {
    while let Some(line) = lines.next_line().await.unwrap() {
        seen.push(line);
    }
}

async fn until<R: AsyncBufRead + Unpin>(lines: &mut Lines<R>, seen: &mut Vec<String>, text: &str) {
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
        panic!("it ended without `{text}`: {seen:#?}");
    };
    timeout(LIMIT, reading).await.expect("it says so in time");
}

/// What the tool said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Its exit code; none if it was killed.
    #[cfg(feature = "test-kill")]
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Checks its exit code.
    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}\n{}", self.out, self.err);
        self
    }

    /// Checks that it was killed.
    #[track_caller]
    pub(crate) fn was_killed(self) -> Self {
        assert_eq!(self.status.code(), None, "{}\n{}", self.out, self.err);
        self
    }

    /// Checks that one of its streams has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let said = self.out.contains(text) || self.err.contains(text);
        assert!(said, "it does not say `{text}`:\n{}\n{}", self.out, self.err);
        self
    }

    /// Its output as one JSON object a line.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last object of a type.
    #[track_caller]
    pub(crate) fn last(&self, kind: &str) -> Value {
        let all = self.json();
        let found = all.iter().rev().find(|line| line["type"] == kind);
        found.unwrap_or_else(|| panic!("no `{kind}`: {}", self.out)).clone()
    }
}
