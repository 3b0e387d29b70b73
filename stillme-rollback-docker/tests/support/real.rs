//! A real engine for tests: found as the docker command finds it, with images FROM scratch, and
//! everything removed again that a test made, also after a failure.
//!
//! `STILLME_TEST_DOCKER` says what happens without an engine: `auto` (also by default) leaves the test
//! out and says so, `required` fails it, `off` leaves it out even with one.

#![allow(dead_code, reason = "each test program uses its part of it")]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_core::{ImageRef, Secret};
use stillme_rollback_docker::engine::{ContainerFilter, ContainerSummary, NewContainer};
use stillme_rollback_docker::http::Call;
use stillme_rollback_docker::{
    ContainerId, ContainerName, DockerEnv, Engine as _, HttpEngine, ImageId,
};
use tokio::runtime::RuntimeFlavor;
use tokio::sync::{OnceCell, RwLock};

pub(crate) mod cleanup;

/// The label of everything that a test makes; its value names the test.
pub(crate) const LABEL: &str = "dev.stillme.testbed.test";

/// Building the service cold on two busy cores.
const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// On containerd's store the classic builder loses layers, those in its cache and its own, if an image
/// is removed meanwhile: builds go on beside each other, removals alone.
static IMAGES: RwLock<()> = RwLock::const_new(());

/// One test's corner of a real engine. Removes what has its label when dropped.
pub(crate) struct Testbed {
    /// The engine.
    pub(crate) engine: HttpEngine,
    prefix: String,
}

/// A corner of the engine, or `None` if the test is to be left out.
pub(crate) async fn testbed() -> Option<Testbed> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static SWEPT: OnceCell<()> = OnceCell::const_new();
    let wanted = std::env::var("STILLME_TEST_DOCKER").unwrap_or_default();
    if wanted == "off" {
        left_out("STILLME_TEST_DOCKER=off");
        return None;
    }
    match HttpEngine::connect(&DockerEnv::from_env().unwrap()).await {
        Ok(engine) => {
            SWEPT.get_or_init(|| cleanup::remove_what_dead_tests_left(&engine)).await;
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let prefix = format!("rbtest-{}-{n}", std::process::id());
            Some(Testbed { engine, prefix })
        }
        Err(error) if wanted == "required" => panic!("an engine is required: {error}"),
        Err(error) => {
            left_out(&format!("no engine answers: {error}"));
            None
        }
    }
}

