//! The compose command of a model: what an `up` of a current generation asks of its engine, request by
//! request, so that each can fail and the command can be killed between any two.
//!
//! The files are JSON, which is YAML, of the few words that this needs: `services`, and an `image` for
//! each. What becomes of the files is real, what becomes of the containers is the model's.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{Error, ErrorKind, Fingerprint, HashKey, Result, Secret};

use super::executor::ComposeExecutor;
use super::labels;
use super::process::{Ended, Launch, Process};
use crate::names::ContainerId;
use crate::testing::{
    DockerCall, DockerModel, DockerReply, ModelContainer, ModelEngine, ModelState,
};

const PROJECT: &str = "shop";
const SERVICE: &str = "web";
const VERSION: &str = "5.6.0";

impl DockerModel {
    /// An engine on which the service `web` of the Compose project `shop` is up, one container of
    /// `shop:v2` with `shop:v1` beside it; `dir` gets the project's file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn with_compose_service(dir: &Path) -> std::io::Result<Self> {
        let image = format!("{PROJECT}:v2");
        let file = json!({"services": {SERVICE: {"image": image}}});
        std::fs::write(dir.join("compose.yaml"), file.to_string())?;
        let mut model = Self::with_service(PROJECT);
        for container in model.containers_mut().values_mut() {
            container.name = format!("{PROJECT}-{SERVICE}-1");
            container.config = container.config.with("Labels", labels_of(dir, SERVICE, &image));
        }
        Ok(model)
    }
}

impl ComposeExecutor {
    /// An executor over a model, with a compose command that asks the same model.
    pub fn on_model(
        model: Simulated<DockerModel>,
        key: HashKey,
        folder: impl Into<PathBuf>,
    ) -> Self {
        let engine = Arc::new(ModelEngine::new(model.clone()));
        Self::new(engine, key, folder).with_launch(Arc::new(ModelCompose(model)))
    }
}

/// What Compose writes on a container.
fn labels_of(dir: &Path, service: &str, image: &str) -> Value {
    json!({
        labels::PROJECT: PROJECT,
        labels::SERVICE: service,
        labels::NUMBER: "1",
        labels::ONE_OFF: "False",
        labels::CONFIG_HASH: hash(service, image),
        labels::VERSION: VERSION,
        labels::WORKING_DIR: dir,
        labels::CONFIG_FILES: dir.join("compose.yaml"),
    })
}

/// The hash of a service's configuration.
fn hash(service: &str, image: &str) -> String {
    Fingerprint::of_bytes(format!("{service} {image}").as_bytes()).as_str().to_owned()
}

#[derive(Clone, Debug)]
struct ModelCompose(Simulated<DockerModel>);

#[async_trait]
impl Launch for ModelCompose {
    async fn run(
        &self,
        process: &Process,
        doing: &str,
        _limit: Duration,
        held: Option<File>,
    ) -> Result<Ended> {
        // As the real one, it lets go of it when it ends.
        let _held = held;
        if process.program.as_os_str() != "docker-compose" {
            return Err(Error::new(ErrorKind::NotFound, doing, "the model has no such program"));
        }
        let words: Vec<_> =
            process.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Ok(match self.answer(&words) {
            Ok(out) => ended(0, out, String::new()),
            Err(error) if error.is_in_doubt() => {
                ended(1, String::new(), "error during connect".to_owned())
            }
            Err(error) => ended(1, String::new(), format!("Error response from daemon: {error}")),
        })
    }
}

fn ended(code: i32, out: String, err: String) -> Ended {
    let status = ExitStatus::from_raw(code << 8);
    Ended { status, out: Secret::new(out.into_bytes()), err: Secret::new(err.into_bytes()) }
}

