//! What a test makes on the engine, and takes away again whatever happens.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use stillme_rollback_core::Secret;
use stillme_rollback_docker::recreate::{
    ApiVersion, EngineFacts, Recreated, Replacement, Source, recreate,
};

use super::Engine;
use super::engine::tar;

/// Labs of one process that run at the same time.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// On containerd's store the classic builder loses layers, those in its cache and its own, if an image
/// is removed meanwhile: builds go on beside each other, removals alone.
static IMAGES: RwLock<()> = RwLock::new(());

/// What an engine said to what a test asked for.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

pub(crate) struct Lab {
    pub(crate) engine: Engine,
    name: String,
    facts: EngineFacts,
    front: String,
    back: String,
    subnet: u32,
    neighbour: OnceCell<String>,
    images: RefCell<BTreeMap<String, String>>,
    /// Paths to delete, the last first.
    trash: RefCell<Vec<String>>,
}

impl Lab {
    /// A lab, or none: then the reason is printed.
    pub(crate) fn open() -> Option<Self> {
        let mode = std::env::var("STILLME_TEST_DOCKER").unwrap_or_else(|_| "auto".to_owned());
        let found = match mode.as_str() {
            "off" => Err("STILLME_TEST_DOCKER=off".to_owned()),
            "auto" | "required" => Engine::find(),
            other => panic!("STILLME_TEST_DOCKER is one of auto, required, off; not {other}"),
        };
        match found {
            Ok(engine) => Some(Self::on(engine)),
            Err(reason) if mode == "required" => panic!("no engine: {reason}"),
            Err(reason) => {
                // Straight to the terminal: what a test prints is not shown when it passes.
                let line = format!("LEFT OUT: the law on a real engine: {reason}\n");
                std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
                None
            }
        }
    }

    fn on(engine: Engine) -> Self {
        let (_, info) = engine.call("GET", "/info", &Value::Null);
        let text = |key: &str| info[key].as_str().unwrap_or_default().to_owned();
        let facts = EngineFacts::new(engine.api)
            .with_host_name(text("Name"))
            .with_default_runtime(text("DefaultRuntime"));
        let facts = if text("CgroupVersion") == "2" { facts.with_cgroup_v2() } else { facts };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stillme-law-{}-{number}", std::process::id());
        let mut lab = Self {
            engine,
            front: format!("{name}-front"),
            back: format!("{name}-back"),
            name,
            facts,
            subnet: 0,
            neighbour: OnceCell::new(),
            images: RefCell::default(),
            trash: RefCell::default(),
        };
        lab.subnet = lab.make_networks();
        lab
    }

    /// Two networks with addresses that can be chosen; the number of the subnets that were free.
    fn make_networks(&self) -> u32 {
        let free = |number: u32| {
            let (front, back) = (self.subnet_of(number, 0), self.subnet_of(number, 1));
            let made = self.make_network(&self.front, &front);
            made && (self.make_network(&self.back, &back) || {
                self.engine.call("DELETE", &format!("/networks/{}", self.front), &Value::Null);
                false
            })
        };
        let start = std::process::id() % 200 + COUNT.load(Ordering::Relaxed);
        let number = (start..start + 40).find(|number| free(*number)).expect("free subnets");
        for network in [&self.front, &self.back] {
            self.trash.borrow_mut().push(format!("/networks/{network}"));
        }
        number
    }

    fn make_network(&self, name: &str, subnet: &str) -> bool {
        let body = json!({
            "Name": name, "Driver": "bridge", "CheckDuplicate": true,
            "IPAM": {"Config": [{"Subnet": format!("{subnet}.0/26")}]},
        });
        self.engine.call("POST", "/networks/create", &body).0 == 201
    }

    fn subnet_of(&self, number: u32, which: u32) -> String {
        format!("10.{}.{}", 213 + which, number % 250)
    }

    /// A network of a user, and an address on it.
    pub(crate) fn front(&self) -> &str {
        &self.front
    }

    /// Another network.
    pub(crate) fn back(&self) -> &str {
        &self.back
    }

    /// An address on the front network (`0`) or the back one (`1`).
    pub(crate) fn address(&self, which: u32) -> String {
        format!("{}.40", self.subnet_of(self.subnet, which))
    }

    /// The tag of an image made `FROM scratch` with these lines.
    pub(crate) fn image(&self, lines: &str) -> String {
        self.image_with(lines, &[])
    }

    /// The same, with files.
    pub(crate) fn image_with(&self, lines: &str, files: &[(&str, &[u8])]) -> String {
        if let Some(tag) = self.images.borrow().get(lines) {
            return tag.clone();
        }
        let tag = format!("{}:i{}", self.name, self.images.borrow().len());
        let mut content = format!("FROM scratch\nLABEL stillme.test={}\n", self.name);
        for (name, _) in files {
            content += &format!("COPY {name} /{name}\n");
        }
        content += lines;
        let mut files = files.to_vec();
        files.push(("Dockerfile", content.as_bytes()));
        let path = format!("/build?t={tag}");
        let building = IMAGES.read().unwrap();
        let (status, log) = self.engine.raw("POST", &path, "application/x-tar", &tar(&files));
        drop(building);
        let log = String::from_utf8_lossy(&log);
        assert!(status == 200 && !log.contains("errorDetail"), "{lines}: {status} {log}");
        self.images.borrow_mut().insert(lines.to_owned(), tag.clone());
        self.trash.borrow_mut().push(format!("/images/{tag}?force=1"));
        tag
    }

    /// A container whose network others can share; always the same one.
    pub(crate) fn neighbour(&self) -> String {
        let image = self.image("ENTRYPOINT [\"/e\"]");
        self.neighbour.get_or_init(|| self.run(&json!({}), &[], &image)).clone()
    }

