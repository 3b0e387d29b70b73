//! The engine over the model.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stillme_rollback_core::testing::Simulated;
use stillme_rollback_core::{
    Check, Error, ErrorKind, ExecOutput, ImageRef, Outcome, Result, Run, Secret, Verdict, Verifier,
};

use super::call::{DockerCall, DockerReply};
use super::model::{DockerModel, ModelContainer, ModelState};
use crate::engine::{
    Changed, ContainerFilter, ContainerSummary, Created, Engine, EngineInfo, EventWindow,
    ImageSummary, NewContainer, NewNetwork, PathChange,
};
use crate::names::{ContainerId, ContainerName, ContainerRef, ImageId};

/// An engine in memory.
#[derive(Clone, Debug)]
pub struct ModelEngine(Simulated<DockerModel>);

impl ModelEngine {
    /// The engine over a simulated model.
    pub const fn new(model: Simulated<DockerModel>) -> Self {
        Self(model)
    }

    fn change(&self, call: DockerCall) -> Result<Changed> {
        match self.0.call(call)? {
            DockerReply::Already => Ok(Changed::Already),
            _ => Ok(Changed::Yes),
        }
    }

    fn json(&self, call: DockerCall) -> Result<Option<Secret<Value>>> {
        match self.0.call(call)? {
            DockerReply::Json(answer) => Ok(answer.map(Secret::new)),
            _ => Err(Error::new(ErrorKind::Corrupt, "call engine", "no such answer was expected")),
        }
    }
}

#[async_trait]
impl Engine for ModelEngine {
    fn limited(&self, _limit: Duration) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    async fn info(&self) -> Result<EngineInfo> {
        let mut info = EngineInfo::new("MODEL");
        info.api = String::from("1.41");
        info.os = String::from("linux");
        info.arch = String::from("amd64");
        Ok(info)
    }