impl ModelCompose {
    fn answer(&self, words: &[&str]) -> Result<String> {
        if words == ["version", "--short"] {
            return Ok(VERSION.to_owned());
        }
        let (options, command) = split(words);
        let files: Vec<_> = of(&options, "--file").collect();
        let services = services(&files)?;
        let dir = of(&options, "--project-directory").next().unwrap_or_default();
        match command {
            ["config", "--hash", names] => {
                let line =
                    |name: &str| Some(format!("{name} {}\n", hash(name, services.get(name)?)));
                Ok(names.split(',').filter_map(line).collect())
            }
            ["config", ..] => {
                let all =
                    services.iter().map(|(name, image)| (name.clone(), json!({"image": image})));
                Ok(json!({"services": all.collect::<serde_json::Map<_, _>>()}).to_string())
            }
            ["ps", ..] => {
                let ids = self.containers()?.into_iter().map(|(id, _)| format!("{id}\n"));
                Ok(ids.collect())
            }
            ["up", ..] => {
                for (service, image) in &services {
                    self.up(Path::new(dir), service, image)?;
                }
                Ok(String::new())
            }
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "call compose",
                "the model knows no such command",
            )),
        }
    }

    /// The project's containers, the latest first.
    fn containers(&self) -> Result<Vec<(ContainerId, ModelContainer)>> {
        let DockerReply::Containers(all) = self.0.call(DockerCall::List)? else {
            return Ok(Vec::new());
        };
        let own =
            all.iter().rev().filter(|(_, one)| one.config["Labels"][labels::PROJECT] == PROJECT);
        own.map(|(id, one)| Ok((ContainerId::new(&**id)?, one.clone()))).collect()
    }

    /// One container of the image and the settings that the files say: what is more than that goes, the
    /// one that stays is replaced if it was made from something else, and started if it does not run.
    fn up(&self, dir: &Path, service: &str, image: &str) -> Result<()> {
        let id = match self.0.call(DockerCall::InspectImage(image.to_owned()))? {
            DockerReply::Json(Some(found)) => found["Id"].as_str().unwrap_or_default().to_owned(),
            _ => return Err(Error::new(ErrorKind::NotFound, "bring up", "no such image")),
        };
        let is_current = |one: &ModelContainer| {
            one.config["Labels"][labels::CONFIG_HASH] == hash(service, image) && *one.image == *id
        };
        let (mut own, obsolete): (Vec<_>, Vec<_>) =
            self.containers()?.into_iter().partition(|(_, one)| is_current(one));
        own.extend(obsolete);
        let mut own = own.into_iter();
        let stays = own.next();
        for (extra, _) in own {
            self.0.call(DockerCall::Stop(extra.clone()))?;
            self.0.call(DockerCall::Remove(extra, false))?;
        }
        let body = || body(dir, service, image);
        let up = match stays {
            None => Some(self.create(&format!("{PROJECT}-{service}-1"), body())?),
            Some((old, one)) if !is_current(&one) => Some(self.replace(&old, &one.name, body())?),
            Some((_, one)) if one.state == ModelState::Running => None,
            Some((id, _)) => Some(id),
        };
        if let Some(id) = up {
            self.0.call(DockerCall::Start(id))?;
        }
        Ok(())
    }

    /// The new container under a name of its own, then the place of the old one.
    fn replace(&self, old: &ContainerId, name: &str, body: Value) -> Result<ContainerId> {
        let new = self.create(&format!("{}_{name}", &old.as_str()[..12]), body)?;
        self.0.call(DockerCall::Stop(old.clone()))?;
        self.0.call(DockerCall::Remove(old.clone(), false))?;
        self.0.call(DockerCall::Rename(new.clone(), name.to_owned()))?;
        Ok(new)
    }

    fn create(&self, name: &str, body: Value) -> Result<ContainerId> {
        match self.0.call(DockerCall::Create(name.to_owned(), body))? {
            DockerReply::Created(id) => ContainerId::new(&*id),
            _ => Err(Error::new(ErrorKind::Corrupt, "create", "no id came")),
        }
    }
}

fn body(dir: &Path, service: &str, image: &str) -> Value {
    let binding = json!([{"HostIp": "127.0.0.1", "HostPort": "80"}]);
    json!({
        "Image": image,
        "Env": ["A=1"],
        "Labels": labels_of(dir, service, image),
        "HostConfig": {
            "NetworkMode": "default",
            "RestartPolicy": {"Name": "unless-stopped"},
            "PortBindings": {"80/tcp": binding},
        },
    })
}

/// The options before the command, in pairs, and the command with what follows.
fn split<'a, 'b>(words: &'b [&'a str]) -> (Vec<(&'a str, &'a str)>, &'b [&'a str]) {
    let mut options = Vec::new();
    let mut rest = words;
    while let [name, value, more @ ..] = rest
        && name.starts_with("--")
    {
        options.push((*name, *value));
        rest = more;
    }
    (options, rest)
}

fn of<'a>(options: &[(&'a str, &'a str)], name: &str) -> impl Iterator<Item = &'a str> {
    let values: Vec<_> =
        options.iter().filter(|(own, _)| *own == name).map(|(_, value)| *value).collect();
    values.into_iter()
}

/// The services' images as the files say them, the last one counting.
fn services(files: &[&str]) -> Result<BTreeMap<String, String>> {
    let unreadable = |_| Error::new(ErrorKind::InvalidInput, "read files", "a file can't be read");
    let mut images = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
        let file: Value =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        for (name, service) in file["services"].as_object().into_iter().flatten() {
            images.insert(name.clone(), service["image"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(images)
}