/// Straight to the terminal: what a test prints is not shown when it passes.
pub(crate) fn left_out(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("LEFT OUT: {name}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

impl Testbed {
    /// A name of this test's own.
    pub(crate) fn name(&self, name: &str) -> ContainerName {
        ContainerName::new(format!("{}-{name}", self.prefix)).unwrap()
    }

    /// The repository of this test's images.
    pub(crate) fn repository(&self) -> &str {
        &self.prefix
    }

    /// Builds an image FROM scratch with the test service in it and these lines in its Dockerfile,
    /// `ENV VERSION` being the tag. Gives its reference and its id.
    pub(crate) async fn image(&self, tag: &str, lines: &[&str]) -> (ImageRef, ImageId) {
        let version = format!("ENV VERSION={tag}");
        let own = ["COPY service /service", &version, "ENTRYPOINT [\"/service\"]"];
        self.image_of(tag, &[("service", service())], &[&own, lines].concat()).await
    }

    /// Builds an image FROM scratch with these programs beside its Dockerfile and these lines in it.
    pub(crate) async fn image_of(
        &self,
        tag: &str,
        programs: &[(&str, &[u8])],
        lines: &[&str],
    ) -> (ImageRef, ImageId) {
        let reference: ImageRef = format!("{}:{tag}", self.prefix).parse().unwrap();
        // The label first, so that what a build leaves that was cut off has it, too.
        let head = format!("FROM scratch\nLABEL {LABEL}={}", self.prefix);
        let dockerfile = format!("{head}\n{}\n", lines.join("\n"));
        let build = Call::posting("build image", "/build")
            .query("t", reference.as_str())
            .query("q", "true")
            .query("rm", "true")
            .query("forcerm", "true")
            .body("application/x-tar", context(&dockerfile, programs))
            .within(BUILD_LIMIT);
        let building = IMAGES.read().await;
        let answer = self.engine.client().call(&build).await.unwrap();
        drop(building);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(!text.contains("\"error\""), "{text}");
        let image = self.engine.inspect_image(reference.as_str()).await.unwrap().unwrap();
        let id = image.expose()["Id"].as_str().unwrap().parse().unwrap();
        (reference, id)
    }

    /// Loads an image that says it is made for another architecture.
    pub(crate) async fn foreign_image(&self, tag: &str, arch: &str) -> ImageRef {
        let reference: ImageRef = format!("{}:{tag}", self.prefix).parse().unwrap();
        let config = json!({
            "architecture": arch, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": []}, "history": [],
        });
        let manifest =
            json!([{"Config": "config.json", "RepoTags": [reference.as_str()], "Layers": []}]);
        let tar = archive(&[
            ("config.json", 0o644, config.to_string().as_bytes()),
            ("manifest.json", 0o644, manifest.to_string().as_bytes()),
        ]);
        let load = Call::posting("load image", "/images/load").body("application/x-tar", tar);
        self.engine.client().call(&load).await.unwrap();
        reference
    }

    /// The body of a container of an image, to be changed as a test likes.
    pub(crate) fn body(&self, image: &ImageRef) -> Value {
        json!({"Image": image.as_str(), "Labels": {LABEL: self.prefix}, "HostConfig": {}})
    }

    /// Creates a container.
    pub(crate) async fn create(&self, name: &ContainerName, body: Value) -> ContainerId {
        self.engine
            .create_container(&NewContainer::new(name.clone(), Secret::new(body)))
            .await
            .unwrap()
            .id
    }

    /// Creates and starts a container.
    pub(crate) async fn run(&self, name: &ContainerName, body: Value) -> ContainerId {
        let id = self.create(name, body).await;
        self.engine.start_container(&id).await.unwrap();
        id
    }

    /// A container as it is now.
    pub(crate) async fn inspect(&self, id: &ContainerId) -> Value {
        self.engine.inspect_container(&id.into()).await.unwrap().unwrap().expose().clone()
    }

    /// The containers of this test, running or not.
    pub(crate) async fn containers(&self) -> Vec<ContainerSummary> {
        let filter = ContainerFilter::all().label(LABEL, &self.prefix);
        self.engine.list_containers(&filter).await.unwrap()
    }

    /// Makes a network of this test's own and gives its name.
    pub(crate) async fn network(&self, name: &str) -> String {
        let name = format!("{}-{name}", self.prefix);
        let body = json!({"Name": name, "CheckDuplicate": true, "Labels": {LABEL: self.prefix}});
        let call = Call::posting("create network", "/networks/create").json(&body);
        self.engine.client().call(&call).await.unwrap();
        name
    }

    /// A network with a subnet of its own: its name, and the first three numbers of its addresses.
    pub(crate) async fn subnet(&self, name: &str) -> (String, String) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{name}", self.prefix);
        // Others on this engine may have taken one: then it is the next one.
        for _ in 0..50 {
            let n = std::process::id() + 53 * NEXT.fetch_add(1, Ordering::Relaxed);
            let net = format!("10.{}.{}", 200 + n / 250 % 50, n % 250);
            let body = json!({
                "Name": name, "CheckDuplicate": true, "Labels": {LABEL: self.prefix},
                "IPAM": {"Config": [{"Subnet": format!("{net}.0/24")}]},
            });
            let call = Call::posting("create network", "/networks/create").json(&body);
            if self.engine.client().call(&call).await.is_ok() {
                return (name, net);
            }
        }
        panic!("no subnet is free");
    }

    /// Waits until a container is as it should be, for at most 20 s.
    pub(crate) async fn until(
        &self,
        id: &ContainerId,
        what: &str,
        is_so: impl Fn(&Value) -> bool + Sync,
    ) -> Value {
        let waiting = async {
            loop {
                let container = self.inspect(id).await;
                if is_so(&container) {
                    return container;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, waiting)
            .await
            .unwrap_or_else(|_| panic!("not {what} within 20 s"))
    }

    /// Waits until something listens on a port of a container.
    pub(crate) async fn until_listening(&self, id: &ContainerId) {
        let waiting = async {
            loop {
                let log = self.engine.logs(id, 50, 65_536).await.unwrap();
                if String::from_utf8_lossy(log.expose()).contains("\"listening\"") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        // The test's own runtime may be the one that is being torn down, so cleaning has its own.
        let clean = || {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build();
                    runtime.unwrap().block_on(cleanup::remove_all_of(&self.engine, &self.prefix));
                });
            });
        };
        // A worker that waits here may be the one that reads all sockets of its runtime: what another task there holds
        // would never be given back, and cleaning waits for that.
        let runtime = tokio::runtime::Handle::try_current();
        match runtime.map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(clean),
            _ => clean(),
        }
    }
}

/// A TCP port on loopback that nobody listens on, below the ephemeral range: a prober of a port
/// inside of it can connect to itself.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 500).unwrap() * 20;
    (0..10_000)
        .map(|_| 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// A build's context: a Dockerfile and programs.
fn context(dockerfile: &str, programs: &[(&str, &[u8])]) -> Vec<u8> {
    let mut files = vec![("Dockerfile", 0o644, dockerfile.as_bytes())];
    files.extend(programs.iter().map(|(name, content)| (*name, 0o755, *content)));
    archive(&files)
}

/// A tar archive of these files: name, mode, content.
pub(crate) fn archive(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The static test service, built once.
fn service() -> &'static [u8] {
    static SERVICE: OnceLock<Vec<u8>> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/testbed-image.sh");
        // The script has a time limit of its own.
        let output = Command::new(script).arg("binary").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = String::from_utf8(output.stdout).unwrap();
        std::fs::read(path.trim()).unwrap()
    })
}