    async fn inspect_container(&self, container: &ContainerRef) -> Result<Option<Secret<Value>>> {
        self.json(DockerCall::Inspect(container.as_str().to_owned()))
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerSummary>> {
        let DockerReply::Containers(containers) = self.0.call(DockerCall::List)? else {
            return Err(Error::new(ErrorKind::Corrupt, "call engine", "no list came"));
        };
        let summary = |(id, container): (&Arc<str>, &ModelContainer)| {
            let mut summary = ContainerSummary::new(ContainerId::new(&**id)?);
            summary.name = ContainerName::new(&*container.name).ok();
            summary.image_id = ImageId::new(&*container.image).ok();
            summary.state = container.state.as_str().to_owned();
            let labels = container.config["Labels"].as_object().into_iter().flatten();
            let text = |(k, v): (&String, &Value)| Some((k.clone(), v.as_str()?.to_owned()));
            summary.labels = labels.filter_map(text).collect();
            Ok(summary)
        };
        let all: Result<Vec<_>> = containers.iter().map(summary).collect();
        let mut all = all?;
        all.retain(|container| {
            let has = |(name, value): &(String, Option<String>)| match value {
                Some(value) => container.label(name) == Some(value),
                None => container.label(name).is_some(),
            };
            (filter.stopped_too || container.state == "running") && filter.labels.iter().all(has)
        });
        Ok(all)
    }

    async fn create_container(&self, container: &NewContainer) -> Result<Created> {
        let (name, body) = (container.name.as_str(), container.body.expose());
        let call = DockerCall::Create(name.to_owned(), body.clone());
        match self.0.call(call)? {
            DockerReply::Created(id) => Ok(Created::new(ContainerId::new(&*id)?)),
            _ => Err(Error::new(ErrorKind::Corrupt, "call engine", "no id came")),
        }
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Changed> {
        self.change(DockerCall::Start(id.clone()))
    }

    async fn stop_container(&self, id: &ContainerId, _grace: Duration) -> Result<Changed> {
        self.change(DockerCall::Stop(id.clone()))
    }

    async fn kill_container(&self, id: &ContainerId, _signal: &str) -> Result<Changed> {
        self.change(DockerCall::Stop(id.clone()))
    }

    async fn rename_container(&self, id: &ContainerId, name: &ContainerName) -> Result<Changed> {
        self.change(DockerCall::Rename(id.clone(), name.as_str().to_owned()))
    }

    async fn set_restart_policy(&self, id: &ContainerId, policy: &Value) -> Result<()> {
        self.change(DockerCall::Restart(id.clone(), policy.clone())).map(drop)
    }

    async fn remove_container(&self, id: &ContainerId, force: bool) -> Result<Changed> {
        self.change(DockerCall::Remove(id.clone(), force))
    }

    async fn container_changes(&self, _id: &ContainerId) -> Result<Vec<PathChange>> {
        Ok(Vec::new())
    }

    async fn logs(
        &self,
        _id: &ContainerId,
        _lines: usize,
        _bytes: usize,
    ) -> Result<Secret<Vec<u8>>> {
        Ok(Secret::new(Vec::new()))
    }

    async fn exec(
        &self,
        id: &ContainerId,
        _command: &[String],
        _limit: Duration,
        _bytes: usize,
    ) -> Result<ExecOutput> {
        let model = self.0.model();
        let container = model.containers.get(id.as_str());
        let fails = container.is_none_or(|c| model.unready.iter().any(|image| **image == *c.image));
        Ok(ExecOutput::new(i64::from(fails), Vec::new()))
    }

    async fn stats(&self, _id: &ContainerId) -> Result<Value> {
        Ok(json!({}))
    }

    async fn events(&self, _id: &ContainerId, _window: EventWindow) -> Result<Secret<Vec<Value>>> {
        Ok(Secret::new(Vec::new()))
    }

    async fn inspect_image(&self, image: &str) -> Result<Option<Secret<Value>>> {
        self.json(DockerCall::InspectImage(image.to_owned()))
    }

    async fn list_images(&self, repository: &str) -> Result<Vec<ImageSummary>> {
        let mut images: Vec<ImageSummary> = Vec::new();
        for (tag, id) in self.0.model().tags.iter() {
            if tag.rsplit_once(':').is_none_or(|(name, _)| name != repository) {
                continue;
            }
            let mut image = ImageSummary::new(ImageId::new(&**id)?);
            image.tags.push(tag.clone());
            images.push(image);
        }
        Ok(images)
    }

    async fn tag_image(&self, id: &ImageId, tag: &ImageRef) -> Result<()> {
        self.change(DockerCall::Tag(id.clone(), tag.as_str().to_owned())).map(drop)
    }

    async fn untag_image(&self, tag: &ImageRef, _expected: &ImageId) -> Result<Changed> {
        self.change(DockerCall::Untag(tag.as_str().to_owned()))
    }

    async fn connect_network(
        &self,
        network: &str,
        id: &ContainerId,
        _endpoint: &Value,
    ) -> Result<Changed> {
        self.change(DockerCall::Connect(network.to_owned(), id.clone()))
    }

    async fn disconnect_network(&self, network: &str, id: &ContainerId) -> Result<Changed> {
        self.change(DockerCall::Disconnect(network.to_owned(), id.clone()))
    }

    async fn inspect_network(&self, network: &str) -> Result<Option<Value>> {
        let found = self.json(DockerCall::InspectNetwork(network.to_owned()))?;
        Ok(found.map(|network| network.expose().clone()))
    }

    async fn create_network(&self, network: &NewNetwork) -> Result<Changed> {
        self.change(DockerCall::CreateNetwork(network.name.clone()))
    }

    async fn remove_network(&self, network: &str) -> Result<Changed> {
        self.change(DockerCall::RemoveNetwork(network.to_owned()))
    }
}

/// A verifier that looks into the model: what runs must be the target, and not sick.
#[derive(Clone, Debug)]
pub struct ModelVerifier(Simulated<DockerModel>);

impl ModelVerifier {
    /// The verifier of a simulated model.
    pub const fn new(model: Simulated<DockerModel>) -> Self {
        Self(model)
    }
}

#[async_trait]
impl Verifier for ModelVerifier {
    async fn verify(&self, run: &Run, _time_left: Duration) -> Result<Verdict> {
        let DockerReply::Containers(containers) = self.0.call(DockerCall::List)? else {
            return Err(Error::new(ErrorKind::Corrupt, "verify", "no list came"));
        };
        let mut model = self.0.model();
        model.containers = containers;
        let (sick, serving) = (&model.sick, model.serving());
        let adrift = |container: &&ModelContainer| {
            container.state == ModelState::Running && !model.is_held_up(container)
        };
        if model.containers.values().any(|container| adrift(&container)) {
            let evidence = "a container runs whose namespace is gone";
            return Ok(Verdict::of(vec![Check::new("model", Outcome::Fail, evidence)]));
        }
        let (outcome, evidence) = match serving {
            None => (Outcome::Fail, "nothing runs"),
            Some(container) if sick.iter().any(|image| **image == *container.image) => {
                (Outcome::Fail, "it is sick")
            }
            Some(container) if *container.image == *run.plan.to.version.as_str() => {
                (Outcome::Pass, "it works")
            }
            Some(_) => (Outcome::Fail, "another version runs"),
        };
        Ok(Verdict::of(vec![Check::new("model", outcome, evidence)]))
    }
}