    /// The name of a volume, gone at the end.
    pub(crate) fn volume(&self) -> String {
        let name = format!("{}-volume", self.name);
        let path = format!("/volumes/{name}?force=1");
        if !self.trash.borrow().contains(&path) {
            self.remove_later(path);
        }
        name
    }

    /// `run(S, image)`, but not started: the id.
    pub(crate) fn run(&self, wanted: &Value, networks: &[(String, Value)], image: &str) -> String {
        self.try_run(wanted, networks, image).expect("what the test asks for can be created")
    }

    /// The same, where an engine may refuse what a test asks for.
    pub(crate) fn try_run(
        &self,
        wanted: &Value,
        networks: &[(String, Value)],
        image: &str,
    ) -> Result<String, Refusal> {
        let mut body = wanted.clone();
        body["Image"] = image.into();
        if body["HostConfig"].is_null() {
            // Every client sends one; without, engines leave some of their defaults out.
            body["HostConfig"] = json!({});
        }
        let many = self.facts.api >= ApiVersion::new(1, 44);
        let at_create = if many { networks.len() } else { networks.len().min(1) };
        for (network, endpoint) in &networks[..at_create] {
            body["NetworkingConfig"]["EndpointsConfig"][network] = endpoint.clone();
        }
        let id = self.create(&body).map_err(Refusal)?;
        for (network, endpoint) in &networks[at_create..] {
            self.connect(&id, network, endpoint).map_err(Refusal)?;
        }
        Ok(id)
    }

    pub(crate) fn create(&self, body: &Value) -> Result<String, String> {
        let (status, answer) = self.engine.call("POST", "/containers/create", body);
        if status != 201 {
            return Err(format!("create: {status} {answer}"));
        }
        let id = answer["Id"].as_str().unwrap().to_owned();
        self.trash.borrow_mut().push(format!("/containers/{id}?force=1&v=1"));
        Ok(id)
    }

    fn connect(&self, id: &str, network: &str, endpoint: &Value) -> Result<(), String> {
        let body = json!({"Container": id, "EndpointConfig": endpoint});
        match self.engine.call("POST", &format!("/networks/{network}/connect"), &body) {
            (200, _) => Ok(()),
            (status, answer) => Err(format!("connect {network}: {status} {answer}")),
        }
    }

    /// The container once more, from another image.
    pub(crate) fn recreate(&self, id: &str, image: &str) -> (String, Recreated) {
        self.try_recreate(id, image).expect("what runs can be created again")
    }

    pub(crate) fn try_recreate(
        &self,
        id: &str,
        image: &str,
    ) -> Result<(String, Recreated), String> {
        let recreated = self.plan(id, image, |replacement| replacement)?;
        let new = self.create(recreated.body.expose())?;
        for connect in &recreated.connects {
            self.connect(&new, &connect.network, connect.endpoint.expose())?;
        }
        Ok((new, recreated))
    }

    /// What would be asked for.
    pub(crate) fn plan(
        &self,
        id: &str,
        image: &str,
        with: impl FnOnce(Replacement) -> Replacement,
    ) -> Result<Recreated, String> {
        let container = self.inspect(id);
        let old_image = self.inspect_image(container["Image"].as_str().unwrap());
        let source =
            Source::new(Secret::new(container), Secret::new(old_image), self.facts.clone())
                .with_names(self.names());
        let replacement = with(Replacement::new(image, Secret::new(self.inspect_image(image))));
        recreate(&source, &replacement).map_err(|error| error.to_string())
    }

    fn names(&self) -> BTreeMap<String, String> {
        let (_, list) = self.engine.call("GET", "/containers/json?all=1", &Value::Null);
        let name = |of: &Value| of["Names"][0].as_str().unwrap().trim_start_matches('/').to_owned();
        let list = list.as_array().unwrap();
        list.iter().map(|one| (one["Id"].as_str().unwrap().to_owned(), name(one))).collect()
    }

    pub(crate) fn inspect(&self, id: &str) -> Value {
        let (status, answer) =
            self.engine.call("GET", &format!("/containers/{id}/json"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn inspect_image(&self, image: &str) -> Value {
        let (status, answer) =
            self.engine.call("GET", &format!("/images/{image}/json"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Removes a container with the volumes that only it has.
    pub(crate) fn remove(&self, id: &str) {
        let path = format!("/containers/{id}?force=1&v=1");
        self.engine.call("DELETE", &path, &Value::Null);
        self.trash.borrow_mut().retain(|other| *other != path);
    }

    /// Removes something at the end.
    pub(crate) fn remove_later(&self, path: String) {
        self.trash.borrow_mut().insert(0, path);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _removing = IMAGES.write().unwrap();
        for path in self.trash.get_mut().drain(..).rev() {
            self.engine.call("DELETE", &path, &Value::Null);
        }
    }
}

/// A static program that does nothing until it is killed, for containers that have to run.
pub(crate) fn idle() -> Vec<u8> {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let base = format!("{}/idle-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let source = format!("{base}.rs");
    std::fs::write(&source, "fn main() { loop { std::thread::park(); } }").unwrap();
    // `timeout` bounds the compiler, which would otherwise be waited for without a limit.
    let done = Command::new("timeout")
        .args(["120", "rustc", "--edition=2024", "-Ctarget-feature=+crt-static", "-Cpanic=abort"])
        .args(["-Cstrip=symbols", "-o", &base, &source])
        .status()
        .expect("the compiler runs");
    assert!(done.success(), "the program is compiled");
    let program = std::fs::read(&base).unwrap();
    for file in [base, source] {
        std::fs::remove_file(file).unwrap();
    }
    program
}
