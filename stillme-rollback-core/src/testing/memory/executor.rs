//! The executor.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::platform::{Instance, InstanceState, MemoryCall, MemoryPlatform, MemoryReply};
use super::scene::Scene;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Capabilities, Executor, Exhibit, Run, StepContext};
use crate::facts::Facts;
use crate::observation::Observation;
use crate::redact::Secret;
use crate::step::Step;
use crate::target::{Evidence, Release, Target, Version};
use crate::testing::simulated::Simulated;

/// The executor of a simulated [`MemoryPlatform`].
///
/// Its verbs: `create`, `hold` (no restart by the platform), `stop`, `start`, `set-aside` (the old
/// one gives up its name), `take-over` (the new one gets it), `clear` (nothing of the run is left
/// beside the new one), `forget` (the old one is removed; can't be undone).
///
/// Its facts: `name` (`old`, `new` or `free`), `old` (`up`, `down` or `gone`), `old.restart`
/// (`kept` or `held`), `new` (`absent`, `created`, `up` or `exited`), `strays` (`none` or `some`).
#[derive(Clone, Debug)]
pub struct MemoryExecutor {
    platform: Simulated<MemoryPlatform>,
    by_name: bool,
}

impl MemoryExecutor {
    /// The executor of a platform.
    pub fn new(platform: Simulated<MemoryPlatform>) -> Self {
        Self { platform, by_name: false }
    }

    /// An executor that acts on names instead of ids, to show what comes of it.
    #[must_use]
    pub fn acting_by_name(mut self) -> Self {
        self.by_name = true;
        self
    }

    fn list(&self) -> Result<BTreeMap<u64, Instance>> {
        match self.platform.call(MemoryCall::List)? {
            MemoryReply::Instances(instances) => Ok(instances),
            MemoryReply::Done => Err(Error::new(ErrorKind::Corrupt, "list", "no list came")),
        }
    }

    fn scene(&self, run: &Run) -> Result<Scene> {
        Ok(Scene::of(run, self.list()?))
    }

    fn send(&self, call: MemoryCall) -> Result<()> {
        self.platform.call(call).map(drop)
    }

    /// The call as it is sent: on the id, or on the name that the id has now.
    fn addressed(&self, call: MemoryCall, instances: &BTreeMap<u64, Instance>) -> MemoryCall {
        let id = match &call {
            MemoryCall::Start(id)
            | MemoryCall::Stop(id)
            | MemoryCall::Rename(id, _)
            | MemoryCall::SetRestart(id, _)
            | MemoryCall::Remove(id) => *id,
            _ => return call,
        };
        match instances.get(&id) {
            Some(instance) if self.by_name => {
                MemoryCall::ByName(instance.name.clone(), Box::new(call))
            }
            _ => call,
        }
    }
}

#[async_trait]
impl Executor for MemoryExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        let instances = self.list()?;
        let Some((id, running)) = instances.iter().find(|(_, i)| i.name == target.name()) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "observe",
                format!("no `{}`", target.name()),
            ));
        };
        let mut observation = Observation::new(target.clone());
        observation.running = Some(
            Release::new(Version::new(&format!("{}@{id}", running.version))?)
                .with_evidence(Evidence::Running),
        );
        observation.detail = Secret::new(json!({ "up": running.state == InstanceState::Up }));
        Ok(observation)
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        Ok(self.scene(run)?.facts())
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let mut scene = self.scene(&context.run)?;
        expect(step, &scene.facts())?;
        let instances = std::mem::take(&mut scene.instances);
        let call = match verb(step) {
            "create" => MemoryCall::Create {
                name: scene.temporary,
                version: context.run.plan.to.version.as_str().to_owned(),
                run: context.run.id.to_string(),
            },
            "hold" => MemoryCall::SetRestart(scene.old_id, false),
            "stop" => MemoryCall::Stop(scene.old_id),
            "start" => MemoryCall::Start(scene.new_id()?),
            "set-aside" => MemoryCall::Rename(scene.old_id, scene.aside),
            "take-over" => MemoryCall::Rename(scene.new_id()?, scene.service),
            "clear" => match scene.strays.first() {
                Some(stray) => MemoryCall::Remove(*stray),
                None => return Ok(()),
            },
            "forget" => MemoryCall::Remove(scene.old_id),
            verb => return Err(unknown(verb)),
        };
        self.send(self.addressed(call, &instances))
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let mut scene = self.scene(&context.run)?;
        let instances = std::mem::take(&mut scene.instances);
        let call = match verb(step) {
            "create" => match scene.strays.first() {
                Some(stray) => MemoryCall::Remove(*stray),
                None => MemoryCall::Remove(scene.new_id()?),
            },
            "hold" => MemoryCall::SetRestart(scene.old_id, true),
            "stop" => MemoryCall::Start(scene.old_id),
            "start" => MemoryCall::Stop(scene.new_id()?),
            "set-aside" => MemoryCall::Rename(scene.old_id, scene.service),
            // A create whose answer was lost, and which happened late, has the temporary name by now.
            "take-over" => match scene.strays.first() {
                Some(stray) => MemoryCall::Remove(*stray),
                None => MemoryCall::Rename(scene.new_id()?, scene.temporary),
            },
            verb => return Err(unknown(verb)),
        };
        self.send(self.addressed(call, &instances))
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let scene = self.scene(run)?;
        Ok(vec![Exhibit::new("state.txt", scene.facts().to_string(), Vec::new())])
    }
}

/// The engine looks too, but the contract is the executor's own.
fn expect(step: &Step, facts: &Facts) -> Result<()> {
    let differences = step.expects.differences(facts);
    if differences.is_empty() || step.makes.holds(facts) {
        return Ok(());
    }
    let found: Vec<_> = differences.iter().map(ToString::to_string).collect();
    Err(Error::new(ErrorKind::Mismatch, "act", found.join(", ")))
}

fn verb(step: &Step) -> &str {
    match &step.work {
        crate::Work::Apply(action) => &action.verb,
        crate::Work::Verdict => "verdict",
    }
}

fn unknown(verb: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "act", format!("no verb `{verb}`"))
}
